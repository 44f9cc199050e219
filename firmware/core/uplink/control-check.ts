/** Checks the receiver's control messages (wire/control-message.ts) under the key that node and receiver share. */
import type { SymmetricCrypto } from "../../ports/crypto.ts";
import {
  type ControlMessage,
  controlMacMessage,
  MAX_CONTROL_MAC_BYTES,
  newControlMessage,
  parseControl,
  type TagBytes,
  tagMatches,
} from "../../wire/control-message.ts";
import { KEY_SLOT } from "../../wire/key-slot.ts";

export class ControlCheck {
  #ueid: Uint8Array;
  #ciphers: SymmetricCrypto;
  #tagBytes: TagBytes;
  /** What the MAC is of, and the MAC behind it. */
  #macInput = new Uint8Array(MAX_CONTROL_MAC_BYTES + 16);
  #mac = this.#macInput.subarray(MAX_CONTROL_MAC_BYTES);
  /** The message that was read last. */
  readonly message: ControlMessage = newControlMessage();
  /** Control messages that were not well-formed or not authentic. */
  refused = 0;

  constructor(ueid: Uint8Array, ciphers: SymmetricCrypto, tagBytes: TagBytes) {
    this.#ueid = ueid;
    this.#ciphers = ciphers;
    this.#tagBytes = tagBytes;
  }

  /** Reads a message into `message`; false, and counted, when it is not authentic. */
  accept(bytes: Uint8Array, length: number): boolean {
    const message = this.message;
    if (parseControl(bytes, length, this.#tagBytes, message)) {
      const macLength = controlMacMessage(this.#ueid, message, this.#macInput);
      this.#ciphers.cmac(KEY_SLOT.receiver, this.#macInput, macLength, this.#mac);
      if (tagMatches(message, this.#mac)) return true;
    }
    this.refused++;
    return false;
  }
}
