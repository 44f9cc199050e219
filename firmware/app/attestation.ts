/** From the journal to the outbox: carries out what the attester wants. All of it may block. */
import type { AttesterCommand } from "../core/attester-events.ts";
import { MAX_PUBLIC_KEY_BYTES } from "../wire/cose-key.ts";
import { readingRecordBytes } from "../wire/reading-record.ts";
import { DIGEST_BYTES } from "../wire/statements.ts";
import type { Keyring } from "./keyring.ts";
import type { Machines } from "./machines.ts";
import type { NodeConfig, NodePorts } from "./node-ports.ts";
import { TokenMemory } from "./token-memory.ts";
import type { TokenStore } from "./token-store.ts";

const DRAIN = Object.freeze({ kind: "drain" as const });
const CHANGE_KEY = Object.freeze({ kind: "changeKey" as const });
const SIGN_FAILED = Object.freeze({ kind: "signFailed" as const });
const DAY_MS = 86_400_000;

/** What the application does for it. */
export interface AttestationOwner {
  /** An answer of the signer, in a later turn of the event loop: it goes on to `takeSignature`. */
  signed(signature: Uint8Array | undefined, reason?: string): void;
  /** The key that signs is another one. */
  keyChanged(): void;
  /** What a LoRaWAN frame holds now; 0 where that is not known. */
  frameBytes(): number;
}

export class Attestation {
  #ports: NodePorts;
  #tokens: TokenStore;
  #keyring: Keyring;
  #owner: AttestationOwner;
  #memory: TokenMemory;
  #record: Uint8Array;
  #journalGrown = { kind: "journal" as const, next: 0 };
  #present = { kind: "present" as const, wallOffsetMs: undefined as number | undefined, timeQuality: 0, frameBytes: 0 };
  #recordRead;
  #appended = { kind: "appended" as const, number: 0 };
  #signed: (signature: Uint8Array | undefined, reason?: string) => void;
  /** Failed signatures. */
  signErrors = 0;

  constructor(ports: NodePorts, config: NodeConfig, tokens: TokenStore, keyring: Keyring, owner: AttestationOwner) {
    this.#ports = ports;
    this.#tokens = tokens;
    this.#keyring = keyring;
    this.#owner = owner;
    this.#memory = new TokenMemory(ports.keyValue, ports.crypto);
    this.#record = new Uint8Array(readingRecordBytes(config.profile.fields.length));
    this.#recordRead = { kind: "record" as const, bytes: this.#record, length: 0 };
    this.#signed = (signature, reason) => owner.signed(signature, reason);
  }

  /** After power-on: the attester is told what flash holds. */
  start({ attester }: Machines, bootCount: number, nowMs: number): void {
    const { journal, outbox } = this.#ports;
    this.#memory.start(outbox.next);
    attester.handle(
      {
        kind: "start",
        bootCount,
        journalOldest: journal.oldest,
        journalNext: journal.next,
        outboxNext: outbox.next,
        listed: this.#memory.listed,
        listDay: this.#memory.day,
        changesKey: this.#keyring.changing,
      },
      nowMs,
    );
  }

  /** Tells the attester what the journal holds and what time it is, and lets it have its way as long as it may block; true when it wanted anything. */
  run(machines: Machines, draining: boolean, nowMs: number, mayBlock: () => boolean): boolean {
    const { attester, sampler, time } = machines;
    this.#journalGrown.next = this.#ports.journal.next;
    attester.handle(this.#journalGrown, nowMs);
    this.#present.wallOffsetMs = time.offsetMs;
    this.#present.timeQuality = time.momentQuality(nowMs);
    this.#present.frameBytes = this.#owner.frameBytes();
    attester.handle(this.#present, nowMs);
    if (draining && sampler.stopped) attester.handle(DRAIN, nowMs);
    attester.handleTimeout(nowMs);
    let worked = false;
    while (mayBlock()) {
      const command = attester.pollCommand();
      if (command === undefined) break;
      this.carryOut(machines, command, nowMs);
      worked = true;
    }
    return worked;
  }

  private carryOut({ attester, outbox, time }: Machines, command: AttesterCommand, nowMs: number): void {
    const { crypto, journal } = this.#ports;
    switch (command.kind) {
      case "readRecord":
        this.#recordRead.length = journal.read(command.number, this.#record);
        attester.handle(this.#recordRead, nowMs);
        return;
      case "contents":
        if (command.of === "digest") {
          const digest = new Uint8Array(DIGEST_BYTES);
          const firstSeq = this.#memory.digest(command.seq, digest);
          attester.handle({ kind: "digest", firstSeq, digest }, nowMs);
        } else {
          const publicKey = new Uint8Array(MAX_PUBLIC_KEY_BYTES);
          this.#keyring.make(command.seq, publicKey);
          attester.handle({ kind: "newKey", publicKey }, nowMs);
        }
        return;
      case "sign":
        crypto.sign(this.#keyring.slot, command.message, command.length, this.#signed);
        return;
      case "note": {
        const day = time.offsetMs === undefined ? 0 : Math.floor((nowMs + time.offsetMs) / DAY_MS);
        this.#memory.note(command.seq, command.tokenKind, command.hash, command.nonce, day);
        return;
      }
      case "append":
        this.#appended.number = this.#tokens.append(outbox, command.record, command.length, command.durationS, nowMs);
        attester.handle(this.#appended, nowMs);
        return;
      case "useNewKey":
        this.#keyring.commit();
        this.#owner.keyChanged();
        return;
      case "trim":
        journal.trim(command.before);
        return;
    }
  }

  takeSignature({ attester }: Machines, signature: Uint8Array | undefined, reason: string, nowMs: number): void {
    if (signature !== undefined) {
      attester.handle({ kind: "signed", signature }, nowMs);
      return;
    }
    this.signErrors++;
    this.#ports.log.write("error", "attester", `signature failed: ${reason}`);
    attester.handle(SIGN_FAILED, nowMs);
  }

  /** A challenge is answered once, a request for the boot token unless that is on its way. */
  takeChallenge({ attester }: Machines, nonce: Uint8Array, length: number, nowMs: number): void {
    if (this.#memory.answered(nonce.subarray(0, length))) return;
    attester.handle({ kind: "challenge", nonce, length, outboxOldest: this.#ports.outbox.oldest }, nowMs);
  }

  takeBootRequest({ attester }: Machines, nowMs: number): void {
    attester.handle({ kind: "bootRequest", outboxOldest: this.#ports.outbox.oldest }, nowMs);
  }

  /** Begins to change the key; false when that is under way already. */
  changeKey({ attester }: Machines, nowMs: number): boolean {
    if (!this.#keyring.want()) return false;
    attester.handle(CHANGE_KEY, nowMs);
    return true;
  }
}
