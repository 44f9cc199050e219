/**
 * The simulated network server's gateways at the other end of a network: each gateway that reports by the Semtech UDP protocol becomes one
 * that the network server can use like a gateway in process. What its datagrams travel on is somebody else's to provide.
 */
import type { SubBand } from "../../../firmware/core/lorawan/region/region.ts";
import { timeOnAirUs } from "../../../firmware/wire/time-on-air.ts";
import type { PendingEvent } from "../../event-queue.ts";
import type { RandomStream } from "../../random-stream.ts";
import type { World } from "../../world.ts";
import { DutyCycleLedger } from "../duty-cycle-ledger.ts";
import type { GatewayDownlink, GatewayUplink, NetworkGateway, TxStatus } from "../gateway.ts";
import { GwmpServer } from "./gwmp-server.ts";
import type { DownlinkTime } from "./pull-payload.ts";
import type { GatewayStat, RxPacket } from "./push-payload.ts";

/** What stands behind the gateways. */
export interface GatewayOwner {
  addGateway(gateway: NetworkGateway): void;
}

const PUBLIC_SYNC_WORD = 0x34;
const UPLINK_PREAMBLE_SYMBOLS = 8;

class RemoteGateway implements NetworkGateway {
  readonly id: string;
  readonly dutyCycle: DutyCycleLedger;
  onUplink: ((uplink: GatewayUplink) => void) | undefined;
  readonly #send: NetworkGateway["send"];

  constructor(id: string, subBands: readonly SubBand[], send: NetworkGateway["send"]) {
    this.id = id;
    this.dutyCycle = new DutyCycleLedger(subBands);
    this.#send = send;
  }

  send(items: readonly GatewayDownlink[], done: (taken: number, statuses: TxStatus[]) => void): void {
    this.#send(items, done);
  }
}

export class RemoteGateways {
  readonly server: GwmpServer;
  /** The last report of each gateway. */
  readonly stats = new Map<string, GatewayStat>();
  /** Takes each datagram, and the address that it is for. */
  onSend: ((bytes: Uint8Array, to: string) => void) | undefined;
  #world: World;
  #owner: GatewayOwner;
  #subBands: readonly SubBand[];
  #random: RandomStream;
  #gateways = new Map<string, RemoteGateway>();
  #waiting = new Map<number, (status: TxStatus) => void>();
  #lastId = 0;
  #wake: PendingEvent | undefined;

  /** `subBands`: the rules for transmitting, by which the server keeps its own account of each gateway's airtime. */
  constructor(world: World, owner: GatewayOwner, subBands: readonly SubBand[]) {
    this.#world = world;
    this.#owner = owner;
    this.#subBands = subBands;
    this.#random = world.random("gwmp server");
    this.server = new GwmpServer(this.#random);
  }

  /** A datagram came from an address. */
  receive(bytes: Uint8Array, from: string): void {
    this.server.handle({ kind: "datagram", bytes, from }, this.#nowMs);
    this.#carryOut();
  }

  get #nowMs(): number {
    return this.#world.nowUs / 1000;
  }

  #carryOut(): void {
    const { server } = this;
    for (let command = server.pollCommand(); command !== undefined; command = server.pollCommand()) {
      if (command.kind === "send") this.onSend?.(command.bytes, command.to);
      else if (command.kind === "uplink") this.#takeUplink(command.gatewayId, command.packet);
      else if (command.kind === "stat") this.stats.set(command.gatewayId, command.stat);
      else this.#answered(command.id, command.status);
    }
    this.#world.cancel(this.#wake);
    const atMs = server.pollTimeout();
    if (atMs === undefined) return;
    this.#wake = this.#world.at(atMs * 1000, () => {
      server.handleTimeout(this.#nowMs);
      this.#carryOut();
    });
  }

  #takeUplink(gatewayId: string, packet: RxPacket): void {
    const gateway = this.#gateway(gatewayId);
    gateway.onUplink?.({
      gateway,
      frame: packet.frame,
      modulation: {
        frequencyHz: packet.frequencyHz,
        spreadingFactor: packet.spreadingFactor,
        bandwidthHz: packet.bandwidthHz,
        codingRate: packet.codingRate,
        preambleSymbols: UPLINK_PREAMBLE_SYMBOLS,
        syncWord: PUBLIC_SYNC_WORD,
        invertIq: false,
        crcOn: packet.crcStatus !== 0,
      },
      channel: packet.channel,
      rssiDbm: packet.rssiDbm,
      snrDb: packet.snrDb,
      uplinkId: this.#random.u32(),
      counter: packet.counter,
      unixMs: packet.unixMs ?? this.#world.unixMs,
    });
  }

  #gateway(gatewayId: string): RemoteGateway {
    let gateway = this.#gateways.get(gatewayId);
    if (gateway === undefined) {
      gateway = new RemoteGateway(gatewayId, this.#subBands, (items, done) =>
        this.#tryNext(gatewayId, items, [], done),
      );
      this.#gateways.set(gatewayId, gateway);
      this.#owner.addGateway(gateway);
    }
    return gateway;
  }

  /** The protocol asks for one frame at a time: the next one only when the gateway has refused this one. */
  #tryNext(
    gatewayId: string,
    items: readonly GatewayDownlink[],
    statuses: TxStatus[],
    done: (taken: number, statuses: TxStatus[]) => void,
  ): void {
    const index = statuses.length;
    const { frame, modulation, powerDbm, counter, gpsMs } = items[index];
    const id = ++this.#lastId;
    this.#waiting.set(id, (status) => {
      statuses.push(status);
      if (status === "ok") {
        this.#book(gatewayId, items[index]);
        done(index, statuses);
      } else if (index + 1 < items.length) this.#tryNext(gatewayId, items, statuses, done);
      else done(-1, statuses);
    });
    const when: DownlinkTime =
      counter !== undefined
        ? { kind: "counter", counter }
        : gpsMs !== undefined
          ? { kind: "gps", gpsMs }
          : { kind: "immediately" };
    const packet = { when, powerDbm, rfChain: 0, modulation, frame };
    this.server.handle({ kind: "transmit", gatewayId, id, packet }, this.#nowMs);
    // Not from within: this may have been called while commands are carried out.
    this.#world.after(0, () => this.#carryOut());
  }

  #answered(id: number, status: TxStatus): void {
    const answer = this.#waiting.get(id);
    this.#waiting.delete(id);
    answer?.(status);
  }

  #book(gatewayId: string, { modulation, frame }: GatewayDownlink): void {
    const airtimeUs = timeOnAirUs(modulation, frame.length);
    this.#gateway(gatewayId).dutyCycle.book(modulation.frequencyHz, this.#world.nowUs, airtimeUs);
  }
}
