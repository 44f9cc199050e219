/** The receiver's half of the control channel, for tests: authentic acknowledgements under a fixed key. */
import { cmac } from "@noble/ciphers/aes.js";
import type { SymmetricCrypto } from "../../../../firmware/ports/crypto.ts";
import {
  ACK_MAC_MESSAGE_BYTES,
  ackMacMessage,
  MAX_CONTROL_BYTES,
  type TagBytes,
  writeAckMessage,
} from "../../../../firmware/wire/control-message.ts";

export const UEID = Uint8Array.from([2, 1, 2, 3, 4, 5, 6, 7, 8]);
const KEY = new Uint8Array(16).fill(9);

/** The node's ciphers, as far as control messages need them. */
export const CIPHERS: SymmetricCrypto = {
  aesEncryptBlock: () => {
    throw new Error("not for control messages");
  },
  cmac: (_slot, message, length, mac) => mac.set(cmac(message.subarray(0, length), KEY)),
  deriveKey: () => {
    throw new Error("not for control messages");
  },
};

export function acknowledgement(seq: number, tagBytes: TagBytes, ueid = UEID): Uint8Array {
  const message = new Uint8Array(ACK_MAC_MESSAGE_BYTES);
  ackMacMessage(ueid, seq, message);
  const bytes = new Uint8Array(MAX_CONTROL_BYTES);
  return bytes.subarray(0, writeAckMessage(seq, cmac(message, KEY), tagBytes, bytes));
}
