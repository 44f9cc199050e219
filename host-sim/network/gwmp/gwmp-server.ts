/**
 * The server's side of the Semtech UDP protocol (PROTOCOL.TXT 3 and 5), without socket and without clock. Addresses are text, and mean
 * nothing here but where to send to.
 *
 *   a gateway:  UNKNOWN --- PULL_DATA ---> REACHABLE at the address that it came from --- no PULL_DATA for AWAY_AFTER_MS ---> UNKNOWN
 *   a downlink: PULL_RESP sent --- TX_ACK ---> answered
 *                              \-- ANSWER_MS pass ---> answered with `gateway-away`
 *
 * Frames are taken from gateways that are not reachable too. What a gateway repeats because an acknowledgement was lost is acknowledged
 * again, and taken once.
 */
import type { TxStatus } from "../gateway.ts";
import { type Datagram, parseDatagram, writeDatagram } from "./datagram.ts";
import { parseTxAck, pullRespText, type TxPacket } from "./pull-payload.ts";
import { type GatewayStat, parsePush, type RxPacket } from "./push-payload.ts";

export type ServerEvent =
  | { kind: "datagram"; bytes: Uint8Array; from: string }
  /** `id` names the downlink to whoever asked for it. */
  | { kind: "transmit"; gatewayId: string; id: number; packet: TxPacket };

export type ServerCommand =
  | { kind: "send"; bytes: Uint8Array; to: string }
  | { kind: "uplink"; gatewayId: string; packet: RxPacket }
  | { kind: "stat"; gatewayId: string; stat: GatewayStat }
  | { kind: "answered"; id: number; status: TxStatus };

interface KnownGateway {
  /** Of its last PULL_DATA, and when that was. */
  address: string;
  pulledMs: number;
  /** The last PUSH_DATA, by token and text, to know a repetition. */
  pushes: { token: number; text: string }[];
}

interface Pending {
  gatewayId: string;
  id: number;
  deadlineMs: number;
}

/** Six PULL_DATA at the usual 10 s. */
const AWAY_AFTER_MS = 60_000;
/** A gateway answers at once; after RX2 of a join (6 s) no answer matters any more. */
const ANSWER_MS = 2_000;
/** Who sends datagrams can invent gateways: so many are remembered, the oldest forgotten first. */
const MAX_GATEWAYS = 1_000;
const MAX_PENDING = 1_000;
const REMEMBERED_PUSHES = 16;

export class GwmpServer {
  /** Datagrams and packets that were not taken, by reason. */
  readonly refused: Record<string, number> = {};
  readonly counters = { pushes: 0, pushesRepeated: 0, pulls: 0, downlinks: 0 };
  #random: { u32(): number };
  #gateways = new Map<string, KnownGateway>();
  #pending = new Map<number, Pending>();
  #commands: ServerCommand[] = [];

  /** `random` draws tokens: 32 random bits. */
  constructor(random: { u32(): number }) {
    this.#random = random;
  }

  /** Gateways that can be sent to. */
  reachable(nowMs: number): string[] {
    return [...this.#gateways.keys()].filter((gatewayId) => this.#addressOf(gatewayId, nowMs) !== undefined);
  }

  handle(event: ServerEvent, nowMs: number): void {
    if (event.kind === "transmit") {
      this.#transmit(event.gatewayId, event.id, event.packet, nowMs);
      return;
    }
    const parsed = parseDatagram(event.bytes);
    this.#count(parsed.ok ? this.#take(parsed.datagram, event.from, nowMs) : parsed.reason);
  }

  handleTimeout(nowMs: number): void {
    for (const [token, { id, deadlineMs }] of this.#pending) {
      if (deadlineMs > nowMs) continue;
      this.#pending.delete(token);
      this.#commands.push({ kind: "answered", id, status: "gateway-away" });
    }
  }

  pollTimeout(): number | undefined {
    let atMs: number | undefined;
    for (const { deadlineMs } of this.#pending.values()) atMs = Math.min(atMs ?? deadlineMs, deadlineMs);
    return atMs;
  }

  pollCommand(): ServerCommand | undefined {
    return this.#commands.shift();
  }

  /** Returns why it was not taken. */
  #take(datagram: Datagram, from: string, nowMs: number): string | undefined {
    switch (datagram.kind) {
      case "pull-data": {
        const gateway = this.#gateway(datagram.gatewayId);
        gateway.address = from;
        gateway.pulledMs = nowMs;
        this.counters.pulls++;
        this.#send({ kind: "pull-ack", token: datagram.token }, from);
        return undefined;
      }
      case "push-data":
        // PROTOCOL.TXT 3.1: the acknowledgement goes out before anything is looked at.
        this.#send({ kind: "push-ack", token: datagram.token }, from);
        return this.#takePush(datagram.gatewayId, datagram.token, datagram.text);
      case "tx-ack":
        return this.#takeAnswer(datagram.gatewayId, datagram.token, datagram.text);
      default:
        return "not-for-a-server";
    }
  }

  #takePush(gatewayId: string, token: number, text: string): string | undefined {
    this.counters.pushes++;
    const { pushes } = this.#gateway(gatewayId);
    if (pushes.some((push) => push.token === token && push.text === text)) {
      this.counters.pushesRepeated++;
      return undefined;
    }
    pushes.push({ token, text });
    if (pushes.length > REMEMBERED_PUSHES) pushes.shift();
    const parsed = parsePush(text);
    if (!parsed.ok) return parsed.reason;
    const { packets, refused, stat } = parsed.value;
    for (const reason of refused) this.#count(reason);
    for (const packet of packets) {
      if (packet.crcStatus < 0) this.#count("wrong-crc");
      else this.#commands.push({ kind: "uplink", gatewayId, packet });
    }
    if (stat !== undefined) this.#commands.push({ kind: "stat", gatewayId, stat });
    return undefined;
  }

  #takeAnswer(gatewayId: string, token: number, text: string): string | undefined {
    const pending = this.#pending.get(token);
    if (pending?.gatewayId !== gatewayId) return "token-unknown";
    const parsed = parseTxAck(text);
    // An answer that cannot be read tells nothing: its downlink runs into the timeout.
    if (!parsed.ok) return parsed.reason;
    this.#pending.delete(token);
    this.#commands.push({ kind: "answered", id: pending.id, status: parsed.value });
    return undefined;
  }

  #transmit(gatewayId: string, id: number, packet: TxPacket, nowMs: number): void {
    const address = this.#addressOf(gatewayId, nowMs);
    if (address === undefined || this.#pending.size >= MAX_PENDING) {
      this.#commands.push({ kind: "answered", id, status: "gateway-away" });
      return;
    }
    let token = this.#random.u32() & 0xffff;
    while (this.#pending.has(token)) token = (token + 1) & 0xffff;
    this.#pending.set(token, { gatewayId, id, deadlineMs: nowMs + ANSWER_MS });
    this.counters.downlinks++;
    this.#send({ kind: "pull-resp", token, text: pullRespText(packet) }, address);
  }

  #addressOf(gatewayId: string, nowMs: number): string | undefined {
    const gateway = this.#gateways.get(gatewayId);
    return gateway === undefined || nowMs - gateway.pulledMs > AWAY_AFTER_MS ? undefined : gateway.address;
  }

  #gateway(gatewayId: string): KnownGateway {
    const known = this.#gateways.get(gatewayId);
    if (known !== undefined) return known;
    if (this.#gateways.size >= MAX_GATEWAYS) {
      for (const oldest of this.#gateways.keys()) {
        this.#gateways.delete(oldest);
        break;
      }
    }
    const gateway: KnownGateway = { address: "", pulledMs: Number.NEGATIVE_INFINITY, pushes: [] };
    this.#gateways.set(gatewayId, gateway);
    return gateway;
  }

  #send(datagram: Datagram, to: string): void {
    this.#commands.push({ kind: "send", bytes: writeDatagram(datagram), to });
  }

  #count(reason: string | undefined): void {
    if (reason !== undefined) this.refused[reason] = (this.refused[reason] ?? 0) + 1;
  }
}
