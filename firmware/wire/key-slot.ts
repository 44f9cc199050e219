import type { KeySlot } from "../ports/crypto.ts";

/** The key slots by name; see the crypto port. */
export const KEY_SLOT = Object.freeze({
  /** Key that signs tokens; after each change of key it is the other of the two. */
  attestation: 1,
  /** LoRaWAN root key of an OTAA device (AppKey, 16 bytes). */
  appKey: 2,
  /** LoRaWAN 1.0.4 network session key. */
  nwkSKey: 3,
  /** LoRaWAN 1.0.4 application session key. */
  appSKey: 4,
  /** Shared by this node and its receiver: authenticates acknowledgements and control messages (16 bytes, AES-CMAC). */
  receiver: 5,
  /** The other attestation key. */
  attestationNext: 6,
} as const) satisfies Readonly<Record<string, KeySlot>>;
