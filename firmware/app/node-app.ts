/**
 * The application: joins the machines of core to the ports. One event loop, and the one place where time passes: whatever happens ends in
 * `#pump`, which asks every machine what it wants until none wants anything, and then asks the timer for the earliest wake-up.
 *
 *   sensors -> sampler -> quality -> journal -> attester -> outbox -> router -> path (LoRaWAN, Wi-Fi)
 *
 * Retained memory is used after a deep sleep; after anything else the two logs and the key-value store on flash are the authority.
 */
import { CONNECT_WAIT_MS, SETTLING_MS, SLEEP_MIN_MS, STATE_BYTES_MAX } from "../core/bounds.ts";
import { STATE_TAG } from "../core/state-tag.ts";
import type { NetworkEvents } from "../ports/network.ts";
import type { RadioEvents } from "../ports/radio.ts";
import type { NodeIdentity } from "../wire/batch.ts";
import { StateReader, StateWriter } from "../wire/state-record.ts";
import { Attestation } from "./attestation.ts";
import { countBoot, trimAttested } from "./boot.ts";
import { Keyring } from "./keyring.ts";
import { Machines } from "./machines.ts";
import { keyIdentifier, nodeIdentity } from "./node-identity.ts";
import type { NodeConfig, NodeHealth, NodePorts } from "./node-ports.ts";
import { createPathOwner } from "./path-owner.ts";
import { createPaths, type Paths } from "./paths.ts";
import { Sampling } from "./sampling.ts";
import { TokenStore } from "./token-store.ts";
import type { UplinkPath } from "./uplink-path.ts";

const VERSION = 1;
const START = Object.freeze({ kind: "start" as const });
const STOP = Object.freeze({ kind: "stop" as const });
const DRAIN = Object.freeze({ kind: "drain" as const });

export class NodeApp {
  #ports: NodePorts;
  #config: NodeConfig;
  #identity: NodeIdentity;
  #machines: Machines;
  #sampling: Sampling;
  #attestation: Attestation;
  #keyring: Keyring;
  #tokens: TokenStore;
  #paths: UplinkPath[] = [];
  #radioPath: Paths["radio"];
  #coder: Paths["coder"];
  #draining = false;
  #started = false;
  #asleep = false;
  #awakeSinceMs = 0;
  #pumping = false;
  #wakeAtMs: number | undefined;
  #state: Uint8Array | undefined;
  #wake: () => void;
  #blockingAllowed = (): boolean => this.mayBlock();
  #uplink = { kind: "uplink" as const, free: -1 };
  /** For the radio's driver; undefined without LoRa. */
  readonly radioEvents: RadioEvents | undefined;
  /** For the network's adapter; undefined without Wi-Fi. */
  readonly networkEvents: NetworkEvents | undefined;

  /** The node's keys must be in their slots. */
  constructor(ports: NodePorts, config: NodeConfig) {
    this.#ports = ports;
    this.#config = config;
    this.#keyring = new Keyring(ports.crypto, ports.keyValue);
    this.#identity = nodeIdentity(ports.crypto, this.#keyring.slot, config);
    this.#tokens = new TokenStore(ports, this.#paths, config.observer);
    this.#sampling = new Sampling(ports, config);
    this.#attestation = new Attestation(ports, config, this.#tokens, this.#keyring, {
      signed: (signature, reason) => this.takeSignature(signature, reason ?? "no reason given"),
      keyChanged: () => this.keyChanged(),
      frameBytes: () => this.#radioPath?.frameBytes ?? 0,
    });
    const owner = createPathOwner(this.#tokens, this.#attestation, () => this.#machines, ports.log, config.observer);
    const { wifi, radio, coder } = createPaths(ports, config, this.#identity.ueid, owner);
    if (wifi !== undefined) this.#paths.push(wifi);
    if (radio !== undefined) this.#paths.push(radio);
    this.#radioPath = radio;
    this.#coder = coder;
    this.#machines = this.newMachines();

    const now = (): number => ports.clock.nowMs();
    const pump = (): void => this.pump();
    this.networkEvents = wifi?.networkEvents(now, pump);
    this.radioEvents = radio?.radioEvents(now, pump);
    this.#wake = () => {
      this.#wakeAtMs = undefined;
      this.pump();
    };
  }

  private newMachines(): Machines {
    return new Machines(this.#config, this.#identity, this.#ports.crypto, this.#coder, this.#paths.length);
  }

  /** Number of this boot: counts power-ons and resets, not wake-ups from deep sleep. */
  get bootCount(): number {
    return this.#sampling.bootCount;
  }

  get identity(): NodeIdentity {
    return this.#identity;
  }

  /** Drained: no more samples, every reading in a token, every token acknowledged or given up. */
  get idle(): boolean {
    return this.#draining && this.#machines.empty;
  }

  get health(): NodeHealth {
    const { attester, outbox } = this.#machines;
    let controlRefused = 0;
    for (const path of this.#paths) controlRefused += path.controlRefused;
    return {
      sensorErrors: this.#sampling.sensors.errors,
      readingsLost: this.#sampling.readingsLost,
      recordsUnreadable: attester.unreadable,
      tokensDropped: outbox.droppedCount,
      signErrors: this.#attestation.signErrors,
      radioErrors: this.#radioPath?.radioErrors ?? 0,
      controlRefused,
    };
  }

  /** Begins, as the wake cause says: after a deep sleep from retained memory, else from flash. */
  start(): void {
    const { clock, power, log } = this.#ports;
    const nowMs = clock.nowMs();
    this.#started = true;
    this.#awakeSinceMs = nowMs;
    if (power.wakeCause === "timer" && this.restoreAll(power.retained)) {
      for (const path of this.#paths) path.resume(nowMs);
    } else {
      this.startFromFlash(nowMs);
      log.write("info", "node", `boot ${this.#sampling.bootCount}, wake cause ${power.wakeCause}`);
    }
    this.pump();
  }

  private startFromFlash(nowMs: number): void {
    const { keyValue, journal, outbox } = this.#ports;
    const machines = this.#machines;
    this.#sampling.bootCount = countBoot(keyValue);
    trimAttested(journal, outbox, this.#tokens.record);
    if (this.#keyring.recover(outbox, this.#tokens.record)) this.keyChanged();
    this.#attestation.start(machines, this.#sampling.bootCount, nowMs);
    this.#tokens.start(machines.outbox, nowMs);
    for (const path of this.#paths) path.start(nowMs);
    machines.sampler.handle(START, nowMs);
  }

  /** Takes no more samples, closes the open batch and delivers everything: before planned power-off and before an update. */
  drain(): void {
    if (this.#draining) return;
    const nowMs = this.#ports.clock.nowMs();
    this.#draining = true;
    this.#machines.sampler.handle(STOP, nowMs);
    this.#machines.outbox.handle(DRAIN, nowMs);
    for (const path of this.#paths) path.drain(nowMs);
    this.pump();
  }

  /**
   * Signs with a new key from now on: the open batch is closed, a token signed by the old key names the new one, and a boot token signed by the
   * new key follows. False when such a change is under way already, or the node sleeps.
   */
  rotateKey(): boolean {
    if (this.#asleep || !this.#started) return false;
    const begun = this.#attestation.changeKey(this.#machines, this.#ports.clock.nowMs());
    this.pump();
    return begun;
  }

  /** The identity is one object for all machines. */
  private keyChanged(): void {
    this.#identity.kid.set(keyIdentifier(this.#ports.crypto, this.#keyring.slot));
  }

  /** Lets every machine have its way until none wants anything, then waits for the earliest time that one asked for. */
  private pump(): void {
    if (this.#pumping || this.#asleep || !this.#started) return;
    this.#pumping = true;
    let nowMs = 0;
    let worked = true;
    while (worked) {
      // Read anew each time: what was done may have blocked for half a second.
      nowMs = this.#ports.clock.nowMs();
      worked = this.#sampling.run(this.#machines, nowMs);
      for (const path of this.#paths) worked = path.pump(nowMs) || worked;
      worked = this.attest(nowMs) || worked;
      worked = this.offerUplink(nowMs) || worked;
    }
    this.#pumping = false;
    this.waitForNext(nowMs);
  }

  /** Asked before each piece of blocking work, for the one before it has taken its time. */
  private mayBlock(): boolean {
    const nowMs = this.#ports.clock.nowMs();
    for (const path of this.#paths) if (!path.mayBlock(nowMs)) return false;
    return true;
  }

  /** Journal, signature and outbox: work that may block, so it rests while a receive window is near. */
  private attest(nowMs: number): boolean {
    this.#sampling.writeJournal(this.#machines, this.#blockingAllowed);
    return this.#attestation.run(this.#machines, this.#draining, nowMs, this.#blockingAllowed);
  }

  private takeSignature(signature: Uint8Array | undefined, reason: string): void {
    if (this.#asleep) return;
    this.#attestation.takeSignature(this.#machines, signature, reason, this.#ports.clock.nowMs());
    this.pump();
  }

  /** Tells the outbox which uplink would take a token. */
  private offerUplink(nowMs: number): boolean {
    const { router, outbox } = this.#machines;
    for (let i = 0; i < this.#paths.length; i++) router.report(i, this.#paths[i].available, this.#paths[i].busy);
    this.#uplink.free = router.free;
    outbox.handle(this.#uplink, nowMs);
    return this.#tokens.run(outbox, nowMs);
  }

  private waitForNext(nowMs: number): void {
    const { sampler, attester, outbox } = this.#machines;
    let next = Math.min(sampler.pollTimeout() ?? Infinity, attester.pollTimeout() ?? Infinity);
    next = Math.min(next, outbox.pollTimeout() ?? Infinity);
    for (const path of this.#paths) next = Math.min(next, path.pollTimeout() ?? Infinity);
    if (this.waitsToConnect(nowMs)) next = Math.min(next, this.#awakeSinceMs + CONNECT_WAIT_MS);
    if (this.#config.deepSleep === true && this.isSettling()) next = Math.min(next, nowMs + SETTLING_MS);
    if (next >= Number.MAX_SAFE_INTEGER) {
      this.#wakeAtMs = undefined;
      this.#ports.timer.cancel();
    } else if (this.#config.deepSleep === true && next - nowMs >= SLEEP_MIN_MS && this.canSleep(nowMs)) {
      this.sleep(next);
    } else if (next !== this.#wakeAtMs) {
      this.#wakeAtMs = next;
      this.#ports.timer.wakeAt(next, this.#wake);
    }
  }

  private isSettling(): boolean {
    for (const path of this.#paths) if (path.settling) return true;
    return false;
  }

  private canSleep(nowMs: number): boolean {
    const { sampler, attester, journal } = this.#machines;
    for (const path of this.#paths) if (!path.quiet) return false;
    if (sampler.waitsForTime || attester.awaitsSignature || !journal.empty) return false;
    return !this.waitsToConnect(nowMs);
  }

  /** A token is due, and an uplink that was down since the node woke may come up yet. */
  private waitsToConnect(nowMs: number): boolean {
    if (nowMs - this.#awakeSinceMs >= CONNECT_WAIT_MS || !this.#machines.outbox.isDue(nowMs)) return false;
    for (const path of this.#paths) if (path.connecting) return true;
    return false;
  }

  private sleep(untilMs: number): void {
    const { power, timer } = this.#ports;
    timer.cancel();
    this.saveAll(power.retained);
    this.#asleep = true;
    power.deepSleepUntil(untilMs);
  }

  /** Writes the state of every machine into `into`; returns the length. */
  saveAll(into: Uint8Array): number {
    const writer = new StateWriter(into, 0, STATE_TAG.node, VERSION);
    writer.u32(this.#sampling.bootCount);
    writer.bool(this.#draining);
    writer.u32(this.#sampling.readingsLost);
    writer.u32(this.#attestation.signErrors);
    writer.u32(this.#sampling.sensors.errors);
    let at = this.#machines.save(into, writer.finish());
    for (const path of this.#paths) at = path.save(into, at);
    return at;
  }

  /** Makes new machines and gives them the state that `saveAll` wrote. False, and all machines as new, when any of it is not good. */
  restoreAll(bytes: Uint8Array): boolean {
    if (this.restore(bytes)) return true;
    this.#draining = false;
    this.renew();
    return false;
  }

  private renew(): void {
    this.#machines = this.newMachines();
    for (const path of this.#paths) path.renew();
  }

  private restore(bytes: Uint8Array): boolean {
    this.renew();
    const reader = new StateReader(bytes, 0, STATE_TAG.node, VERSION);
    if (!reader.valid) return false;
    const nowMs = this.#ports.clock.nowMs();
    this.#sampling.bootCount = reader.u32();
    this.#draining = reader.bool();
    this.#sampling.readingsLost = reader.u32();
    this.#attestation.signErrors = reader.u32();
    this.#sampling.sensors.errors = reader.u32();
    let at = this.#machines.restore(bytes, reader.end);
    for (const path of this.#paths) if (at >= 0) at = path.restore(bytes, at, nowMs);
    return at >= 0;
  }

  /** Saves every machine, throws all of them away, and goes on with new ones: what a deep sleep does, without the sleep. */
  cycleThroughSavedState(): void {
    if (this.#asleep || !this.#started) return;
    this.#state ??= new Uint8Array(STATE_BYTES_MAX);
    this.saveAll(this.#state);
    if (!this.restoreAll(this.#state)) throw new Error("node: the saved state does not restore");
  }
}
