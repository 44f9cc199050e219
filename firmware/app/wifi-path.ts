/** Wi-Fi as the application runs it: tokens on `groundtruth/{devEui}/token`, the receiver's answers on `groundtruth/{devEui}/control`. */
import { WifiUplink, type WifiUplinkCommand, type WifiUplinkEvent } from "../core/uplink/wifi-uplink.ts";
import type { SymmetricCrypto } from "../ports/crypto.ts";
import type { Network, NetworkEvents } from "../ports/network.ts";
import { TIME_SOURCE } from "../wire/time-quality.ts";
import { hexText } from "./hex-text.ts";
import type { Handover, PathOwner, UplinkPath } from "./uplink-path.ts";

const ONLINE = Object.freeze({ kind: "online" as const });
const OFFLINE = Object.freeze({ kind: "offline" as const });

export class WifiPath implements UplinkPath {
  #network: Network;
  #ciphers: SymmetricCrypto;
  #ueid: Uint8Array;
  #owner: PathOwner;
  #downlinks: boolean;
  #tokenTopic: string;
  #controlTopic: string;
  #uplink: WifiUplink;
  #token = { kind: "token" as const, seq: 0 };
  #control: Extract<WifiUplinkEvent, { kind: "control" }> = { kind: "control", payload: new Uint8Array(0) };

  /** `downlinks`: answers of the receiver are expected. */
  constructor(
    network: Network,
    devEui: Uint8Array,
    ciphers: SymmetricCrypto,
    ueid: Uint8Array,
    owner: PathOwner,
    downlinks: boolean,
  ) {
    this.#network = network;
    this.#ciphers = ciphers;
    this.#ueid = ueid;
    this.#owner = owner;
    this.#tokenTopic = `groundtruth/${hexText(devEui)}/token`;
    this.#controlTopic = `groundtruth/${hexText(devEui)}/control`;
    this.#downlinks = downlinks;
    this.#uplink = new WifiUplink(ueid, ciphers, downlinks);
  }

  get available(): boolean {
    return this.#uplink.available;
  }

  get connecting(): boolean {
    return !this.#uplink.available;
  }

  get busy(): boolean {
    return this.#uplink.busy;
  }

  get quiet(): boolean {
    return !this.#uplink.busy;
  }

  get settling(): boolean {
    return false;
  }

  get controlRefused(): number {
    return this.#uplink.refusedControl;
  }

  get frameBytes(): number {
    return 0;
  }

  start(nowMs: number): void {
    this.#network.subscribe(this.#controlTopic);
    if (this.#network.online) this.#uplink.handle(ONLINE, nowMs);
  }

  /** Deep sleep ends every connection. */
  resume(nowMs: number): void {
    this.#uplink.handle(OFFLINE, nowMs);
    this.start(nowMs);
  }

  /** The network port's events; `after` is called when the machine has been told. */
  networkEvents(now: () => number, after: () => void): NetworkEvents {
    return {
      onOnline: () => {
        this.#uplink.handle(ONLINE, now());
        after();
      },
      onOffline: () => {
        this.#uplink.handle(OFFLINE, now());
        after();
      },
      onMessage: (topic, payload) => {
        if (topic !== this.#controlTopic) return;
        this.#control.payload = payload;
        this.#uplink.handle(this.#control, now());
        after();
      },
      onTime: (unixMs, atMs, uncertaintyMs) => {
        this.#owner.timeTold(TIME_SOURCE.sntp, unixMs, atMs, uncertaintyMs, now());
        after();
      },
    };
  }

  /** A published token is not set aside: nothing is to be hurried. */
  drain(): void {}

  deliver(token: Handover, nowMs: number): void {
    this.#token.seq = token.seq;
    this.#uplink.handle(this.#token, nowMs);
  }

  pump(nowMs: number): boolean {
    let worked = false;
    this.#uplink.handleTimeout(nowMs);
    for (let command = this.#uplink.pollCommand(); command !== undefined; command = this.#uplink.pollCommand()) {
      this.carryOut(command, nowMs);
      worked = true;
    }
    return worked;
  }

  private carryOut(command: WifiUplinkCommand, nowMs: number): void {
    switch (command.kind) {
      case "publish": {
        const length = this.#owner.readToken(command.seq);
        if (length > 0) this.#network.publish(this.#tokenTopic, this.#owner.token, length);
        return;
      }
      case "acknowledged":
        this.#owner.acknowledged(command.seq, nowMs);
        return;
      case "notDelivered":
        this.#owner.notDelivered(command.seq, nowMs);
        return;
      case "sent":
        this.#owner.sent(command.seq, nowMs);
        return;
      case "challenged":
        this.#owner.challenged(command.nonce, command.length, nowMs);
        return;
      case "bootRequested":
        this.#owner.bootRequested(command.bootCount, nowMs);
        return;
    }
  }

  pollTimeout(): number | undefined {
    return this.#uplink.pollTimeout();
  }

  /** TCP waits. */
  mayBlock(): boolean {
    return true;
  }

  save(into: Uint8Array, offset: number): number {
    return this.#uplink.save(into, offset);
  }

  renew(): void {
    this.#uplink = new WifiUplink(this.#ueid, this.#ciphers, this.#downlinks);
  }

  restore(bytes: Uint8Array, offset: number): number {
    return this.#uplink.restore(bytes, offset);
  }
}
