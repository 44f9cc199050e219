/**
 * The crypto port of the firmware on linked XS, as on a board: `argument`: crypto-argument.ts. Prints the public key, then a signature
 * a line in the order in which they come from their tasks, and what the other functions answer.
 */
import { PsaCrypto } from "../../../../firmware/platform/moddable/crypto.ts";
import { publicKeyBytes } from "../../../../firmware/wire/cose-key.ts";
import { KEY_SLOT } from "../../../../firmware/wire/key-slot.ts";
import type { XsHost } from "../../entry.ts";
import type { CryptoEntryArgument } from "./crypto-argument.ts";

function fromHex(hex: string): Uint8Array {
  const bytes = new Uint8Array(hex.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

function toHex(bytes: Uint8Array): string {
  let hex = "";
  for (const byte of bytes) hex += byte < 16 ? `0${byte.toString(16)}` : byte.toString(16);
  return hex;
}

export default async function useCrypto(argument: string, host: XsHost): Promise<number> {
  const { algorithm, key, receiverKey, messages } = JSON.parse(argument) as CryptoEntryArgument;
  const crypto = new PsaCrypto(algorithm);
  native("xs_gt_host_leave_in_inbox").call(undefined, "attestation", fromHex(key));
  host.print(`taken ${crypto.takeFromInbox(KEY_SLOT.attestation, "attestation")}`);
  const publicKey = new Uint8Array(publicKeyBytes(algorithm));
  crypto.publicKey(KEY_SLOT.attestation, publicKey);
  host.print(`algorithm ${crypto.algorithmOf(KEY_SLOT.attestation)}`);
  host.print(`public ${toHex(publicKey)}`);

  native("xs_gt_host_leave_in_inbox").call(undefined, "receiver", fromHex(receiverKey));
  crypto.destroyKey(KEY_SLOT.receiver);
  host.print(`taken ${crypto.takeFromInbox(KEY_SLOT.receiver, "receiver")}`);
  host.print(`taken again ${crypto.takeFromInbox(KEY_SLOT.receiver, "receiver")}`);

  for (const hex of messages) {
    const message = fromHex(hex);
    const mac = new Uint8Array(16);
    const digest = new Uint8Array(32);
    crypto.cmac(KEY_SLOT.receiver, message, message.length, mac);
    crypto.sha256(message, message.length, digest);
    host.print(`cmac ${toHex(mac)} sha256 ${toHex(digest)}`);
    let isLater = false;
    const signature = await new Promise<Uint8Array>((resolve, reject) => {
      crypto.sign(KEY_SLOT.attestation, message, message.length, (bytes, reason) => {
        if (!isLater) reject(new Error("a signature came in the same turn"));
        else if (bytes === undefined) reject(new Error(reason));
        else resolve(bytes);
      });
      // What was handed over may change: the glue has a copy.
      isLater = true;
    });
    host.print(`signature ${toHex(signature)}`);
  }
  const missing = await new Promise<string>((resolve) => {
    crypto.destroyKey(KEY_SLOT.attestationNext);
    crypto.sign(KEY_SLOT.attestationNext, fromHex("00"), 1, (_, reason) => resolve(reason ?? "signed"));
  });
  host.print(`without a key: ${missing}`);
  return 0;
}
