/**
 * Asks an SNTP server for the time (RFC 5905, clause 14): one request, one answer. The SDK's own client gives whole seconds, and sets the
 * chip's clock, which nothing here reads.
 */
import UDP from "embedded:io/socket/udp";
import type { Clock } from "../../ports/clock.ts";

const PORT = 123;
const PACKET_BYTES = 48;
/** Version 4, mode 3 (client); an answer has mode 4. */
const CLIENT = 0x23;
const MODE_MASK = 0x07;
const MODE_SERVER = 4;
/** Leap indicator 3: the server's clock is not synchronised. */
const UNSYNCHRONISED = 0xc0;
/** Above 15 the server is not synchronised, 0 is a kiss of death. */
const HIGHEST_STRATUM = 15;
/** 1900-01-01 to 1970-01-01. The first era ends in 2036; a date before 2026 is of the second. */
const EPOCH_S = 2_208_988_800;
const ERA_S = 4_294_967_296;
const FIRST_DAY_S = 1_767_225_600;

/** It was `unixMs` at `atMs` of the clock, within `uncertaintyMs`. */
export type TimeAnswer = (unixMs: number, atMs: number, uncertaintyMs: number) => void;

export class SntpClient {
  #clock: Clock;
  #udp: UDP | undefined;
  #sentMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Forgets an earlier request. `done` is called only when an answer comes. */
  ask(host: string, done: TimeAnswer): void {
    this.close();
    System.resolve(host, (_host, address) => {
      if (address === undefined) return;
      this.close();
      const udp = new UDP({ onReadable: (packets) => this.read(packets, done) });
      this.#udp = udp;
      const request = new Uint8Array(PACKET_BYTES);
      request[0] = CLIENT;
      this.#sentMs = this.#clock.nowMs();
      udp.write(request, address, PORT);
    });
  }

  close(): void {
    this.#udp?.close();
    this.#udp = undefined;
  }

  private read(packets: number, done: TimeAnswer): void {
    const atMs = this.#clock.nowMs();
    for (let left = packets; left > 0 && this.#udp !== undefined; left--) {
      const answer = new DataView(this.#udp.read());
      const serverMs = sntpTimeMs(answer);
      if (serverMs === undefined) continue;
      this.close();
      // The answer left the server at some time of the round trip: the middle of it is at most half of it wrong.
      const halfTripMs = (atMs - this.#sentMs) / 2;
      done(serverMs + halfTripMs, atMs, halfTripMs + rootDistanceMs(answer) + 1);
    }
  }
}

/** The server's transmit time in Unix milliseconds, or undefined when the packet is no answer to trust. */
export function sntpTimeMs(packet: DataView): number | undefined {
  if (packet.byteLength < PACKET_BYTES) return undefined;
  const first = packet.getUint8(0);
  const stratum = packet.getUint8(1);
  if ((first & MODE_MASK) !== MODE_SERVER || (first & UNSYNCHRONISED) === UNSYNCHRONISED) return undefined;
  if (stratum === 0 || stratum > HIGHEST_STRATUM) return undefined;
  const seconds = packet.getUint32(40) - EPOCH_S;
  const unixS = seconds < FIRST_DAY_S ? seconds + ERA_S : seconds;
  return unixS * 1000 + (packet.getUint32(44) / ERA_S) * 1000;
}

/** How far the server may be from the reference: half its root delay and its root dispersion, each in 1/65536 s. */
export function rootDistanceMs(packet: DataView): number {
  return ((packet.getUint32(4) / 2 + packet.getUint32(8)) / 65_536) * 1000;
}
