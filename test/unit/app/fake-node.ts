/**
 * A node on small fake ports in the world's time: logs and key-value store in memory, one sensor, and a broker with a receiver behind it
 * that takes every token apart and acknowledges it. Power can be cut at any write to a log.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { p256 } from "@noble/curves/nist.js";
import { NodeApp } from "../../../firmware/app/node-app.ts";
import type { NodeConfig, NodePorts } from "../../../firmware/app/node-ports.ts";
import { EU868 } from "../../../firmware/core/lorawan/region/eu868.ts";
import type { Network } from "../../../firmware/ports/network.ts";
import type { Power, WakeCause } from "../../../firmware/ports/power.ts";
import type { Radio, RadioEvents } from "../../../firmware/ports/radio.ts";
import type { Sensor, SensorSample } from "../../../firmware/ports/sensor.ts";
import type { KeyValueStore, RecordLog } from "../../../firmware/ports/storage.ts";
import { readingTimeS } from "../../../firmware/wire/batch.ts";
import {
  ACK_MAC_MESSAGE_BYTES,
  ackMacMessage,
  type ControlMessage,
  controlMacMessage,
  MAX_CONTROL_BYTES,
  MAX_CONTROL_MAC_BYTES,
  MQTT_TAG_BYTES,
  newControlMessage,
  writeAckMessage,
  writeControl,
} from "../../../firmware/wire/control-message.ts";
import { sigStructure } from "../../../firmware/wire/cose-sign1.ts";
import { type Claims, parseToken, type Token, type TokenClaims } from "../../../firmware/wire/eat-token.ts";
import { KEY_SLOT } from "../../../firmware/wire/key-slot.ts";
import { WEATHER } from "../../../firmware/wire/profiles/weather.ts";
import { PROTECTION } from "../../../firmware/wire/statements.ts";
import { DeviceCrypto } from "../../../host-sim/device-crypto.ts";
import type { PendingEvent } from "../../../host-sim/event-queue.ts";
import { World } from "../../../host-sim/world.ts";

export const START_MS = Date.UTC(2024, 5, 1);
const DEV_EUI = Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]);

/** Thrown where power goes. */
export class PowerCut extends Error {}

export class FakeLog implements RecordLog {
  records = new Map<number, Uint8Array>();
  oldest = 0;
  next = 0;
  maxRecordLength = 2000;
  /** Records that there is room for. */
  capacity = 10_000;
  /** Called before a write takes place, and after it. */
  onWrite: (() => void) | undefined;

  append(record: Uint8Array, length: number): number {
    if (this.next - this.oldest >= this.capacity) return -1;
    this.onWrite?.();
    this.records.set(this.next++, record.slice(0, length));
    this.onWrite?.();
    return this.next - 1;
  }

  read(number: number, into: Uint8Array): number {
    const record = this.records.get(number);
    if (record === undefined) return -1;
    into.set(record);
    return record.length;
  }

  trim(number: number): void {
    if (number <= this.oldest) return;
    this.onWrite?.();
    this.oldest = Math.min(number, this.next);
    for (const key of this.records.keys()) if (key < this.oldest) this.records.delete(key);
    this.onWrite?.();
  }
}

class FakeKeyValue implements KeyValueStore {
  #values = new Map<string, Uint8Array>();
  /** Called before a write takes place, and after it. */
  onWrite: (() => void) | undefined;

  read(key: string, into: Uint8Array): number {
    const value = this.#values.get(key);
    if (value === undefined) return -1;
    into.set(value);
    return value.length;
  }

  write(key: string, value: Uint8Array, length: number): void {
    this.onWrite?.();
    this.#values.set(key, value.slice(0, length));
    this.onWrite?.();
  }

  delete(key: string): void {
    this.onWrite?.();
    this.#values.delete(key);
    this.onWrite?.();
  }
}

/** Thermometer and more; each measurement counts up. */
class FakeSensor implements Sensor {
  measured = 0;
  failStart = false;
  failSample = false;
  sampleNow: SensorSample | undefined;

  start(): number {
    if (this.failStart) throw new Error("no answer");
    return 9;
  }

  sample(): SensorSample {
    if (this.failSample) throw new Error("checksum");
    this.measured++;
    return this.sampleNow ?? { thermometer: { temperature: this.measured / 10 }, barometer: { pressure: 101_325 } };
  }

  close(): void {}
}

/** A radio into empty air: every transmission leaves, no window hears anything. */
class FakeRadio implements Radio {
  #world: World;
  #events: () => RadioEvents | undefined;
  #nowMs: () => number;
  busy = false;
  /** When windows were opened and closed. */
  windows: { openMs: number; closeMs: number }[] = [];

  constructor(world: World, nowMs: () => number, events: () => RadioEvents | undefined) {
    this.#world = world;
    this.#nowMs = nowMs;
    this.#events = events;
  }

  transmit(): void {
    this.busy = true;
    this.#world.after(62_000, () => {
      this.busy = false;
      this.#events()?.onTransmitted(this.#nowMs());
    });
  }

  receive(): void {
    const window = { openMs: this.#nowMs(), closeMs: Infinity };
    this.windows.push(window);
    this.busy = true;
    this.#world.after(200_000, () => {
      this.busy = false;
      window.closeMs = this.#nowMs();
      this.#events()?.onReceiveTimeout(this.#nowMs());
    });
  }

  sleep(): void {
    this.busy = false;
  }
}

export class FakeNode {
  world = new World(1, START_MS);
  crypto = new DeviceCrypto(this.world, "node");
  journal = new FakeLog();
  outbox = new FakeLog();
  keyValue = new FakeKeyValue();
  sensor = new FakeSensor();
  radio = new FakeRadio(
    this.world,
    () => this.nowMs,
    () => this.app.radioEvents,
  );
  retained = new Uint8Array(8192);
  app!: NodeApp;
  online = true;
  /** Whether SNTP answers when the node comes online. */
  timeServer = true;
  /** Says whether a publication is lost. */
  lost: (seq: number) => boolean = () => false;
  /** Tokens as the receiver accepted them, each once. */
  accepted: Token[] = [];
  #bytes = new Map<number, Uint8Array>();
  publications = 0;
  /** Seconds (uptime or wall) of the samples that the node took, by boot. */
  sampled: string[] = [];
  delivered: number[] = [];
  dropped: number[] = [];
  tokens: number[] = [];
  sleeps: number[] = [];
  /** When signatures were begun. */
  signatures: number[] = [];
  cycle = false;
  #config: NodeConfig;
  /** Of the key that the node was provisioned with. */
  #publicKey = new Uint8Array(64);
  /** World time of the last power-on, and a number for each boot: what belongs to an earlier one is void. */
  #poweredUs = 0;
  #boot = 0;
  #timer: PendingEvent | undefined;

  constructor(config: Partial<NodeConfig> = {}) {
    this.crypto.generateKey(KEY_SLOT.attestation);
    this.crypto.publicKey(KEY_SLOT.attestation, this.#publicKey);
    this.crypto.importKey(KEY_SLOT.receiver, new Uint8Array(16).fill(9));
    this.crypto.importKey(KEY_SLOT.appKey, new Uint8Array(16).fill(8));
    this.#config = {
      devEui: DEV_EUI,
      joinEui: new Uint8Array(8),
      sampleIntervalS: 60,
      batchReadings: 10,
      uplink: "wifi",
      region: EU868,
      profile: WEATHER,
      oemid: Uint8Array.from([1, 2, 3]),
      hwmodel: Uint8Array.from([65]),
      firmware: { name: "groundtruth", version: "0.4.0" },
      protection: PROTECTION.plainFlash,
      timeWaitMs: 120_000,
      observer: {
        onSample: ({ bootCount, wallS, uptimeS }) =>
          this.sampled.push(`${bootCount}:${wallS > 0 ? wallS : `up${uptimeS}`}`),
        onToken: (seq) => this.tokens.push(seq),
        onDelivered: (seq) => this.delivered.push(seq),
        onDropped: (seq) => this.dropped.push(seq),
      },
      ...config,
    };
    this.world.afterEvent = () => {
      if (this.cycle) this.app.cycleThroughSavedState();
    };
  }

  get nowMs(): number {
    return Math.floor((this.world.nowUs - this.#poweredUs) / 1000);
  }

  /** Power comes on, after whatever ended the last boot. */
  powerOn(): void {
    this.#poweredUs = this.world.nowUs;
    this.attempt(() => this.#start("power-on"));
  }

  /** Does something to the node. A cut ends the boot and starts the next. */
  attempt(action: () => void): void {
    try {
      action();
    } catch (error) {
      if (!(error instanceof PowerCut)) throw error;
      this.powerOn();
    }
  }

  /** Each write to journal, outbox and key-value store calls this before and after it takes place. */
  set onWrite(action: () => void) {
    this.journal.onWrite = action;
    this.outbox.onWrite = action;
    this.keyValue.onWrite = action;
  }

  #start(wakeCause: WakeCause): void {
    const boot = ++this.#boot;
    this.world.cancel(this.#timer);
    const ports: NodePorts = {
      clock: { nowMs: () => this.nowMs },
      timer: {
        wakeAt: (atMs, callback) => {
          this.world.cancel(this.#timer);
          this.#timer = this.world.at(this.#poweredUs + atMs * 1000, callback);
        },
        cancel: () => this.world.cancel(this.#timer),
      },
      crypto: this.#cryptoOf(boot),
      network: this.#networkOf(boot),
      radio: this.radio,
      sensors: [this.sensor],
      keyValue: this.keyValue,
      journal: this.journal,
      outbox: this.outbox,
      power: this.#powerOf(wakeCause),
      log: { write: () => {} },
    };
    this.app = new NodeApp(ports, this.#config);
    this.app.start();
    if (this.online) this.#tellTime(boot);
  }

  /** Signatures of an earlier boot come to nobody. */
  #cryptoOf(boot: number): DeviceCrypto {
    return new Proxy(this.crypto, {
      get: (target, name) => {
        if (name === "sign") {
          return ((slot, message, length, done) => {
            this.signatures.push(this.nowMs);
            target.sign(slot, message, length, (signature) => {
              if (boot === this.#boot) done(signature);
            });
          }) satisfies DeviceCrypto["sign"];
        }
        const value = Reflect.get(target, name);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  }

  #powerOf(wakeCause: WakeCause): Power {
    return {
      wakeCause,
      retained: this.retained,
      deepSleepUntil: (atMs) => {
        this.sleeps.push(atMs - this.nowMs);
        this.world.at(this.#poweredUs + atMs * 1000, () => this.#start("timer"));
      },
    };
  }

  #tellTime(boot: number): void {
    if (!this.timeServer) return;
    this.world.after(2_000_000, () => {
      if (boot === this.#boot) this.app.networkEvents?.onTime(this.world.unixMs, this.nowMs, 50);
    });
  }

  goOnline(): void {
    this.online = true;
    this.app.networkEvents?.onOnline();
    this.#tellTime(this.#boot);
  }

  goOffline(): void {
    this.online = false;
    this.app.networkEvents?.onOffline();
  }

  #networkOf(boot: number): Network {
    const node = this;
    return {
      get online() {
        return node.online;
      },
      subscribe: (topic) => assert.equal(topic, "groundtruth/0102030405060708/control"),
      publish: (topic, payload, length) => {
        assert.equal(topic, "groundtruth/0102030405060708/token");
        const bytes = payload.slice(0, length);
        this.publications++;
        this.world.after(50_000, () => this.#receive(bytes, boot));
      },
    };
  }

  #receive(bytes: Uint8Array, boot: number): void {
    const token = parseToken(bytes);
    assert.ok(token.ok, token.ok ? "" : token.reason);
    const { claims } = token;
    if (this.lost(claims.seq)) return;
    const known = this.accepted.find((one) => one.claims.seq === claims.seq);
    this.#bytes.set(claims.seq, bytes);
    if (known === undefined) this.accepted.push(token);
    else assert.deepEqual(claims, known.claims, "no seq is used for two tokens");
    const message = new Uint8Array(ACK_MAC_MESSAGE_BYTES);
    const mac = new Uint8Array(16);
    this.crypto.cmac(KEY_SLOT.receiver, message, ackMacMessage(claims.ueid, claims.seq, message), mac);
    const answer = new Uint8Array(MAX_CONTROL_BYTES);
    const length = writeAckMessage(claims.seq, mac, MQTT_TAG_BYTES, answer);
    this.world.after(50_000, () => {
      if (boot === this.#boot) this.#sendDown(answer.subarray(0, length));
    });
  }

  #sendDown(message: Uint8Array): void {
    if (this.online) this.app.networkEvents?.onMessage("groundtruth/0102030405060708/control", message);
  }

  /** The receiver sends a control message. */
  control(fields: Partial<ControlMessage>): void {
    const message = { ...newControlMessage(), ...fields };
    const covered = new Uint8Array(MAX_CONTROL_MAC_BYTES);
    const mac = new Uint8Array(16);
    this.crypto.cmac(KEY_SLOT.receiver, covered, controlMacMessage(this.app.identity.ueid, message, covered), mac);
    const bytes = new Uint8Array(MAX_CONTROL_BYTES);
    this.#sendDown(bytes.subarray(0, writeControl(message, mac, MQTT_TAG_BYTES, bytes)));
  }

  challenge(nonce: Uint8Array): void {
    this.control({ kind: "challenge", nonce, nonceLength: nonce.length });
  }

  /** What the tokens say that the receiver accepted, by seq. */
  get stated(): TokenClaims[] {
    return this.accepted.map(({ claims }) => claims).sort((a, b) => a.seq - b.seq);
  }

  /** The tokens with readings, in the order in which they came. */
  get claims(): Claims[] {
    return this.accepted.flatMap(({ claims }) => (claims.kind === "batch" ? [claims] : []));
  }

  /** SHA-256 over the SHA-256 of the tokens from one seq to another. */
  digestOf(firstSeq: number, lastSeq: number): Uint8Array {
    const all = createHash("sha256");
    for (let seq = firstSeq; seq <= lastSeq; seq++)
      all.update(createHash("sha256").update(this.#bytes.get(seq)!).digest());
    return new Uint8Array(all.digest());
  }

  /** Checks every signature, with the keys that the tokens before them name. */
  assertSigned(): void {
    let key: Uint8Array = this.#publicKey;
    for (const token of [...this.accepted].sort((a, b) => a.claims.seq - b.claims.seq)) {
      const { claims, protectedBytes, payload, signature } = token;
      const message = new Uint8Array(2000);
      const length = sigStructure(protectedBytes, payload, payload.length, message);
      const point = new Uint8Array([4, ...key]);
      assert.ok(
        p256.verify(signature, message.subarray(0, length), point, { lowS: true, format: "compact" }),
        `the signature of token ${claims.seq}, ${claims.kind}`,
      );
      if (claims.kind === "key") key = claims.newKey.publicKey;
    }
  }

  /** Lets `ms` pass. A cut ends the boot and starts the next. */
  run(ms: number, isOver?: () => boolean): void {
    const untilUs = this.world.nowUs + ms * 1000;
    while (this.world.nowUs < untilUs) {
      try {
        this.world.run(untilUs, isOver);
        return;
      } catch (error) {
        if (!(error instanceof PowerCut)) throw error;
        this.powerOn();
      }
    }
  }

  /** Delivers everything; a boot in between drains as well. */
  drain(): void {
    let drained: NodeApp | undefined;
    for (let i = 0; i < 3 && drained !== this.app; i++) {
      const app = this.app;
      drained = app;
      this.attempt(() => app.drain());
      this.run(3_600_000, () => this.app.idle || this.app !== drained);
    }
    assert.equal(this.app.idle, true, "the node is drained");
  }

  /** What the receiver has, in the form of `sampled`, sorted. */
  get verified(): string[] {
    const found: string[] = [];
    for (const claims of this.claims) {
      for (let i = 0; i < claims.count; i++) {
        const timeS = readingTimeS(claims, i);
        found.push(`${claims.bootCount}:${claims.wallTime ? timeS : `up${timeS}`}`);
      }
    }
    return found.sort();
  }
}
