/** Checks of what a tool wants to write or lock. */
import type { ConsoleFacts } from "./console-events.ts";

export const EUI_BYTES = 8;

/** All bytes alike: nothing that was drawn by chance. */
export function isUniform(bytes: Uint8Array): boolean {
  for (const byte of bytes) if (byte !== bytes[0]) return false;
  return true;
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** What a node lacks to be locked, or has of another node; "" for nothing. */
export function missingForLock(facts: ConsoleFacts): string {
  const { publicKey, hasReceiverKey, hasAppKey, configuration, euis } = facts;
  if (publicKey === undefined) return "key";
  if (!hasReceiverKey) return "receiverKey";
  if (configuration === undefined) return "configuration";
  if (!configuration.joins) return "";
  if (!hasAppKey) return "appKey";
  // An AppKey from a factory's image came without EUIs of its own.
  if (euis === undefined) return "";
  if (!equalBytes(euis.subarray(0, EUI_BYTES), configuration.devEui)) return "devEui";
  return equalBytes(euis.subarray(EUI_BYTES), configuration.joinEui) ? "" : "joinEui";
}
