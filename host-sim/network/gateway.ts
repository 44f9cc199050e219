/**
 * A LoRa gateway: a concentrator of the SX130x kind on the radio channel, and a packet forwarder before it. Eight channels at 125 kHz, all
 * spreading factors at once, half duplex. It has a time base of its own: a counter of microseconds, 32 bits, that wraps after 71.6 minutes.
 * An uplink carries the counter's value at its end, and a downlink says at which value it is to begin. What comes too late or too early,
 * collides with another downlink, or would exceed the duty cycle, is refused by name (the names are those of the Semtech UDP protocol's
 * TX_ACK, PROTOCOL.TXT 5.2.6, and ChirpStack's duty_cycle_overflow).
 */
import type { LoraModulation } from "../../firmware/ports/radio.ts";
import { timeOnAirUs } from "../../firmware/wire/time-on-air.ts";
import type { AirListener, AirTransmission, Position, RadioChannel } from "../radio/channel.ts";
import type { PendingEvent } from "../event-queue.ts";
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
/** ETSI: 27 dBm e.r.p. in 869.4 to 869.65 MHz and 14 dBm elsewhere; LoRaWAN counts e.i.r.p., 2.15 dB more. */
const MAX_EIRP_DBM = 29;
/** SX1301: this many demodulators, whatever the channels. */
const DEMODULATORS = 8;

export type TxStatus =
  | "ok"
  | "too-late"
  | "too-early"
  | "collision-packet"
  | "tx-freq"
  | "tx-power"
  | "duty-cycle-overflow";

/** A frame as the gateway heard it. */
export interface GatewayUplink {
  gateway: Gateway;
  frame: Uint8Array;
  modulation: LoraModulation;
  /** Index of the channel, 0 to 7. */
  channel: number;
  /** Whole dBm, and quarters of a dB. */
  rssiDbm: number;
  snrDb: number;
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
  counter: number;
}

export interface GatewayOptions {
  /** 8 bytes. */
  id: Uint8Array;
  position: Position;
  /** Centres of up to eight channels at 125 kHz. */
  channelsHz: readonly number[];
  /** Between gateway and network server, one way. */
  backhaulUs?: number;
  /** The counter's rate against true time, in parts per million. */
  driftPpm?: number;
  /** The counter's value at the world's beginning. */
  counterStart?: number;
}

interface Planned {
  startUs: number;
  endUs: number;
  event: PendingEvent | undefined;
}

export class Gateway implements AirListener {
  /** Sixteen hexadecimal digits. */
  readonly id: string;
  readonly position: Position;
  readonly dutyCycle = new DutyCycleLedger();
  readonly counters = { heard: 0, lostToTransmission: 0, lostToDemodulators: 0, sent: 0, refused: 0 };
  /** The network server's ear; it gets each frame one backhaul latency after its end. */
  onUplink: ((uplink: GatewayUplink) => void) | undefined;
  #world: World;
  #channel: RadioChannel;
  #channelsHz: readonly number[];
  #backhaulUs: number;
  #rate: number;
  #counterStart: number;
  /** Downlinks planned, under way and lately over, in the order of their beginning. */
  #planned: Planned[] = [];
  /** When the demodulators that are in use become free. */
  #busyUntilUs: number[] = [];

  constructor(world: World, channel: RadioChannel, options: GatewayOptions) {
    this.id = toHex(options.id);
    this.position = options.position;
    this.#world = world;
    this.#channel = channel;
    this.#channelsHz = options.channelsHz.slice(0, 8);
    this.#backhaulUs = options.backhaulUs ?? 20_000;
    this.#rate = 1 + (options.driftPpm ?? 0) / 1_000_000;
    this.#counterStart = options.counterStart ?? world.random(`gateway/${this.id}`).u32();
    channel.attach(this);
  }
}
