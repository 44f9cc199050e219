/** Checks the receiver's final acknowledgements (wire/control-message.ts) under the key that node and receiver share. */
import type { SymmetricCrypto } from "../../ports/crypto.ts";
import {
  ACK_MAC_MESSAGE_BYTES,
  ackMacMessage,
  newControlMessage,
  parseControl,
  type TagBytes,
  tagMatches,
} from "../../wire/control-message.ts";
import { KEY_SLOT } from "../../wire/key-slot.ts";

export class AcknowledgementCheck {
  #ueid: Uint8Array;
  #ciphers: SymmetricCrypto;
  #tagBytes: TagBytes;
  #message = newControlMessage();
  #macInput = new Uint8Array(ACK_MAC_MESSAGE_BYTES);
  #mac = new Uint8Array(16);
  /** Control messages that were not well-formed or not authentic. */
  refused = 0;

  constructor(ueid: Uint8Array, ciphers: SymmetricCrypto, tagBytes: TagBytes) {
    this.#ueid = ueid;
    this.#ciphers = ciphers;
    this.#tagBytes = tagBytes;
  }

  /** The seq that the message acknowledges, or -1 when it is not an authentic acknowledgement. */
  check(bytes: Uint8Array, length: number): number {
    const message = this.#message;
    if (parseControl(bytes, length, this.#tagBytes, message)) {
      const macLength = ackMacMessage(this.#ueid, message.seq, this.#macInput);
      this.#ciphers.cmac(KEY_SLOT.receiver, this.#macInput, macLength, this.#mac);
      if (tagMatches(message, this.#mac)) return message.seq;
    }
    this.refused++;
    return -1;
  }
}
