/**
 * A LoRa gateway: a concentrator of the SX130x kind on the radio channel, and a packet forwarder before it. Eight channels at 125 kHz, all
 * spreading factors at once, half duplex. It has a time base of its own: a counter of microseconds, 32 bits, that wraps after 71.6 minutes.
 * An uplink carries the counter's value at its end, and a downlink says at which value it is to begin. What comes too late or too early,
 * collides with another downlink, or would exceed the duty cycle, is refused by name (the names are those of the Semtech UDP protocol's
 * TX_ACK, PROTOCOL.TXT 6, and ChirpStack's duty_cycle_overflow).
 */
import type { SubBand } from "../../firmware/core/lorawan/region/region.ts";
import type { LoraModulation } from "../../firmware/ports/radio.ts";
import { timeOnAirUs } from "../../firmware/wire/time-on-air.ts";
import { gpsMsFromUnixMs } from "../calendar.ts";
import type { AirListener, AirTransmission, RadioChannel } from "../radio/channel.ts";
import type { Position } from "../radio/propagation.ts";
import type { RandomStream } from "../random-stream.ts";
import type { World } from "../world.ts";
import { DutyCycleLedger } from "./duty-cycle-ledger.ts";
import { toHex } from "./text-encoding.ts";

const COUNTER_MODULUS = 0x1_0000_0000;
/** The forwarder hands a frame to the concentrator so long before it begins (packet_forwarder's TX_JIT_DELAY). */
const LEAD_US = 30_000;
/** Two downlinks are at least so far apart (TX_MARGIN_DELAY). */
const GUARD_US = 1_000;
/** The furthest ahead that a downlink may be asked for (TX_MAX_ADVANCE_DELAY: three beacon periods of 128 s). */
const MAX_ADVANCE_US = 384_000_000;
/** An immediate downlink begins so long from now, or at the first gap after that (jitqueue.c: ASAP is a second from now). */
const IMMEDIATE_US = 1_000_000;
/** Downlinks that wait at the same time (JIT_QUEUE_MAX); the forwarder calls one more a collision. */
const MAX_PLANNED = 32;
/** ETSI: 27 dBm e.r.p. in 869.4 to 869.65 MHz and 14 dBm elsewhere; LoRaWAN counts e.i.r.p., 2.15 dB more. */
const MAX_EIRP_DBM = 29;
/** SF12 with 255 bytes takes 9.02 s: no frame that is still coming in began earlier. */
const LONGEST_FRAME_US = 10_000_000;
const PUBLIC_SYNC_WORD = 0x34;
/** What a concentrator says of a signal far above the noise: its estimate saturates. */
const MAX_SNR_DB = 15;
/** SX1301: this many demodulators, whatever the channels. */
const DEMODULATORS = 8;
const SERVICE_CHANNEL = 8;

export type TxStatus =
  | "ok"
  | "too-late"
  | "too-early"
  | "collision-packet"
  | "collision-beacon"
  | "tx-freq"
  | "tx-power"
  | "gps-unlocked"
  | "duty-cycle-overflow"
  /** It is behind a network, and did not answer. */
  | "gateway-away";

/** A gateway as a network server knows it, in process or at the other end of a network. */
export interface NetworkGateway {
  /** Sixteen hexadecimal digits. */
  readonly id: string;
  /** Its airtime, as the server has booked it or as the gateway itself has. */
  readonly dutyCycle: DutyCycleLedger;
  onUplink: ((uplink: GatewayUplink) => void) | undefined;
  /** See Gateway.send. */
  send(items: readonly GatewayDownlink[], done: (taken: number, statuses: TxStatus[]) => void): void;
}

/** A frame as the gateway heard it. */
export interface GatewayUplink {
  gateway: NetworkGateway;
  frame: Uint8Array;
  modulation: LoraModulation;
  /** Index of the channel, 0 to 7; 8 is the service channel. */
  channel: number;
  /** Whole dBm, and quarters of a dB. */
  rssiDbm: number;
  snrDb: number;
  /** 32 bits, names this reception. */
  uplinkId: number;
  /** The counter at the end of the frame. */
  counter: number;
  /** True wall time at the end of the frame: the gateway has GNSS. Unix milliseconds with a fraction. */
  unixMs: number;
}

export interface GatewayDownlink {
  frame: Uint8Array;
  modulation: LoraModulation;
  /** e.i.r.p. */
  powerDbm: number;
  /** The counter at which it begins. */
  counter?: number;
  /** Where no counter is given: the GPS time at which it begins. Without either it begins as soon as it can. */
  gpsMs?: number;
}

export interface GatewayOptions {
  /** 8 bytes. */
  id: Uint8Array;
  position: Position;
  /** Centres of up to eight channels at 125 kHz. */
  channelsHz: readonly number[];
  /** The one channel of another kind that an SX130x has, with one fixed spreading factor (US915: 500 kHz at SF8). */
  serviceChannel?: Pick<LoraModulation, "frequencyHz" | "spreadingFactor" | "bandwidthHz">;
  /** The rules for transmitting. */
  subBands: readonly SubBand[];
  /** Between gateway and network server, one way. */
  backhaulUs?: number;
  /** The counter's rate against true time, in parts per million. */
  driftPpm?: number;
  /** The counter's value at the world's beginning. */
  counterStart?: number;
  /** The most that it sends with, e.i.r.p. */
  maxEirpDbm?: number;
  /** False: it has no GNSS, and cannot send at a GPS time. */
  gps?: boolean;
}

interface Planned {
  startUs: number;
  endUs: number;
}

export class Gateway implements AirListener, NetworkGateway {
  /** Sixteen hexadecimal digits. */
  readonly id: string;
  readonly position: Position;
  readonly dutyCycle: DutyCycleLedger;
  readonly gps: boolean;
  readonly counters = { heard: 0, collided: 0, lostToTransmission: 0, sent: 0, refused: 0 };
  /** The network server's ear; it gets each frame one backhaul latency after its end. */
  onUplink: ((uplink: GatewayUplink) => void) | undefined;
  /** Its antenna is off: it hears nothing. */
  deaf = false;
  /** Hears of each downlink when its first symbol leaves. */
  onSent: (() => void) | undefined;
  #world: World;
  #channel: RadioChannel;
  #channelsHz: readonly number[];
  #serviceChannel: GatewayOptions["serviceChannel"];
  #maxEirpDbm: number;
  #backhaulUs: number;
  #rate: number;
  #counterStart: number;
  /** Downlinks planned, under way and lately over. */
  #planned: Planned[] = [];
  /** Demodulators that are following a frame. */
  #demodulating = 0;
  #random: RandomStream;

  constructor(world: World, channel: RadioChannel, options: GatewayOptions) {
    this.id = toHex(options.id);
    this.position = options.position;
    this.#world = world;
    this.#channel = channel;
    this.#channelsHz = options.channelsHz.slice(0, 8);
    this.#serviceChannel = options.serviceChannel;
    this.#maxEirpDbm = options.maxEirpDbm ?? MAX_EIRP_DBM;
    this.gps = options.gps ?? true;
    this.#backhaulUs = options.backhaulUs ?? 20_000;
    this.#rate = 1 + (options.driftPpm ?? 0) / 1_000_000;
    this.#random = world.random(`gateway/${this.id}`);
    this.#counterStart = options.counterStart ?? this.#random.u32();
    this.dutyCycle = new DutyCycleLedger(options.subBands);
    channel.attach(this);
  }

  hears({ modulation, startUs }: AirTransmission): boolean {
    if (this.deaf) return false;
    if (modulation.invertIq || modulation.syncWord !== PUBLIC_SYNC_WORD) return false;
    if (this.#channelOf(modulation) < 0) return false;
    return this.#demodulating < DEMODULATORS && !this.#transmitsSince(startUs);
  }

  locked(): void {
    this.#demodulating++;
  }

  lost(): void {
    this.#demodulating--;
    this.counters.collided++;
  }

  received(transmission: AirTransmission, rssiDbm: number, snrDb: number): void {
    const { modulation, startUs, endUs } = transmission;
    this.#demodulating--;
    if (this.#transmitsSince(startUs)) {
      this.counters.lostToTransmission++;
      return;
    }
    this.counters.heard++;
    const uplink: GatewayUplink = {
      gateway: this,
      frame: transmission.frame.slice(),
      modulation: { ...modulation },
      channel: this.#channelOf(modulation),
      rssiDbm: Math.floor(rssiDbm + 0.5),
      snrDb: Math.floor(Math.min(snrDb, MAX_SNR_DB) * 4 + 0.5) / 4,
      uplinkId: this.#random.u32(),
      counter: this.#counterAt(endUs),
      unixMs: this.#world.startUnixMs + endUs / 1000,
    };
    this.#world.after(this.#backhaulUs, () => this.onUplink?.(uplink));
  }

  /**
   * Asks for one of several downlinks, the first that can be had (RX1, else RX2). `done` hears, one round trip later, the index of the one
   * that was taken (-1: none) and why those before it were refused.
   */
  send(items: readonly GatewayDownlink[], done: (taken: number, statuses: TxStatus[]) => void): void {
    this.#world.after(this.#backhaulUs, () => {
      const statuses: TxStatus[] = [];
      let taken = -1;
      for (let i = 0; i < items.length && taken < 0; i++) {
        const status = this.#plan(items[i]);
        statuses.push(status);
        if (status === "ok") taken = i;
        else this.counters.refused++;
      }
      this.#world.after(this.#backhaulUs, () => done(taken, statuses));
    });
  }

  #plan({ frame, modulation, powerDbm, counter, gpsMs }: GatewayDownlink): TxStatus {
    const nowUs = this.#world.nowUs;
    const airtimeUs = timeOnAirUs(modulation, frame.length);
    this.#planned = this.#planned.filter((planned) => planned.endUs > nowUs - LONGEST_FRAME_US);
    if (counter === undefined && gpsMs !== undefined && !this.gps) return "gps-unlocked";
    const startUs = this.#startOf(counter, gpsMs, airtimeUs);
    const endUs = startUs + airtimeUs;
    if (startUs < nowUs + LEAD_US) return "too-late";
    if (startUs > nowUs + MAX_ADVANCE_US) return "too-early";
    if (!this.dutyCycle.covers(modulation.frequencyHz)) return "tx-freq";
    if (powerDbm > this.#maxEirpDbm) return "tx-power";
    if (this.#inTheWayOf(startUs, endUs) !== undefined) return "collision-packet";
    if (this.#planned.filter((planned) => planned.startUs > nowUs).length >= MAX_PLANNED) return "collision-packet";
    if (!this.dutyCycle.allows(modulation.frequencyHz, startUs, airtimeUs)) return "duty-cycle-overflow";
    this.dutyCycle.book(modulation.frequencyHz, startUs, airtimeUs);
    this.#planned.push({ startUs, endUs });
    this.#world.at(startUs, () => {
      this.counters.sent++;
      this.onSent?.();
      this.#channel.transmit({ modulation, powerDbm, frame, startUs, endUs, from: this, position: this.position });
    });
    return "ok";
  }

  /** World time at which a downlink is to begin. */
  #startOf(counter: number | undefined, gpsMs: number | undefined, airtimeUs: number): number {
    const nowUs = this.#world.nowUs;
    if (counter !== undefined) {
      // The difference of two wrapping counters, as a signed number.
      const ticks = (counter - this.#counterAt(nowUs)) | 0;
      return nowUs + Math.floor(ticks / this.#rate + 0.5);
    }
    if (gpsMs !== undefined) return Math.floor((gpsMs - gpsMsFromUnixMs(this.#world.startUnixMs)) * 1000 + 0.5);
    let startUs = nowUs + IMMEDIATE_US;
    for (;;) {
      const obstacle = this.#inTheWayOf(startUs, startUs + airtimeUs);
      if (obstacle === undefined) return startUs;
      startUs = obstacle.endUs + GUARD_US;
    }
  }

  #inTheWayOf(startUs: number, endUs: number): Planned | undefined {
    return this.#planned.find((other) => startUs < other.endUs + GUARD_US && endUs + GUARD_US > other.startUs);
  }

  /** Index of the channel that demodulates this, or -1. */
  #channelOf({ frequencyHz, spreadingFactor, bandwidthHz }: LoraModulation): number {
    const service = this.#serviceChannel;
    if (
      frequencyHz === service?.frequencyHz &&
      spreadingFactor === service.spreadingFactor &&
      bandwidthHz === service.bandwidthHz
    ) {
      return SERVICE_CHANNEL;
    }
    if (bandwidthHz !== 125_000 || spreadingFactor < 7) return -1;
    return this.#channelsHz.indexOf(frequencyHz);
  }

  /** Half duplex: was it on the air at any moment since `fromUs`? */
  #transmitsSince(fromUs: number): boolean {
    return this.#planned.some(({ startUs, endUs }) => startUs <= this.#world.nowUs && endUs > fromUs);
  }

  #counterAt(us: number): number {
    return (this.#counterStart + Math.floor(us * this.#rate)) % COUNTER_MODULUS;
  }
}
