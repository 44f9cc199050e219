/** Who the node is, as its tokens say it: the claims about the device and the name of its key. */
import type { Crypto, KeySlot } from "../ports/crypto.ts";
import type { NodeIdentity } from "../wire/batch.ts";
import { MAX_PUBLIC_KEY_BYTES, MAX_THUMBPRINT_INPUT_BYTES, thumbprintInput } from "../wire/cose-key.ts";
import { KID_BYTES } from "../wire/cose-sign1.ts";
import type { NodeConfig } from "./node-ports.ts";

/** ueid of type RAND/EUI (RFC 9711 4.2.1.1): 02 and the EUI-64. */
const UEID_TYPE_EUI = 2;

/** Needs the attestation key in `slot`. */
export function nodeIdentity(crypto: Crypto, slot: KeySlot, config: NodeConfig): NodeIdentity {
  const ueid = new Uint8Array(9);
  ueid[0] = UEID_TYPE_EUI;
  ueid.set(config.devEui, 1);
  return {
    ueid,
    oemid: config.oemid,
    hwmodel: config.hwmodel,
    dbgstat: config.dbgstat ?? 0,
    kid: keyIdentifier(crypto, slot),
    alg: crypto.algorithm,
  };
}

/** The kid of the key in `slot`. */
export function keyIdentifier(crypto: Crypto, slot: KeySlot): Uint8Array {
  const publicKey = new Uint8Array(MAX_PUBLIC_KEY_BYTES);
  crypto.publicKey(slot, publicKey);
  const input = new Uint8Array(MAX_THUMBPRINT_INPUT_BYTES);
  const length = thumbprintInput(crypto.algorithm, publicKey, input);
  const thumbprint = new Uint8Array(32);
  crypto.sha256(input, length, thumbprint);
  return thumbprint.slice(0, KID_BYTES);
}
