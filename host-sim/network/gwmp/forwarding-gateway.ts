/** A modelled gateway with its packet forwarder, in the world's time. What it sends and receives as datagrams is somebody else's to carry. */

import { gpsMsFromUnixMs } from "../../calendar.ts";
import type { PendingEvent } from "../../event-queue.ts";
import type { World } from "../../world.ts";
import type { Gateway, GatewayUplink } from "../gateway.ts";
import { PacketForwarder } from "./packet-forwarder.ts";
import type { TxPacket } from "./pull-payload.ts";
import type { RxPacket } from "./push-payload.ts";

export interface ForwardingOptions {
  keepAliveMs?: number;
  statMs?: number;
  pushRetries?: number;
}

/** An SX130x has two radios, of four channels each; the service channel hangs on the first. */
const CHANNELS_PER_RADIO = 4;

export class ForwardingGateway {
  readonly gateway: Gateway;
  readonly forwarder: PacketForwarder;
  /** Takes each datagram that is to go to the server. */
  onSend: ((bytes: Uint8Array) => void) | undefined;
  #world: World;
  #wake: PendingEvent | undefined;

  constructor(world: World, gateway: Gateway, options: ForwardingOptions = {}) {
    this.gateway = gateway;
    this.#world = world;
    const random = world.random(`forwarder/${gateway.id}`);
    const { startUnixMs } = world;
    this.forwarder = new PacketForwarder({ ...options, gatewayId: gateway.id, random, startUnixMs }, this.#nowMs);
    const { onUplink } = gateway;
    gateway.onUplink = (uplink) => {
      onUplink?.(uplink);
      this.forwarder.handle({ kind: "heard", packet: this.#packetOf(uplink) }, this.#nowMs);
      this.#carryOut();
    };
    gateway.onSent = () => {
      this.forwarder.handle({ kind: "sent" }, this.#nowMs);
      this.#carryOut();
    };
    this.#carryOut();
  }

  /** A datagram came from the server. */
  receive(bytes: Uint8Array): void {
    this.forwarder.handle({ kind: "datagram", bytes }, this.#nowMs);
    this.#carryOut();
  }

  get #nowMs(): number {
    return this.#world.nowUs / 1000;
  }

  #carryOut(): void {
    const { forwarder } = this;
    for (let command = forwarder.pollCommand(); command !== undefined; command = forwarder.pollCommand()) {
      if (command.kind === "send") this.onSend?.(command.bytes);
      else this.#plan(command.token, command.packet);
    }
    this.#world.cancel(this.#wake);
    this.#wake = this.#world.at(forwarder.pollTimeout() * 1000, () => {
      forwarder.handleTimeout(this.#nowMs);
      this.#carryOut();
    });
  }

  #plan(token: number, { when, powerDbm, modulation, frame }: TxPacket): void {
    const counter = when.kind === "counter" ? when.counter : undefined;
    const gpsMs = when.kind === "gps" ? when.gpsMs : undefined;
    this.gateway.send([{ frame, modulation, powerDbm, counter, gpsMs }], (_taken, [status]) => {
      if (status !== "gateway-away") this.forwarder.handle({ kind: "planned", token, status }, this.#nowMs);
      this.#carryOut();
    });
  }

  #packetOf(uplink: GatewayUplink): RxPacket {
    const { modulation, channel } = uplink;
    const { gps } = this.gateway;
    return {
      counter: uplink.counter,
      unixMs: gps ? uplink.unixMs : undefined,
      gpsMs: gps ? gpsMsFromUnixMs(uplink.unixMs) : undefined,
      frequencyHz: modulation.frequencyHz,
      channel,
      rfChain: channel < 2 * CHANNELS_PER_RADIO ? Math.floor(channel / CHANNELS_PER_RADIO) : 0,
      crcStatus: 1,
      spreadingFactor: modulation.spreadingFactor,
      bandwidthHz: modulation.bandwidthHz,
      codingRate: modulation.codingRate,
      rssiDbm: uplink.rssiDbm,
      snrDb: uplink.snrDb,
      frame: uplink.frame,
    };
  }
}
