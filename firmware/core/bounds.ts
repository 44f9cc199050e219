/** Every bound of the node's own queues, retries, waits and buffers, with the reason for the number. */

/**
 * The most that the claims take beside their columns' items and the two texts of the node (hwmodel, profile URI): keys and heads, counters
 * at full width, ten column heads are 112 bytes; rounded up. The attester closes a batch before a token would pass MAX_TOKEN_BYTES.
 */
export const CLAIMS_FIXED_BYTES = 120;

/**
 * Blocking work that may be started at once: one erase of a flash sector (400 ms) and one signature (150 ms), and 50 ms to get back to the
 * event loop. Work that may block waits while the MAC wants to be woken within this time.
 */
export const BLOCKING_WORK_MS = 600;

/**
 * New uplinks without any downlink, after which a node joins anew: the network has forgotten it, or an old join accept has led it astray (1.0.4 binds
 * an accept to no request). By then it has asked for a sign of life more than 200 times and has been through all data rates (288 uplinks).
 */
export const REJOIN_UPLINKS = 320;

/**
 * The radio is woken so long before a receive window: its timer, its wake-up and its oscillator's command each wait up to 15 ms for JavaScript,
 * and the oscillator takes 5 ms to start. It costs 0.1 mJ; without it every window would have to be open for 30 ms more.
 */
export const RADIO_PREPARE_MS = 60;

/**
 * Readings that wait in memory while a receive window is near. The longest such time is a join's (6 s); at one sample a second and with
 * the window's own margin that is seven; with the eighth the journal is written all the same.
 */
export const JOURNAL_WAITING_MAX = 8;

/** A sample later than this is not taken for its slot: the finest time class that we claim is 1.024 s. */
export const SAMPLE_LATENESS_MS = 1000;

/**
 * The clock was corrected backwards: how long sampling waits so that no time is given twice. A correction by more than this says that
 * the earlier time was plain wrong; then the schedule starts anew instead of resting for days.
 */
export const SCHEDULE_WAIT_MAX_MS = 3_600_000;

/** Error of the crystal that counts uptime, for the growth of the wall time's uncertainty: what the receive windows are sized for, too. */
export const CLOCK_DRIFT_PPM = 40;

/** The time is asked for again after six hours: 40 ppm are 0.9 s by then, which with DeviceTimeAns's own second stays in the class of 2 s. */
export const TIME_REFRESH_MS = 21_600_000;

/**
 * The same for a node that sleeps deeply: an RC oscillator then counts the time, which is wrong by up to 1 %, 36 s in an hour. More often costs more
 * frames than it is worth.
 */
export const SLEEPING_CLOCK_DRIFT_PPM = 10_000;
export const SLEEPING_TIME_REFRESH_MS = 3_600_000;

/** Before a deep sleep, how soon to look again whether the radio has fallen asleep: it takes a few milliseconds, and left awake it draws 0.6 mA. */
export const SETTLING_MS = 10;

/** An unanswered request for the time is repeated after a minute, then after twice as long each time, up to an hour: each costs a frame. */
export const TIME_RETRY_FIRST_MS = 60_000;
export const TIME_RETRY_MAX_MS = 3_600_000;

/**
 * Tokens that one digest covers at most: whoever checks it must hold them all. A node that signs every reading at one a minute makes six
 * digests a day.
 */
export const DIGEST_TOKENS_MAX = 256;

/** And at least: a digest of one token says nothing that the gap in seq does not. */
export const DIGEST_TOKENS_MIN = 2;

/**
 * Challenges and requests for the boot token are answered once in ten minutes each: at DR0 such a token takes a quarter of an hour of duty cycle,
 * and whoever asks faster than that must not fill the outbox.
 */
export const ANSWER_INTERVAL_MS = 600_000;

/** Challenges that the node remembers as answered, across power cuts too: hours of them, while a downlink is repeated for minutes. */
export const ANSWERED_NONCES = 8;

/** A failed signature (a secure element that does not answer) is tried again after a second, doubling up to a minute. */
export const SIGN_RETRY_FIRST_MS = 1000;
export const SIGN_RETRY_MAX_MS = 60_000;

/**
 * Tokens of the outbox, and so the size of its bitmaps: four months at eight a day. It is also the age at which a token is given up that the receiver
 * never acknowledges: when so many later ones have been stored.
 */
export const OUTBOX_TOKENS_MAX = 1024;

/** Tokens that uplinks may hold at once: one each for Wi-Fi and LoRa, and those that LoRa has set aside. */
export const FLIGHTS_MAX = 8;

/** A batch whose last reading is older than this carries its numbers and times in full: the receiver guesses what is left out from the time of reception. */
export const COMPACT_AGE_MAX_S = 21_600;

/** The same in steps of the batch, for short ones: half of what the receiver can tell apart, the other half is for the way. */
export const COMPACT_AGE_MAX_STEPS = 128;

/** How far a token's seq may be ahead of all that came through for its compact form to carry seq modulo 16 only: half of what the receiver can tell apart. */
export const SEQ_AHEAD_MAX = 8;

/** Without downlinks every eighth token carries its number in full, whatever came through: a byte a token. */
export const NUMBER_IN_FULL_EVERY = 8;

/**
 * A token that came back is sent again after a minute, then after twice as long each time, up to six hours: at DR0 a token of 500 bytes
 * takes 45 minutes of duty cycle. From the third try on the wait is that of all such tokens together.
 */
export const RESEND_FIRST_MS = 60_000;
export const RESEND_MAX_MS = 21_600_000;

/** After a failure no token at all goes for half a minute, doubling up to an hour: a dead path is probed, not flooded. */
export const PATH_RETRY_FIRST_MS = 30_000;
export const PATH_RETRY_MAX_MS = 3_600_000;

/**
 * When nothing has come through for six hours and then something does, it was the path: what came back meanwhile was not refused, and goes like new, newest
 * and oldest in turn. A receiver that refuses tokens can bring this about four times a day, as often as such a token goes anyway.
 */
export const OUTAGE_MS = 21_600_000;

/** While draining somebody waits for the node: back-offs are cut to this. */
export const DRAIN_RETRY_MAX_MS = 60_000;

/** First transmission of a token: a random delay up to a quarter of the batch's duration, at most 15 minutes, so that a fleet spreads out. */
export const SPREAD_FRACTION = 4;
export const SPREAD_MAX_MS = 900_000;

/** After a reboot the backlog starts within a minute: power returns to a whole fleet at once. */
export const SPREAD_REBOOT_MS = 60_000;

/**
 * Unanswered acknowledgement requests in a row before the outbox takes a token back (MAX_ACK_REQUESTS of RFC 9011 5.6.2), and the wait
 * before one; it doubles while nothing is heard, up to the maximum. A network server needs one uplink to get a queued downlink out, so the
 * first comes soon.
 */
export const ACK_REQUESTS_MAX = 8;
export const ACK_REQUEST_FIRST_MS = 15_000;
export const ACK_REQUEST_MAX_MS = 480_000;

/**
 * The same for a compact token. It is asked for only where a frame is a small part of it, by a parity tile, which is of use by itself; and while the
 * network says that it holds something for the node: its queue may be long, but each question costs half of what the shortest token does.
 */
export const COMPACT_ACK_REQUESTS_MAX = 3;

/**
 * Parity tiles that go ahead of any request where no downlinks are expected, in per cent of the data tiles: what is lost there is lost for good.
 * At 20 % loss as many again deliver 97 tokens of 100, half as many 82 to 96 (docs/loss.md).
 */
export const AHEAD_PARITY_PERCENT = 100;

/**
 * Compact tokens that were sent and not answered wait for the answer to a later token. Seven: with every third frame unanswered they fill up once
 * in a thousand tokens, and the answer tells of eight. Half a day: so long the receiver keeps what came of them. They are resumed eight times before
 * they start anew.
 */
export const SET_ASIDE_MAX = 7;
export const SET_ASIDE_MS = 43_200_000;
export const RESUMES_MAX = 8;

/**
 * One that the receiver lacks still after two resumptions, and does not say what of it, is parked there for want of something else: it rests for an hour,
 * then twice as long each time, up to SET_ASIDE_MS. And so many in a row without any answer, first transmissions and resumptions, say that the path is
 * dead: at 20 % loss that is one case in a million, at 40 % one in 500.
 */
export const RESUME_REST_MS = 3_600_000;
export const UNANSWERED_MAX = 14;

/**
 * Bitmaps for one token that ask for tiles again. With half of all frames lost, the 103 tiles of the longest token need about 10; a receiver
 * that wants more than this is broken.
 */
export const REPAIRS_MAX = 32;

/** After a refusal by the MAC nothing is handed in for a second, whatever it says: no loop, should it ever refuse "until now". */
export const REFUSAL_PAUSE_MS = 1000;

/**
 * Point to point: the longest random wait before a frame, which doubles after each question that nobody answered. Two seconds hold a frame with its
 * window; after a minute's wait two nodes that collided at SF12 meet again in one of ten cases.
 */
export const P2P_BACK_OFF_FIRST_MS = 2000;
export const P2P_BACK_OFF_MAX_MS = 64_000;

/** Point to point: counters reserved on flash at once. A node that sends all its duty cycle allows at SF7 writes 15 times a day. */
export const P2P_COUNTER_BLOCK = 256;

/** Point to point: how late an answer may begin, or the window for it be opened: timer and radio each wait up to 15 ms for JavaScript only once, prepared. */
export const P2P_ANSWER_LATENCY_MS = 20;

/** Nodes that a base remembers, each with the answer that waits for it: more than its duty cycle can serve at once. */
export const P2P_BASE_NODES = 64;

/** A base whose radio failed starts listening again after so long. */
export const P2P_BASE_RETRY_MS = 1000;

/** Publications of one token before the outbox takes it back, and the wait for the receiver's answer to the first; it doubles each time. */
export const PUBLISH_TRIES_MAX = 4;
export const PUBLISH_ANSWER_FIRST_MS = 10_000;

/** A sleep shorter than this costs more energy in the boot that follows (about 300 ms at full current) than it saves. */
export const SLEEP_MIN_MS = 2000;

/** After a wake-up with a token to send: how long the node stays awake for Wi-Fi to connect (2 to 5 s where there is a network). */
export const CONNECT_WAIT_MS = 15_000;

/**
 * All saved state: an ESP32 retains 8 KB through deep sleep, of which the IDF and the radio driver take some. An EU868 node with a full
 * outbox window and readings that wait takes about 1,850 bytes; plans with 72 channels take more.
 */
export const STATE_BYTES_MAX = 4096;
