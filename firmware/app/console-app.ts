/**
 * Joins the device console to the ports: keys into their slots, everything else under its name in the key-value store. A factory reset is safe at every
 * write: it is marked first, the keys go, then the rest, the lock next to last and the mark last; what a power cut leaves, the next start finishes.
 */
import { CONFIGURATION_BYTES_MAX, configurationFacts } from "../core/console/configuration-facts.ts";
import { Console } from "../core/console/console.ts";
import type { ConsoleCommand, ConsoleEvent, ConsoleFacts } from "../core/console/console-events.ts";
import type { Clock } from "../ports/clock.ts";
import type { Crypto, KeySlot } from "../ports/crypto.ts";
import type { LogLevel } from "../ports/log.ts";
import type { KeyValueStore } from "../ports/storage.ts";
import { publicKeyBytes } from "../wire/cose-key.ts";
import { KEY_SLOT } from "../wire/key-slot.ts";
import { FIRMWARE } from "./firmware-version.ts";
import { keyIdentifier } from "./node-identity.ts";
import { isRandomHealthy } from "./random-test.ts";

/** Where the node's configuration lies: a text under one name. */
export interface ConfigurationStore {
  /** Copies it into `into`; returns its length, or -1 where there is none that fits. */
  read(into: Uint8Array): number;
  write(text: Uint8Array, length: number): void;
  delete(): void;
  /** The member that is missing or wrong, as the node's own parser says; undefined for a good text. */
  check(text: Uint8Array, length: number): string | undefined;
}

export interface ConsolePorts {
  clock: Clock;
  crypto: Crypto;
  keyValue: KeyValueStore;
  configuration: ConfigurationStore;
  /** Sends a line on the serial port; the bytes are copied before it returns. */
  send(bytes: Uint8Array, length: number): void;
  /** Counters of the node that runs, integers by name. */
  health(): Readonly<Record<string, number>>;
  /** A factory reset: give up what else the node keeps (boot count, LoRaWAN session, readings, tokens). May be called twice. */
  forget(): void;
  /** Everything is forgotten: begin anew, when what was sent has left. */
  restart(): void;
}

export interface ConsoleBoard {
  /** EUI-64 of the chip's MAC address. */
  hardwareId: Uint8Array;
  chip: string;
  model: string;
}

const LOCK = "con.lock";
const RESET = "con.reset";
const OWNER = "con.owner";
const EUIS = "con.euis";
const EVERY_SLOT: readonly KeySlot[] = Object.freeze(Object.values(KEY_SLOT));
const OWNER_KEY_BYTES = 64;
const EUIS_BYTES = 16;
const NO_CLUE = "internal-error";

export class ConsoleApp {
  #ports: ConsolePorts;
  #facts: ConsoleFacts;
  #console: Console;
  #slot: () => KeySlot;
  #byte = { kind: "byte" as const, byte: 0 };

  /** `slot`: where the key that signs tokens lies (Keyring). */
  constructor(ports: ConsolePorts, board: ConsoleBoard, slot: () => KeySlot = () => KEY_SLOT.attestation) {
    this.#ports = ports;
    this.#slot = slot;
    if (ports.keyValue.read(RESET, new Uint8Array(1)) > 0) this.erase();
    this.#facts = {
      ...board,
      firmware: FIRMWARE,
      algorithm: ports.crypto.algorithm,
      publicKey: undefined,
      kid: undefined,
      hasAppKey: false,
      hasReceiverKey: false,
      euis: undefined,
      owner: undefined,
      configuration: undefined,
      locked: false,
    };
    this.readFacts();
    this.#console = new Console(this.#facts);
  }

  get isLocked(): boolean {
    return this.#facts.locked;
  }

  /** It has a key, a receiver's key and a configuration. */
  get isSetUp(): boolean {
    const { publicKey, hasReceiverKey, configuration } = this.#facts;
    return publicKey !== undefined && hasReceiverKey && configuration !== undefined;
  }

  /** Bytes from the serial port. */
  receive(bytes: Uint8Array): void {
    for (const byte of bytes) {
      this.#byte.byte = byte;
      this.handle(this.#byte);
    }
  }

  /** A line of the node's log: true when it has gone to the tool that follows, false when it is to be written as ever. */
  log(level: LogLevel, source: string, text: string): boolean {
    if (!this.#console.follows(this.#ports.clock.nowMs())) return false;
    this.handle({ kind: "log", level, source, text });
    return true;
  }

  private handle(event: ConsoleEvent): void {
    this.#console.handle(event, this.#ports.clock.nowMs());
    for (let command = this.#console.pollCommand(); command !== undefined; command = this.#console.pollCommand()) {
      try {
        this.carryOut(command);
      } catch {
        // The hardware did not do it. What it did do, the store tells.
        this.readFacts();
        this.handle({ kind: "done", reason: NO_CLUE });
      }
    }
  }

  private carryOut(command: ConsoleCommand): void {
    const { crypto } = this.#ports;
    switch (command.kind) {
      case "send":
        this.#ports.send(command.bytes, command.length);
        break;
      case "sign":
        crypto.sign(this.#slot(), command.message, command.length, (signature, reason) => {
          if (signature === undefined) this.handle({ kind: "done", reason: reason ?? NO_CLUE });
          else this.handle({ kind: "signed", signature });
        });
        break;
      case "readHealth":
        this.handle({
          kind: "health",
          counters: {
            uptimeMs: this.#ports.clock.nowMs(),
            linesRefused: this.#console.linesRefused,
            ...this.#ports.health(),
          },
        });
        break;
      case "generateKey":
        this.generateKey();
        break;
      case "erase":
        this.erase();
        this.readFacts();
        this.handle({ kind: "done" });
        this.#ports.restart();
        break;
      default:
        this.store(command);
        break;
    }
  }

  private generateKey(): void {
    const { crypto } = this.#ports;
    if (!isRandomHealthy(crypto)) {
      this.handle({ kind: "done", reason: "weak-random" });
      return;
    }
    crypto.generateKey(this.#slot());
    this.readFacts();
    this.handle({ kind: "keyMade" });
  }

  private store(command: ConsoleCommand): void {
    const { crypto, keyValue, configuration } = this.#ports;
    switch (command.kind) {
      case "storeLorawan":
        // The key last: without it the EUIs mean nothing.
        keyValue.write(EUIS, command.euis, EUIS_BYTES);
        crypto.importKey(KEY_SLOT.appKey, command.appKey);
        command.appKey.fill(0);
        break;
      case "storeReceiverKey":
        crypto.importKey(KEY_SLOT.receiver, command.key);
        command.key.fill(0);
        break;
      case "storeOwner":
        keyValue.write(OWNER, command.publicKey, OWNER_KEY_BYTES);
        break;
      case "lock":
        keyValue.write(LOCK, Uint8Array.of(1), 1);
        break;
      case "storeConfiguration": {
        const unfit = configuration.check(command.text, command.length);
        if (unfit !== undefined) {
          this.handle({ kind: "done", reason: `bad-parameter: ${unfit}` });
          return;
        }
        configuration.write(command.text, command.length);
        break;
      }
    }
    this.readFacts();
    this.handle({ kind: "done" });
  }

  private erase(): void {
    const { crypto, keyValue, configuration, forget } = this.#ports;
    keyValue.write(RESET, Uint8Array.of(1), 1);
    for (const slot of EVERY_SLOT) if (crypto.hasKey(slot)) crypto.destroyKey(slot);
    configuration.delete();
    forget();
    keyValue.delete(EUIS);
    keyValue.delete(OWNER);
    keyValue.delete(LOCK);
    keyValue.delete(RESET);
  }

  /** The store and the slots are the authority. */
  private readFacts(): void {
    const { crypto, keyValue, configuration } = this.#ports;
    const facts = this.#facts;
    const slot = this.#slot();
    const hasKey = crypto.hasKey(slot);
    facts.publicKey = undefined;
    if (hasKey) {
      facts.publicKey = new Uint8Array(publicKeyBytes(crypto.algorithm));
      crypto.publicKey(slot, facts.publicKey);
    }
    facts.kid = hasKey ? keyIdentifier(crypto, slot) : undefined;
    facts.hasAppKey = crypto.hasKey(KEY_SLOT.appKey);
    facts.hasReceiverKey = crypto.hasKey(KEY_SLOT.receiver);
    facts.locked = keyValue.read(LOCK, new Uint8Array(1)) > 0;
    facts.euis = this.readValue(EUIS, EUIS_BYTES);
    facts.owner = this.readValue(OWNER, OWNER_KEY_BYTES);
    const text = new Uint8Array(CONFIGURATION_BYTES_MAX);
    const length = configuration.read(text);
    const found = length < 0 ? "none" : configurationFacts(text, length);
    facts.configuration = typeof found === "string" ? undefined : found;
  }

  private readValue(name: string, length: number): Uint8Array | undefined {
    const value = new Uint8Array(length);
    return this.#ports.keyValue.read(name, value) === length ? value : undefined;
  }
}
