/**
 * The application for a LoRaWAN certification (TS009), in the place of the node's own: it joins, sends one uplink so that the test layer may say
 * something, and then does what FPort 224 asks for. A node in the field never listens to that port: whoever knows its keys could make it send
 * and forget its duty cycle. It does not sleep deeply.
 */
import { Certification } from "../core/lorawan/certification.ts";
import type { MacCommand, MacEvent } from "../core/lorawan/events.ts";
import { Mac } from "../core/lorawan/mac.ts";
import type { MacOptions } from "../core/lorawan/mac-options.ts";
import type { Clock, Timer } from "../ports/clock.ts";
import type { Radio, RadioEvents } from "../ports/radio.ts";
import type { KeyValueStore } from "../ports/storage.ts";

/** Between one attempt and the next, whatever the reason. */
const RETRY_MS = 1_000;
/** The first uplink after a join or a reset: a byte on a port of no meaning. */
const HELLO_PORT = 2;

export interface CertificationPorts {
  clock: Clock;
  timer: Timer;
  radio: Radio;
  keyValue: KeyValueStore;
  /** Resets the whole device, as DutResetReq wants; may return. */
  reset: () => void;
}

/** Watches: what no frame in the air shows. */
export interface CertificationObserver {
  onTrouble?(reason: string): void;
  onDownlink?(port: number, payload: Uint8Array, length: number): void;
  onTime?(gpsMs: number, atMs: number): void;
  onLinkCheck?(marginDb: number, gateways: number): void;
}

export class CertificationApp {
  readonly #ports: CertificationPorts;
  readonly #observer: CertificationObserver;
  readonly #mac: Mac;
  readonly #certification: Certification;
  readonly #onWake = (): void => this.pump();
  #wantsJoin = false;
  #isJoining = false;
  #nextJoinMs = 0;
  #wantsHello = false;
  readonly #hello: Extract<MacEvent, { kind: "send" }> = {
    kind: "send",
    port: HELLO_PORT,
    payload: Uint8Array.of(1),
    length: 1,
    confirmed: false,
  };

  /** `firmwareVersion`: major, minor, patch, revision. */
  constructor(
    ports: CertificationPorts,
    macOptions: MacOptions,
    firmwareVersion: Uint8Array,
    observer: CertificationObserver = {},
  ) {
    this.#ports = ports;
    this.#observer = observer;
    this.#mac = new Mac(macOptions);
    this.#certification = new Certification(firmwareVersion);
  }

  /** Bytes that the next uplink can carry. */
  get maxPayload(): number {
    return this.#mac.maxPayload();
  }

  /** For the radio's driver. */
  get radioEvents(): RadioEvents {
    return {
      onTransmitted: (atMs) => this.tell({ kind: "transmitted", atMs }),
      onReceived: (frame, length, rssiDbm, snrDb, atMs) =>
        this.tell({ kind: "received", frame, length, rssiDbm, snrDb, atMs }),
      onReceiveTimeout: (atMs) => this.tell({ kind: "receiveTimeout", atMs }),
      onError: (reason) => {
        this.#observer.onTrouble?.(reason);
        this.tell({ kind: "radioError" });
      },
    };
  }

  /** After power-on or a reset. */
  start(): void {
    const read = (key: string, into: Uint8Array): number => this.#ports.keyValue.read(key, into);
    this.#mac.loadPersistent(read, this.#ports.clock.nowMs());
    this.#certification.loadPersistent(read);
    this.#wantsJoin = !this.#mac.joined;
    this.#wantsHello = this.#mac.joined;
    this.pump();
  }

  private tell(event: MacEvent): void {
    this.#mac.handle(event, this.#ports.clock.nowMs());
    this.pump();
  }

  private pump(): void {
    const mac = this.#mac;
    for (let worked = true; worked; ) {
      const nowMs = this.#ports.clock.nowMs();
      worked = false;
      const dueMs = mac.pollTimeout();
      if (dueMs !== undefined && dueMs <= nowMs) mac.handleTimeout(nowMs);
      for (let command = mac.pollCommand(); command !== undefined; command = mac.pollCommand()) {
        this.carryOut(command, nowMs);
        worked = true;
      }
      if (this.obey(nowMs) || this.useMac(nowMs)) worked = true;
    }
    const nextMs = this.nextMs();
    if (nextMs === undefined) this.#ports.timer.cancel();
    else this.#ports.timer.wakeAt(Math.max(nextMs, this.#ports.clock.nowMs() + 1), this.#onWake);
  }

  private nextMs(): number | undefined {
    if (!this.#mac.idle) return this.#mac.pollTimeout();
    const ownMs = this.#mac.joined ? this.#certification.pollTimeout() : undefined;
    if (!this.#wantsJoin) return ownMs;
    return ownMs === undefined ? this.#nextJoinMs : Math.min(ownMs, this.#nextJoinMs);
  }

  /** Hands the idle MAC its next work; true when there was some. */
  private useMac(nowMs: number): boolean {
    const mac = this.#mac;
    if (!mac.idle) return false;
    if (this.#wantsJoin && nowMs >= this.#nextJoinMs) {
      this.#isJoining = true;
      mac.handle({ kind: "join" }, nowMs);
      return true;
    }
    if (!mac.joined) return false;
    if (this.#wantsHello) {
      this.#wantsHello = false;
      mac.handle(this.#hello, nowMs);
      return true;
    }
    if (!this.#certification.wantsToSend(nowMs)) return false;
    this.#certification.handle({ kind: "opportunity", maxPayload: mac.maxPayload() }, nowMs);
    return true;
  }

  /** What the test layer wants; true when there was something. */
  private obey(nowMs: number): boolean {
    const command = this.#certification.pollCommand();
    if (command === undefined) return false;
    if (command.kind === "join") {
      this.#wantsJoin = true;
      this.#nextJoinMs = nowMs;
    } else if (command.kind === "reset") {
      this.#ports.reset();
    } else if (command.kind === "store") {
      this.#ports.keyValue.write(command.key, command.value, command.length);
    } else {
      this.#mac.handle(command, nowMs);
    }
    return true;
  }

  private carryOut(command: MacCommand, nowMs: number): void {
    const { radio, keyValue } = this.#ports;
    const observer = this.#observer;
    switch (command.kind) {
      case "transmit":
        radio.transmit(command.modulation, command.powerDbm, command.frame, command.length);
        return;
      case "receive":
        radio.receive(command.modulation, command.symbolTimeout);
        return;
      case "sleepRadio":
        radio.sleep();
        return;
      case "store":
        keyValue.write(command.key, command.value, command.length);
        return;
      case "joined":
        this.#isJoining = false;
        this.#wantsJoin = false;
        this.#wantsHello = true;
        return;
      case "joinFailed":
        this.joinLater(command.untilMs, nowMs);
        return;
      case "refused":
        observer.onTrouble?.(command.reason);
        if (this.#isJoining) this.joinLater(command.untilMs, nowMs);
        else {
          const untilMs = Math.max(command.untilMs, nowMs + RETRY_MS);
          this.#certification.handle({ kind: "refused", untilMs }, nowMs);
        }
        return;
      case "downlink":
        observer.onDownlink?.(command.port, command.payload, command.length);
        this.#certification.handle(command, nowMs);
        return;
      case "sent":
        this.#certification.handle({ kind: "sent", acknowledged: command.acknowledged }, nowMs);
        return;
      case "time":
        observer.onTime?.(command.gpsMs, command.atMs);
        return;
      case "linkCheck":
        observer.onLinkCheck?.(command.marginDb, command.gateways);
        return;
    }
  }

  private joinLater(untilMs: number, nowMs: number): void {
    this.#isJoining = false;
    this.#nextJoinMs = Math.max(untilMs, nowMs + RETRY_MS);
  }
}
