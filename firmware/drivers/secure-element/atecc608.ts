/**
 * Microchip ATECC608A/B secure element on I2C (ATECC608B data sheet; commands in atecc608-commands.ts, their way in atecc608-link.ts):
 * P-256 keys that never leave the chip, signatures over digests, two monotonic counters, random numbers.
 */
import type { Hash, KeySlot, Signer } from "../../ports/crypto.ts";
import { type Atecc608Error, COMMAND, type Command } from "./atecc608-commands.ts";
import { type AnswerCallback, Atecc608Link, type LinkOptions } from "./atecc608-link.ts";
import { normaliseLowS } from "./low-s.ts";

const SIGN: readonly Command[] = Object.freeze([COMMAND.random, COMMAND.loadDigest, COMMAND.sign]);

export interface Atecc608Options extends LinkOptions {
  /** Which slot of the chip (0 to 15) holds which key. */
  keySlots: readonly { readonly key: KeySlot; readonly chip: number }[];
  /** What makes the digest that the chip signs. */
  hash: Hash;
}

export class Atecc608 implements Signer {
  readonly algorithm = -7;
  /** Bytes of Info: 0x6002 for an ATECC608A, 0x6003 for a B; undefined before `open`. */
  revision: number | undefined;
  /** Config zone byte 87 is 0: how each slot may be used is settled for ever. Undefined before `open`. */
  configLocked: boolean | undefined;
  /** Config zone byte 86 is 0: the slots are locked as configured. Undefined before `open`. */
  dataLocked: boolean | undefined;
  #options: Atecc608Options;
  #link: Atecc608Link;
  #publicKeys = new Map<number, Uint8Array>();

  constructor(options: Atecc608Options) {
    this.#options = options;
    this.#link = new Atecc608Link(options);
  }

  /** Reads revision, lock state and the public keys of the key slots. A slot without a key is no error: `hasKey` tells. */
  open(done: (error?: Atecc608Error) => void): void {
    this.ask(COMMAND.info, 0, (info, error) => {
      if (info === undefined) done(error);
      else {
        this.revision = (info[2] << 8) | info[3];
        this.readLocks(done);
      }
    });
  }

  hasKey(slot: KeySlot): boolean {
    return this.#publicKeys.has(this.chipSlot(slot));
  }

  /** Writes x‖y, 64 bytes. Throws before `open` has read it, and for a slot without a key. */
  publicKey(slot: KeySlot, into: Uint8Array): void {
    const key = this.#publicKeys.get(this.chipSlot(slot));
    if (key === undefined) throw new Error(`ATECC608: no key in slot ${slot}`);
    into.set(key);
  }

  /**
   * Makes a new key pair inside the chip; the old one of that slot is lost. `done` gets the public key x‖y. Where it failed, what the slot
   * holds now has been read again before `done`.
   */
  generateKey(slot: KeySlot, done: AnswerCallback): void {
    const chipSlot = this.chipSlot(slot);
    this.ask(COMMAND.createKey, chipSlot, (key, error) => {
      if (key === undefined) this.readPublicKey(chipSlot, () => done(undefined, error));
      else {
        this.#publicKeys.set(chipSlot, key);
        done(key.slice());
      }
    });
  }

  /**
   * Signs the SHA-256 of `message`; about 150 ms, in a later turn. As the maker's library does, the random generator's seed is renewed first: the nonces
   * come from there. The signature is normalised to low s.
   */
  sign(
    slot: KeySlot,
    message: Uint8Array,
    length: number,
    done: (signature: Uint8Array | undefined, reason?: string) => void,
  ): void {
    const digest = new Uint8Array(32);
    this.#options.hash.sha256(message, length, digest);
    this.#link.enqueue({
      commands: SIGN,
      argument: this.chipSlot(slot),
      data: digest,
      done: (signature, error) => {
        if (signature !== undefined) normaliseLowS(signature);
        done(signature, error);
      },
    });
  }

  /** 32 bytes from the chip's generator. */
  random(done: AnswerCallback): void {
    this.ask(COMMAND.random, 0, done);
  }

  /** The value of counter 0 or 1, up to 2,097,151. */
  readCounter(counter: 0 | 1, done: (value: number | undefined, error?: Atecc608Error) => void): void {
    this.ask(COMMAND.readCounter, counter, (answer, error) => done(counterValue(answer), error));
  }

  /**
   * Adds one and gives the new value; "execution" at its end. After "no-answer", "answer-crc" and "wake" it may have been incremented: read it.
   * It never goes back, and may skip a value when the power fails.
   */
  incrementCounter(counter: 0 | 1, done: (value: number | undefined, error?: Atecc608Error) => void): void {
    this.ask(COMMAND.incrementCounter, counter, (answer, error) => done(counterValue(answer), error));
  }

  /** Puts the chip to sleep. Requests under way get no answer. */
  close(): void {
    this.#link.close();
  }

  private readLocks(done: (error?: Atecc608Error) => void): void {
    this.ask(COMMAND.readLocks, 0, (locks, error) => {
      if (locks === undefined) done(error);
      else {
        this.dataLocked = locks[2] === 0;
        this.configLocked = locks[3] === 0;
        this.readPublicKeys(0, done);
      }
    });
  }

  private readPublicKeys(index: number, done: (error?: Atecc608Error) => void): void {
    const { keySlots } = this.#options;
    if (index >= keySlots.length) {
      done();
      return;
    }
    this.readPublicKey(keySlots[index].chip, (error) => {
      // What an empty slot answers.
      if (error === undefined || error === "execution" || error === "ecc-fault") this.readPublicKeys(index + 1, done);
      else done(error);
    });
  }

  private readPublicKey(chipSlot: number, done: (error?: Atecc608Error) => void): void {
    this.#publicKeys.delete(chipSlot);
    this.ask(COMMAND.publicKey, chipSlot, (key, error) => {
      if (key !== undefined) this.#publicKeys.set(chipSlot, key);
      done(error);
    });
  }

  private chipSlot(slot: KeySlot): number {
    for (const { key, chip } of this.#options.keySlots) if (key === slot) return chip;
    throw new Error(`ATECC608: no slot of the chip for key slot ${slot}`);
  }

  private ask(command: Command, argument: number, done: AnswerCallback): void {
    this.#link.enqueue({ commands: [command], argument, data: undefined, done });
  }
}

/** Four bytes, low one first. */
function counterValue(answer: Uint8Array | undefined): number | undefined {
  if (answer === undefined) return undefined;
  return (answer[0] | (answer[1] << 8) | (answer[2] << 16) | (answer[3] << 24)) >>> 0;
}
