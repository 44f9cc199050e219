/** A device made of nothing but the frame codec, on the real radio channel: what the network's tests talk with. */
import loraPacket from "lora-packet";
import { EU868 } from "../../../../firmware/core/lorawan/region/eu868.ts";
import type { LoraModulation } from "../../../../firmware/ports/radio.ts";
import { KEY_SLOT } from "../../../../firmware/wire/key-slot.ts";
import { FrameCodec } from "../../../../firmware/wire/lorawan-codec.ts";
import {
  type DataFrame,
  type DataHeader,
  frameType,
  MTYPE,
  NO_PORT,
  newDataFrame,
  newJoinAccept,
  parseDataFrame,
} from "../../../../firmware/wire/lorawan-frame.ts";
import { timeOnAirUs } from "../../../../firmware/wire/time-on-air.ts";
import { Gateway, type GatewayOptions } from "../../../../host-sim/network/gateway.ts";
import { NetworkCrypto, nobleAes } from "../../../../host-sim/network/network-crypto.ts";
import { SimulatedNetwork, type SimulatedNetworkOptions } from "../../../../host-sim/network/network-edge.ts";
import { NetworkPlan } from "../../../../host-sim/network/network-plan.ts";
import { type AirListener, type AirTransmission, RadioChannel } from "../../../../host-sim/radio/channel.ts";
import type { Position } from "../../../../host-sim/radio/propagation.ts";
import { World } from "../../../../host-sim/world.ts";

/** Its default export is the module on Node, and the class to TypeScript. */
export const lora = loraPacket.default ?? loraPacket;
export const PLAN = new NetworkPlan(EU868);
export const START_UNIX_MS = 1_700_000_000_000;
const SPREADING_FACTORS = [12, 11, 10, 9, 8, 7];

export function bytes(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex, "hex"));
}

export function uplinkModulation(dataRate: number, frequencyHz = 868_100_000): LoraModulation {
  return {
    frequencyHz,
    spreadingFactor: SPREADING_FACTORS[dataRate],
    bandwidthHz: 125_000,
    codingRate: 1,
    preambleSymbols: 8,
    syncWord: 0x34,
    invertIq: false,
    crcOn: true,
  };
}

export interface Event {
  event: string;
  topic: string;
  // biome-ignore lint/suspicious/noExplicitAny: the shape is what the tests check
  body: any;
  atUs: number;
}

/** World, channel, network and as many gateways as positions. */
export class Scene {
  readonly world: World;
  readonly channel: RadioChannel;
  readonly network: SimulatedNetwork;
  readonly gateways: Gateway[];
  readonly events: Event[] = [];
  /** Everything that was in the air. */
  readonly air: AirTransmission[] = [];

  constructor(
    positions: Position[] = [{ x: 0, y: 0 }],
    options: Partial<SimulatedNetworkOptions> = {},
    gatewayOptions: Partial<GatewayOptions> = {},
  ) {
    this.world = new World(1, START_UNIX_MS);
    this.channel = new RadioChannel(this.world);
    this.channel.onTransmission((transmission) => this.air.push(transmission));
    this.network = new SimulatedNetwork(this.world, { plan: PLAN, ...options });
    this.gateways = positions.map((position, index) => {
      const gateway = new Gateway(this.world, this.channel, {
        id: bytes(`0016c001f153a1${(index + 16).toString(16)}`),
        position,
        channelsHz: PLAN.channelsHz,
        subBands: EU868.subBands,
        ...gatewayOptions,
      });
      this.network.addGateway(gateway);
      return gateway;
    });
    this.network.onUplink((topic, json) => {
      this.events.push({ event: topic.split("/")[5], topic, body: JSON.parse(json), atUs: this.world.nowUs });
    });
  }

  wait(seconds: number): void {
    this.world.run(this.world.nowUs + seconds * 1_000_000);
  }

  of(event: string): Event[] {
    return this.events.filter((candidate) => candidate.event === event);
  }

  refused(): Record<string, number> {
    return this.network.server.counters.refused;
  }
}

export interface Downlink {
  parsed: DataFrame;
  frame: Uint8Array;
  payload: Uint8Array;
  fOpts: Uint8Array;
  transmission: AirTransmission;
}

/** Hears everything on every channel, all the time. */
export class TestDevice implements AirListener {
  readonly devEui: Uint8Array;
  readonly joinEui: Uint8Array;
  readonly appKey: Uint8Array;
  readonly crypto = new NetworkCrypto(nobleAes);
  readonly codec = new FrameCodec(this.crypto);
  position: Position;
  devNonce = 0;
  devAddr = 0;
  fCnt = 0;
  dataRate = 5;
  powerDbm = 14;
  frequencyHz = 868_100_000;
  readonly accept = newJoinAccept();
  readonly accepts: AirTransmission[] = [];
  readonly downlinks: Downlink[] = [];
  readonly scene: Scene;

  constructor(scene: Scene, number = 1, position: Position = { x: 100, y: 0 }) {
    this.scene = scene;
    this.position = position;
    this.devEui = bytes(`70b3d57ed00000${(number + 16).toString(16)}`);
    this.joinEui = bytes("70b3d57ed0ffff01");
    this.appKey = bytes("2b7e151628aed2a6abf7158809cf4f3c").map((byte, index) => (index === 0 ? byte ^ number : byte));
    this.crypto.importKey(KEY_SLOT.appKey, this.appKey);
    scene.network.register({ devEui: this.devEui, joinEui: this.joinEui, appKey: this.appKey });
    scene.channel.attach(this);
  }

  get devEuiHex(): string {
    return Buffer.from(this.devEui).toString("hex");
  }

  get commandTopic(): string {
    return `application/6772756e-6474-4275-8468-000000000002/device/${this.devEuiHex}/command/down`;
  }

  hears(transmission: AirTransmission): boolean {
    return transmission.modulation.invertIq;
  }

  received(transmission: AirTransmission): void {
    const frame = transmission.frame.slice();
    if (frameType(frame) === MTYPE.joinAccept) {
      if (!this.codec.readJoinAccept(frame, frame.length, this.accept)) return;
      this.accepts.push(transmission);
      this.codec.deriveSessionKeys(this.accept.joinNonce, this.accept.netId, this.devNonce);
      this.devAddr = this.accept.devAddr;
      this.fCnt = 0;
      return;
    }
    const parsed = newDataFrame();
    if (!parseDataFrame(frame, frame.length, parsed) || parsed.devAddr !== this.devAddr) return;
    if (!this.codec.checkDataMic(frame, parsed, parsed.fCnt16)) return;
    const payload = new Uint8Array(255);
    const length = this.codec.decryptPayload(frame, parsed, parsed.fCnt16, payload);
    this.downlinks.push({
      parsed,
      frame,
      payload: payload.slice(0, length),
      fOpts: frame.slice(parsed.fOptsAt, parsed.fOptsAt + parsed.fOptsLength),
      transmission,
    });
  }

  transmit(frame: Uint8Array): void {
    const modulation = uplinkModulation(this.dataRate, this.frequencyHz);
    const { world, channel } = this.scene;
    channel.transmit({
      modulation,
      powerDbm: this.powerDbm,
      frame,
      startUs: world.nowUs,
      endUs: world.nowUs + timeOnAirUs(modulation, frame.length),
      from: this,
      position: this.position,
    });
  }

  joinRequest(): Uint8Array {
    const frame = new Uint8Array(255);
    return frame.slice(0, this.codec.writeJoinRequest(this.joinEui, this.devEui, this.devNonce, frame));
  }

  /** Joins and waits until that is over. */
  join(): void {
    this.devNonce++;
    this.transmit(this.joinRequest());
    this.scene.wait(10);
  }

  frame(payload: Uint8Array, header: Partial<DataHeader> = {}, fOpts: Uint8Array = new Uint8Array(0)): Uint8Array {
    const into = new Uint8Array(255);
    const length = this.codec.writeData(
      {
        uplink: true,
        confirmed: false,
        devAddr: this.devAddr,
        adr: false,
        adrAckReq: false,
        ack: false,
        fPending: false,
        fCnt: this.fCnt++,
        fPort: payload.length === 0 ? NO_PORT : 32,
        ...header,
      },
      fOpts,
      fOpts.length,
      payload,
      payload.length,
      into,
    );
    return into.slice(0, length);
  }

  /** Sends a frame and waits until its receive windows are over. */
  send(payload: Uint8Array, header: Partial<DataHeader> = {}, fOpts?: Uint8Array): void {
    this.transmit(this.frame(payload, header, fOpts));
    this.scene.wait(6);
  }

  command(fields: Record<string, unknown>): void {
    this.scene.network.publish(this.commandTopic, JSON.stringify({ devEui: this.devEuiHex, ...fields }));
    this.scene.wait(0.1);
  }
}
