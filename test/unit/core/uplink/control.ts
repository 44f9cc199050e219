/** The receiver's half of the control channel, for tests: authentic messages under a fixed key. */
import { cmac } from "@noble/ciphers/aes.js";
import type { SymmetricCrypto } from "../../../../firmware/ports/crypto.ts";
import {
  type ControlMessage,
  controlMacMessage,
  MAX_CONTROL_BYTES,
  MAX_CONTROL_MAC_BYTES,
  newControlMessage,
  type TagBytes,
  writeControl,
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

/** Any message, with its tag. */
export function control(parts: Partial<ControlMessage>, tagBytes: TagBytes, ueid = UEID): Uint8Array {
  const message = { ...newControlMessage(), ...parts };
  const covered = new Uint8Array(MAX_CONTROL_MAC_BYTES);
  const mac = cmac(covered.subarray(0, controlMacMessage(ueid, message, covered)), KEY);
  const bytes = new Uint8Array(MAX_CONTROL_BYTES);
  return bytes.subarray(0, writeControl(message, mac, tagBytes, bytes));
}

export function acknowledgement(seq: number, tagBytes: TagBytes, ueid = UEID): Uint8Array {
  return control({ kind: "ack", seq }, tagBytes, ueid);
}

export function challenge(nonce: Uint8Array, tagBytes: TagBytes): Uint8Array {
  return control({ kind: "challenge", nonce, nonceLength: nonce.length }, tagBytes);
}
