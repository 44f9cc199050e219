/**
 * Which of the two attestation slots signs, and the change from one to the other, safe at every write:
 *
 *   steady --want--> wanted --make--> made --commit--> spent --the old key is destroyed--> steady
 *
 * Between `make` and `commit` the key token is signed by the old key and stored. A power cut leads back to where the last write was: a key that is
 * wanted is made (again), a key token that is missing is made first of all, and the last token's kind says whether it was stored.
 */
import type { Crypto, KeySlot } from "../ports/crypto.ts";
import type { KeyValueStore, RecordLog } from "../ports/storage.ts";
import { KEY_SLOT } from "../wire/key-slot.ts";
import { TOKEN_KIND, tokenRecordJournalEnd, tokenRecordKind } from "../wire/token-record.ts";

const KEY = "keys";
const VERSION = 1;
/** version 1 | slot that signs 1 | phase 1 | the outbox's next number when the new key was made 4 */
const LENGTH = 7;
const STEADY = 0;
const WANTED = 1;
const MADE = 2;
const SPENT = 3;

export class Keyring {
  #crypto: Crypto;
  #keyValue: KeyValueStore;
  #slot: KeySlot = KEY_SLOT.attestation;
  #phase = STEADY;
  #madeAt = 0;

  constructor(crypto: Crypto, keyValue: KeyValueStore) {
    this.#crypto = crypto;
    this.#keyValue = keyValue;
    const value = new Uint8Array(LENGTH);
    if (keyValue.read(KEY, value) !== LENGTH || value[0] !== VERSION) {
      // Where the store was emptied, the slot that has a key tells.
      if (!crypto.hasKey(this.#slot) && crypto.hasKey(this.otherSlot)) this.#slot = this.otherSlot;
      return;
    }
    this.#slot = value[1] === KEY_SLOT.attestationNext ? KEY_SLOT.attestationNext : KEY_SLOT.attestation;
    this.#phase = value[2];
    this.#madeAt = new DataView(value.buffer).getUint32(3);
  }

  /** The slot of the key that signs. */
  get slot(): KeySlot {
    return this.#slot;
  }

  private get otherSlot(): KeySlot {
    return this.#slot === KEY_SLOT.attestation ? KEY_SLOT.attestationNext : KEY_SLOT.attestation;
  }

  /** A new key is wanted or made, and its token is not stored yet. */
  get changing(): boolean {
    return this.#phase === WANTED || this.#phase === MADE;
  }

  /** After power-on: takes up what a power cut ended. `record` is room for an outbox record. True when another key signs now. */
  recover(outbox: RecordLog, record: Uint8Array): boolean {
    if (this.#phase === MADE && outbox.next > this.#madeAt) {
      const length = outbox.read(outbox.next - 1, record);
      if (tokenRecordJournalEnd(record, length) < 0 || tokenRecordKind(record) !== TOKEN_KIND.key) return false;
      this.commit();
      return true;
    }
    if (this.#phase === SPENT) this.destroyOld();
    return false;
  }

  /** Another key shall sign. False when a change is under way already. */
  want(): boolean {
    if (this.changing) return false;
    this.write(WANTED);
    return true;
  }

  /** Makes the new key, unless it is made, and writes its public key to `into`. `outboxNext`: the number of the next token. */
  make(outboxNext: number, into: Uint8Array): void {
    if (this.#phase !== MADE) {
      this.#crypto.generateKey(this.otherSlot);
      this.#madeAt = outboxNext;
      this.write(MADE);
    }
    this.#crypto.publicKey(this.otherSlot, into);
  }

  /** The key token is stored: from now on the new key signs. Every token before is signed already, so the old key goes at once. */
  commit(): void {
    this.#slot = this.otherSlot;
    this.write(SPENT);
    this.destroyOld();
  }

  private destroyOld(): void {
    this.#crypto.destroyKey(this.otherSlot);
    this.write(STEADY);
  }

  private write(phase: number): void {
    const value = new Uint8Array(LENGTH);
    value[0] = VERSION;
    value[1] = this.#slot;
    value[2] = phase;
    new DataView(value.buffer).setUint32(3, this.#madeAt);
    this.#keyValue.write(KEY, value, LENGTH);
    this.#phase = phase;
  }
}
