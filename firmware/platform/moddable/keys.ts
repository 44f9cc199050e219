/** The keys that a node needs before it starts: moved in from provisioning, or made here. */
import type { KeySlot } from "../../ports/crypto.ts";
import type { Log } from "../../ports/log.ts";
import { KEY_SLOT } from "../../wire/key-slot.ts";
import type { PsaCrypto } from "./crypto.ts";

/** Names under which provisioning leaves keys in the NVS namespace of native/gt-crypto.c. */
const INBOX: readonly { readonly slot: KeySlot; readonly name: string }[] = Object.freeze([
  { slot: KEY_SLOT.appKey, name: "appKey" },
  { slot: KEY_SLOT.receiver, name: "receiver" },
]);

/**
 * Takes in what provisioning left, and makes the attestation key at first boot, on the chip, where it stays. Returns what is missing, or
 * undefined. To be called before any analogue input is opened (`generateKey`).
 */
export function prepareKeys(crypto: PsaCrypto, needsAppKey: boolean, log: Log): string | undefined {
  for (const { slot, name } of INBOX) {
    if (crypto.takeFromInbox(slot, name)) log.write("info", "keys", `${name} is in its slot`);
  }
  if (!crypto.hasKey(KEY_SLOT.attestation)) {
    crypto.generateKey(KEY_SLOT.attestation);
    log.write("info", "keys", "attestation key made");
  }
  if (!crypto.hasKey(KEY_SLOT.receiver)) return "no-receiver-key";
  if (needsAppKey && !crypto.hasKey(KEY_SLOT.appKey)) return "no-app-key";
  return undefined;
}
