/** From the journal to the outbox: carries out what the attester wants. All of it may block. */
import type { AttesterCommand } from "../core/attester.ts";
import { KEY_SLOT } from "../wire/key-slot.ts";
import { readingRecordBytes } from "../wire/reading-record.ts";
import type { Machines } from "./machines.ts";
import type { NodeConfig, NodePorts } from "./node-ports.ts";
import type { TokenStore } from "./token-store.ts";

const DRAIN = Object.freeze({ kind: "drain" as const });
const SIGN_FAILED = Object.freeze({ kind: "signFailed" as const });

export class Attestation {
  #ports: NodePorts;
  #tokens: TokenStore;
  #record: Uint8Array;
  #journalGrown = { kind: "journal" as const, next: 0 };
  #recordRead;
  #appended = { kind: "appended" as const, number: 0 };
  #signed: (signature: Uint8Array | undefined, reason?: string) => void;
  /** Failed signatures. */
  signErrors = 0;

  /** `signed` is called with each answer of the signer, in a later turn of the event loop: it goes on to `takeSignature`. */
  constructor(
    ports: NodePorts,
    config: NodeConfig,
    tokens: TokenStore,
    signed: (signature: Uint8Array | undefined, reason?: string) => void,
  ) {
    this.#ports = ports;
    this.#tokens = tokens;
    this.#record = new Uint8Array(readingRecordBytes(config.profile.fields.length));
    this.#recordRead = { kind: "record" as const, bytes: this.#record, length: 0 };
    this.#signed = signed;
  }

  /** Lets the attester have its way with what the journal holds, as long as it may block; true when it wanted anything. */
  run(machines: Machines, draining: boolean, nowMs: number, mayBlock: () => boolean): boolean {
    const { attester, sampler } = machines;
    this.#journalGrown.next = this.#ports.journal.next;
    attester.handle(this.#journalGrown, nowMs);
    if (draining && sampler.stopped) attester.handle(DRAIN, nowMs);
    attester.handleTimeout(nowMs);
    let worked = false;
    while (mayBlock()) {
      const command = attester.pollCommand();
      if (command === undefined) break;
      this.#carryOut(machines, command, nowMs);
      worked = true;
    }
    return worked;
  }

  #carryOut({ attester, outbox }: Machines, command: AttesterCommand, nowMs: number): void {
    const { crypto, journal } = this.#ports;
    switch (command.kind) {
      case "readRecord":
        this.#recordRead.length = journal.read(command.number, this.#record);
        attester.handle(this.#recordRead, nowMs);
        return;
      case "sign":
        crypto.signDigest(KEY_SLOT.attestation, command.digest, this.#signed);
        return;
      case "append":
        this.#appended.number = this.#tokens.append(outbox, command.record, command.length, command.durationS, nowMs);
        attester.handle(this.#appended, nowMs);
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
}
