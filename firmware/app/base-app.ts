/**
 * A base node's application: its machine on radio and network. Frames go to `groundtruth/p2p/{base}/up` as they came out of the air, answers come on
 * `groundtruth/p2p/{base}/down` as they go into it; {base} is the base's EUI-64 in lower-case hex.
 */
import { P2pBase, type P2pBaseCommand, type P2pBaseEvent } from "../core/base/p2p-base.ts";
import type { Region } from "../core/lorawan/region/region.ts";
import { p2pPlan } from "../core/uplink/p2p-plan.ts";
import type { Clock, Timer } from "../ports/clock.ts";
import type { Network, NetworkEvents } from "../ports/network.ts";
import type { Radio, RadioEvents } from "../ports/radio.ts";
import type { KeyValueStore } from "../ports/storage.ts";
import { hexText } from "./hex-text.ts";

export interface BasePorts {
  clock: Clock;
  timer: Timer;
  radio: Radio;
  network: Network;
  keyValue: KeyValueStore;
}

export interface BaseConfig {
  /** 8 bytes, as written. */
  eui: Uint8Array;
  region: Region;
  /** The same as its nodes have; without it the same default. */
  dataRate?: number;
}

const START = Object.freeze({ kind: "start" as const });
const RECEIVE_TIMEOUT = Object.freeze({ kind: "receiveTimeout" as const });
const RADIO_ERROR = Object.freeze({ kind: "radioError" as const });

export class BaseApp {
  #ports: BasePorts;
  #base: P2pBase;
  #upTopic: string;
  #downTopic: string;
  #pumping = false;
  #wake = (): void => this.pump();
  #received: Extract<P2pBaseEvent, { kind: "received" }>;
  #transmitted = { kind: "transmitted" as const, atMs: 0 };
  #answer: Extract<P2pBaseEvent, { kind: "answer" }>;
  /** For the radio's driver. */
  readonly radioEvents: RadioEvents;
  /** For the network's adapter. */
  readonly networkEvents: NetworkEvents;
  radioErrors = 0;

  constructor(ports: BasePorts, { eui, region, dataRate }: BaseConfig) {
    this.#ports = ports;
    this.#base = new P2pBase(region, p2pPlan(region, dataRate));
    this.#upTopic = `groundtruth/p2p/${hexText(eui)}/up`;
    this.#downTopic = `groundtruth/p2p/${hexText(eui)}/down`;
    const empty = new Uint8Array(0);
    this.#received = { kind: "received", frame: empty, length: 0, atMs: 0 };
    this.#answer = { kind: "answer", frame: empty, length: 0 };
    this.radioEvents = this.newRadioEvents();
    this.networkEvents = {
      onOnline: () => {},
      onOffline: () => {},
      onMessage: (topic, payload) => {
        if (topic !== this.#downTopic) return;
        this.#answer.frame = payload;
        this.#answer.length = payload.length;
        this.tell(this.#answer);
      },
      onTime: () => {},
    };
  }

  get counters(): P2pBase["counters"] {
    return this.#base.counters;
  }

  start(): void {
    const { clock, network, keyValue } = this.#ports;
    this.#base.loadPersistent((key, into) => keyValue.read(key, into), clock.nowMs());
    network.subscribe(this.#downTopic);
    this.tell(START);
  }

  private newRadioEvents(): RadioEvents {
    return {
      onTransmitted: (atMs) => {
        this.#transmitted.atMs = atMs;
        this.tell(this.#transmitted);
      },
      onReceived: (frame, length, _rssiDbm, _snrDb, atMs) => {
        const event = this.#received;
        event.frame = frame;
        event.length = length;
        event.atMs = atMs;
        this.tell(event);
      },
      onReceiveTimeout: () => this.tell(RECEIVE_TIMEOUT),
      onError: () => {
        this.radioErrors++;
        this.tell(RADIO_ERROR);
      },
    };
  }

  private tell(event: P2pBaseEvent): void {
    this.#base.handle(event, this.#ports.clock.nowMs());
    this.pump();
  }

  private pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    const base = this.#base;
    const { clock, timer } = this.#ports;
    base.handleTimeout(clock.nowMs());
    for (let command = base.pollCommand(); command !== undefined; command = base.pollCommand()) this.carryOut(command);
    const nextMs = base.pollTimeout();
    if (nextMs === undefined) timer.cancel();
    else timer.wakeAt(nextMs, this.#wake);
    this.#pumping = false;
  }

  private carryOut(command: P2pBaseCommand): void {
    const { radio, network, keyValue } = this.#ports;
    switch (command.kind) {
      case "store":
        keyValue.write(command.key, command.value, command.length);
        return;
      case "receive":
        radio.receive(command.modulation, command.symbolTimeout);
        return;
      case "sleepRadio":
        radio.sleep();
        return;
      case "prepareRadio":
        radio.prepare?.();
        return;
      case "transmit":
        radio.transmit(command.modulation, command.powerDbm, command.frame, command.length);
        return;
      case "forward":
        network.publish(this.#upTopic, command.frame, command.length);
        return;
    }
  }
}
