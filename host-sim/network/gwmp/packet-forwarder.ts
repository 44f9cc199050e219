/**
 * The gateway's side of the Semtech UDP protocol (PROTOCOL.TXT 3 and 5): a packet forwarder, without socket and without clock. It stands
 * between a concentrator and a server whose address it knows.
 *
 *                    PULL_ACK
 *   UNANSWERED -----------------------> CONNECTED
 *       ^                                   |
 *       +-----------------------------------+
 *          MISSED_PULLS PULL_DATA in a row without a PULL_ACK
 *
 * In either state: a PULL_DATA every `keepAliveMs`, the first at once (it opens the way back through a NAT); a stat every `statMs`; a PUSH_DATA
 * for each frame heard; whatever a PULL_RESP asks for is handed to the concentrator, and its answer goes back as TX_ACK.
 *
 * The protocol repeats nothing (PROTOCOL.TXT 1), so a lost PUSH_DATA is a lost frame. `pushRetries` changes that: the same datagram with
 * the same token goes again when no PUSH_ACK has come in time.
 */
import type { TxStatus } from "../gateway.ts";
import { parseDatagram, writeDatagram } from "./datagram.ts";
import { parsePullResp, type TxPacket, txAckText } from "./pull-payload.ts";
import { type GatewayStat, pushText, type RxPacket } from "./push-payload.ts";

export type ForwarderEvent =
  /** The concentrator heard a frame. */
  | { kind: "heard"; packet: RxPacket }
  /** Something came from the server's address. */
  | { kind: "datagram"; bytes: Uint8Array }
  /** The concentrator took a downlink, or refused it. */
  | { kind: "planned"; token: number; status: Exclude<TxStatus, "gateway-away"> }
  /** A frame left the antenna. */
  | { kind: "sent" };

export type ForwarderCommand =
  | { kind: "send"; bytes: Uint8Array }
  /** For the concentrator; to be answered by `planned` with the same token. */
  | { kind: "plan"; token: number; packet: TxPacket };

export interface ForwarderOptions {
  /** Sixteen hexadecimal digits. */
  gatewayId: string;
  /** Draws tokens: 32 random bits. */
  random: { u32(): number };
  /** Wall time at 0 ms of the time that the machine is told. */
  startUnixMs: number;
  location?: GatewayStat["location"];
  keepAliveMs?: number;
  statMs?: number;
  /** How often a PUSH_DATA without an answer goes again. */
  pushRetries?: number;
}

/** A PUSH_DATA whose PUSH_ACK has not come yet. */
interface Push {
  bytes: Uint8Array;
  retriesLeft: number;
  deadlineMs: number;
}

/** packet_forwarder's global_conf.json: keepalive_interval and stat_interval. */
const KEEP_ALIVE_MS = 10_000;
const STAT_MS = 30_000;
/** PUSH_TIMEOUT_MS waits 100 ms for its answer; here that holds for each attempt. */
const PUSH_TIMEOUT_MS = 100;
/** An answer later than this does not count any more. */
const PUSH_LOST_MS = 2_000;
/** With 10 s between them the way has been shut for half a minute. */
const MISSED_PULLS = 3;
/** Uplinks of eight demodulators in a second of waiting; more means that nobody answers. */
const MAX_PENDING = 64;

export class PacketForwarder {
  /** Since the beginning: datagrams of each kind, and what was not understood by its reason. */
  readonly counters = { pushed: 0, pushAcknowledged: 0, pushRepeated: 0, pulled: 0, pullAcknowledged: 0, downlinks: 0 };
  readonly refused: Record<string, number> = {};
  #options: ForwarderOptions;
  #keepAliveMs: number;
  #statMs: number;
  #nextPullMs: number;
  #nextStatMs: number;
  #pullToken = -1;
  #missedPulls = MISSED_PULLS;
  #pushes = new Map<number, Push>();
  #commands: ForwarderCommand[] = [];
  /** Since the last stat. */
  #stat = { received: 0, pushed: 0, acknowledged: 0, downlinks: 0, sent: 0 };

  constructor(options: ForwarderOptions, nowMs: number) {
    this.#options = options;
    this.#keepAliveMs = options.keepAliveMs ?? KEEP_ALIVE_MS;
    this.#statMs = options.statMs ?? STAT_MS;
    this.#nextPullMs = nowMs;
    this.#nextStatMs = nowMs + this.#statMs;
  }

  /** The server answers. */
  get connected(): boolean {
    return this.#missedPulls < MISSED_PULLS;
  }

  handle(event: ForwarderEvent, nowMs: number): void {
    switch (event.kind) {
      case "heard":
        this.#stat.received++;
        this.#push(pushText([event.packet]), nowMs);
        break;
      case "datagram":
        this.#count(this.#takeDatagram(event.bytes));
        break;
      case "planned": {
        const { gatewayId } = this.#options;
        this.#send(writeDatagram({ kind: "tx-ack", token: event.token, gatewayId, text: txAckText(event.status) }));
        break;
      }
      case "sent":
        this.#stat.sent++;
        break;
    }
  }

  handleTimeout(nowMs: number): void {
    for (const [token, push] of this.#pushes) {
      if (push.deadlineMs > nowMs) continue;
      if (push.retriesLeft === 0) {
        this.#pushes.delete(token);
        continue;
      }
      push.retriesLeft--;
      push.deadlineMs = nowMs + waitMs(push.retriesLeft);
      this.counters.pushRepeated++;
      this.#send(push.bytes);
    }
    if (nowMs >= this.#nextPullMs) this.#pull(nowMs);
    if (nowMs >= this.#nextStatMs) this.#report(nowMs);
  }

  pollTimeout(): number {
    let atMs = Math.min(this.#nextPullMs, this.#nextStatMs);
    for (const { deadlineMs } of this.#pushes.values()) atMs = Math.min(atMs, deadlineMs);
    return atMs;
  }

  pollCommand(): ForwarderCommand | undefined {
    return this.#commands.shift();
  }

  /** Returns why it was not taken. */
  #takeDatagram(bytes: Uint8Array): string | undefined {
    const parsed = parseDatagram(bytes);
    if (!parsed.ok) return parsed.reason;
    const { datagram } = parsed;
    if (datagram.kind === "push-ack") {
      if (!this.#pushes.delete(datagram.token)) return "token-unknown";
      this.counters.pushAcknowledged++;
      this.#stat.acknowledged++;
      return undefined;
    }
    if (datagram.kind === "pull-ack") {
      if (datagram.token !== this.#pullToken) return "token-unknown";
      this.#pullToken = -1;
      this.#missedPulls = 0;
      this.counters.pullAcknowledged++;
      return undefined;
    }
    if (datagram.kind !== "pull-resp") return "not-for-a-gateway";
    this.counters.downlinks++;
    this.#stat.downlinks++;
    const packet = parsePullResp(datagram.text);
    // As the forwarder has it: what cannot be read is dropped without a TX_ACK, which knows no word for it.
    if (!packet.ok) return packet.reason;
    this.#commands.push({ kind: "plan", token: datagram.token, packet: packet.value });
    return undefined;
  }

  #push(text: string, nowMs: number): void {
    const token = this.#newToken();
    const bytes = writeDatagram({ kind: "push-data", token, gatewayId: this.#options.gatewayId, text });
    if (this.#pushes.size >= MAX_PENDING) {
      for (const oldest of this.#pushes.keys()) {
        this.#pushes.delete(oldest);
        break;
      }
    }
    const retriesLeft = this.#options.pushRetries ?? 0;
    this.#pushes.set(token, { bytes, retriesLeft, deadlineMs: nowMs + waitMs(retriesLeft) });
    this.counters.pushed++;
    this.#stat.pushed++;
    this.#send(bytes);
  }

  #pull(nowMs: number): void {
    if (this.#pullToken >= 0) this.#missedPulls = Math.min(this.#missedPulls + 1, MISSED_PULLS);
    this.#nextPullMs = nowMs + this.#keepAliveMs;
    this.#pullToken = this.#newToken();
    this.counters.pulled++;
    const { gatewayId } = this.#options;
    this.#send(writeDatagram({ kind: "pull-data", token: this.#pullToken, gatewayId }));
  }

  #report(nowMs: number): void {
    const { received, pushed, acknowledged, downlinks, sent } = this.#stat;
    this.#stat = { received: 0, pushed: 0, acknowledged: 0, downlinks: 0, sent: 0 };
    this.#nextStatMs = nowMs + this.#statMs;
    const stat: GatewayStat = {
      unixMs: this.#options.startUnixMs + nowMs,
      received,
      receivedOk: received,
      forwarded: received,
      // An answer may belong to a push of the time before.
      acknowledgedPercent: pushed === 0 ? 0 : Math.min(100, Math.floor((acknowledged * 1000) / pushed + 0.5) / 10),
      downlinks,
      sent,
      location: this.#options.location,
    };
    this.#push(pushText([], stat), nowMs);
  }

  #newToken(): number {
    for (;;) {
      const token = this.#options.random.u32() & 0xffff;
      if (!this.#pushes.has(token)) return token;
    }
  }

  #send(bytes: Uint8Array): void {
    this.#commands.push({ kind: "send", bytes });
  }

  #count(reason: string | undefined): void {
    if (reason !== undefined) this.refused[reason] = (this.refused[reason] ?? 0) + 1;
  }
}

function waitMs(retriesLeft: number): number {
  return retriesLeft > 0 ? PUSH_TIMEOUT_MS : PUSH_LOST_MS;
}
