/** What crypto-entry.ts is told, as JSON; bytes are hex. */
import type { SignatureAlgorithm } from "../../../../firmware/ports/crypto.ts";

export interface CryptoEntryArgument {
  algorithm: SignatureAlgorithm;
  /** 32 bytes. */
  key: string;
  /** 16 bytes, that provisioning left in the inbox. */
  receiverKey: string;
  messages: string[];
}
