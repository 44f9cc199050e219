/** Checkers find what they are for: each is shown what is right, and what is wrong. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { KEY_SLOT } from "../../../../firmware/wire/key-slot.ts";
import { FrameCodec } from "../../../../firmware/wire/lorawan-codec.ts";
import { newJoinAccept } from "../../../../firmware/wire/lorawan-frame.ts";
import { tileCount, writeAll1, writeRegular } from "../../../../firmware/wire/schc-fragment.ts";
import { AirSessions } from "../../../../host-sim/checkers/air-sessions.ts";
import { CounterChecker } from "../../../../host-sim/checkers/counter-checker.ts";
import { DutyCycleChecker } from "../../../../host-sim/checkers/duty-cycle-checker.ts";
import { SeqChecker } from "../../../../host-sim/checkers/seq-checker.ts";
import { NetworkCrypto, nobleAes } from "../../../../host-sim/network/network-crypto.ts";
import type { AirTransmission } from "../../../../host-sim/radio/channel.ts";
import { UPLINK } from "../../drivers/radio/radio-bench.ts";

const DEV_EUI = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]);
const APP_KEY = new Uint8Array(16).fill(5);
const HOUR_US = 3_600_000_000;

/** Both ends of one device, without either's books. */
class Laboratory {
  air = new AirSessions([{ devEui: "0102030405060708", appKey: APP_KEY }]);
  readonly counters = new CounterChecker();
  readonly seqs = new SeqChecker();
  #crypto = new NetworkCrypto(nobleAes);
  #codec = new FrameCodec(this.#crypto);
  #joinNonce = 0;
  #devAddr = 0x100;

  constructor() {
    this.#crypto.importKey(KEY_SLOT.appKey, APP_KEY);
  }

  send(bytes: Uint8Array): void {
    const frame = this.air.read(bytes);
    if (frame === undefined) {
      this.counters.unreadable(bytes);
      return;
    }
    this.counters.sent(frame, bytes);
    this.seqs.sent(frame);
  }

  /** Whoever listens now has not heard the join. */
  forgetAirKeys(): void {
    this.air = new AirSessions([{ devEui: "0102030405060708", appKey: APP_KEY }]);
  }

  join(devNonce: number): void {
    const request = new Uint8Array(23);
    this.#codec.writeJoinRequest(new Uint8Array(8), DEV_EUI, devNonce, request);
    this.send(request);
    const accept = { ...newJoinAccept(), joinNonce: ++this.#joinNonce, devAddr: ++this.#devAddr };
    const into = new Uint8Array(17);
    this.#codec.writeJoinAccept(accept, this.#crypto, into);
    this.air.read(into);
    this.#codec.deriveSessionKeys(this.#joinNonce, 0, devNonce);
  }

  up(fCnt: number, payload: readonly number[], fPort = 1): void {
    const flags = { uplink: true, confirmed: false, adr: true, adrAckReq: false, ack: false, fPending: false };
    const header = { ...flags, devAddr: this.#devAddr, fCnt, fPort };
    const into = new Uint8Array(255);
    const content = new Uint8Array(payload);
    const length = this.#codec.writeData(header, into.slice(0, 0), 0, content, content.length, into);
    this.send(into.slice(0, length));
  }
}

describe("counter checker", () => {
  it("TS001-1.0.4 4.3.1.5: the same counter with other contents is a violation, the same frame again is not", () => {
    const lab = new Laboratory();
    lab.join(0);
    lab.up(0, [1]);
    lab.up(5, [2]);
    lab.up(5, [2]);
    deepEqual(lab.counters.violations, []);
    equal(lab.counters.uplinks, 2);
    equal(lab.counters.repeats, 1);
    equal(lab.counters.skipped()[0].skipped, 4);
    lab.up(5, [3]);
    match(lab.counters.violations[0], /FCntUp 5 twice/);
  });

  it("a counter begins anew under a new key", () => {
    const lab = new Laboratory();
    lab.join(0);
    lab.up(0, [1]);
    lab.join(1);
    lab.up(0, [2]);
    deepEqual(lab.counters.violations, []);
    equal(lab.air.sessions.length, 2);
  });

  it("the upper half of the counter is found: 32 bits count", () => {
    const lab = new Laboratory();
    lab.join(0);
    lab.up(0xffff, [1]);
    lab.up(0x1ffff, [2]);
    deepEqual(lab.counters.violations, []);
    equal(lab.counters.skipped()[0].highest, 0x1ffff);
  });

  it("TS001-1.0.4 6.2.5: a DevNonce twice", () => {
    const lab = new Laboratory();
    lab.join(7);
    lab.join(8);
    deepEqual(lab.counters.violations, []);
    lab.join(7);
    match(lab.counters.violations[0], /DevNonce 7 twice/);
  });

  it("a frame under keys that nobody agreed upon", () => {
    const lab = new Laboratory();
    lab.join(0);
    lab.forgetAirKeys();
    lab.up(0, [1]);
    equal(lab.counters.violations.length, 1);
  });
});

describe("duty cycle checker", () => {
  const sent = (startUs: number, us: number, frequencyHz = 868_100_000): AirTransmission => ({
    modulation: { ...UPLINK, frequencyHz },
    powerDbm: 14,
    frame: new Uint8Array(1),
    startUs,
    endUs: startUs + us,
    from: DEV_EUI,
    position: { x: 0, y: 0 },
  });

  it("ETSI EN 300 220-2, band M: 36 s in an hour are allowed, and a microsecond more is not, wherever the hour begins", () => {
    const half = 18_000_000;
    for (const tooSoonUs of [0, 1]) {
      const checker = new DutyCycleChecker();
      checker.sent(sent(1_000, half));
      checker.sent(sent(500_000_000, half));
      // It grows as fast into the hour that ends with it as the first leaves that hour.
      checker.sent(sent(1_000 + HOUR_US - tooSoonUs, half));
      equal(checker.violations.length, tooSoonUs, checker.violations[0]);
    }
  });

  it("bands are counted by themselves, transmitters too, and a frequency in none is a violation", () => {
    const checker = new DutyCycleChecker();
    checker.sent(sent(0, 36_000_000));
    checker.sent({ ...sent(40_000_000, 36_000_000), from: {} });
    checker.sent(sent(80_000_000, 300_000_000, 869_525_000));
    deepEqual(checker.violations, []);
    equal(checker.worst, 1);
    checker.sent(sent(500_000_000, 1_000, 868_650_000));
    match(checker.violations[0], /in no band/);
  });
});

describe("seq checker", () => {
  it("what is no token is a violation", () => {
    const seqs = new SeqChecker();
    seqs.token("ab", new Uint8Array([1, 2, 3]));
    equal(seqs.violations.length, 1);
  });

  it("RFC 8724 8: puts a datagram together from the frames in the air, whatever its length", () => {
    for (const length of [5, 10, 25, 60, 61]) {
      const lab = new Laboratory();
      lab.join(0);
      const datagram = Uint8Array.from({ length }, (_, i) => i * 7);
      const fragment = new Uint8Array(222);
      const tiles = tileCount(length) - 1;
      let fCnt = 0;
      if (tiles > 0) lab.up(fCnt++, [...fragment.subarray(0, writeRegular(datagram, 0, tiles, fragment))], 32);
      lab.up(fCnt, [...fragment.subarray(0, writeAll1(datagram, length, fragment))], 32);
      // It was found to be whole, and then to be no token.
      equal(lab.seqs.violations.length, 1, `${length}`);
      ok(lab.seqs.violations[0].includes("a token that is none"));
    }
  });
});
