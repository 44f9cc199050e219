/** The signature of a COSE_Sign1 of our form (RFC 9052 4.4). */
import { SIG_STRUCTURE_OVERHEAD_BYTES, sigStructure } from "../../firmware/wire/cose-sign1.ts";
import type { SignedBytes } from "../../firmware/wire/eat-token.ts";
import type { ReceiverCrypto } from "./crypto.ts";

/** Whether this key signed these bytes, by the algorithm that they name. */
export function isSignedBy(
  { alg, protectedBytes, payload, signature }: SignedBytes,
  publicKey: Uint8Array,
  crypto: ReceiverCrypto,
): boolean {
  const message = new Uint8Array(payload.length + SIG_STRUCTURE_OVERHEAD_BYTES);
  const length = sigStructure(protectedBytes, payload, payload.length, message);
  return crypto.verify(alg, publicKey, message.subarray(0, length), signature);
}
