/** The keys that a node needs before it starts: moved in from provisioning, or made here. */
import type { KeySlot } from "../../ports/crypto.ts";
import type { Log } from "../../ports/log.ts";
import { KEY_SLOT } from "../../wire/key-slot.ts";
import type { PsaCrypto } from "./crypto.ts";

/** Names under which provisioning leaves keys in the NVS namespace of native/gt-crypto.c. */
const INBOX: readonly { readonly slot: KeySlot; readonly name: string }[] = Object.freeze([
  // Of a node whose keys were made where it was provisioned, and not here.
  { slot: KEY_SLOT.attestation, name: "attestation" },
  { slot: KEY_SLOT.appKey, name: "appKey" },
  { slot: KEY_SLOT.receiver, name: "receiver" },
]);

const ATTESTATION_SLOTS: readonly KeySlot[] = Object.freeze([KEY_SLOT.attestation, KEY_SLOT.attestationNext]);

/**
 * Takes in what provisioning left, and makes the attestation key at first boot, on the chip, where it stays. Returns what is missing or does not
 * fit, or undefined. To be called before any analogue input is opened (`generateKey`).
 */
export function prepareKeys(crypto: PsaCrypto, needsAppKey: boolean, log: Log): string | undefined {
  try {
    takeOrMakeKeys(crypto, log);
  } catch (error) {
    // Of an algorithm that this image lacks, say.
    return (error as Error).message;
  }
  for (const slot of ATTESTATION_SLOTS) {
    // Its receivers know the node by this key, so it is not replaced for a change of what the node was provisioned with.
    if (crypto.hasKey(slot) && crypto.algorithmOf(slot) !== crypto.algorithm)
      return "attestation-key-of-another-algorithm";
  }
  if (!crypto.hasKey(KEY_SLOT.receiver)) return "no-receiver-key";
  if (needsAppKey && !crypto.hasKey(KEY_SLOT.appKey)) return "no-app-key";
  return undefined;
}

function takeOrMakeKeys(crypto: PsaCrypto, log: Log): void {
  for (const { slot, name } of INBOX) {
    if (crypto.takeFromInbox(slot, name)) log.write("info", "keys", `${name} is in its slot`);
  }
  // After a change of keys the other slot holds it (app/keyring.ts).
  if (!crypto.hasKey(KEY_SLOT.attestation) && !crypto.hasKey(KEY_SLOT.attestationNext)) {
    crypto.generateKey(KEY_SLOT.attestation);
    log.write("info", "keys", "attestation key made");
  }
}
