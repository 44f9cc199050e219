/**
 * How long cryptography takes on linked XS by three ways: the firmware's C, the SDK's own modules, noble. Prints a line of JSON: microseconds of processor
 * time an operation. See bench/native-crypto.ts.
 */
import "../text-encoder.ts";
import { cmac } from "@noble/ciphers/aes.js";
import { p256 } from "@noble/curves/nist.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { BlockCipher, Digest } from "crypt";
import Curve from "curve";
import ECDSA from "ecdsa";
import { PsaCrypto } from "../../../../firmware/platform/moddable/crypto.ts";
import { KEY_SLOT } from "../../../../firmware/wire/key-slot.ts";
import type { XsHost } from "../../entry.ts";
import { SdkCmac } from "./sdk-cmac.ts";

/** Long enough that a clock of microseconds does not matter. */
const LEAST_US = 400_000;

function cpuUs(): number {
  return native("xs_gt_host_cpu_us").call(undefined) as number;
}

function microsecondsEach(work: () => void): number {
  work();
  for (let times = 1; ; times *= 2) {
    const before = cpuUs();
    for (let i = 0; i < times; i++) work();
    const took = cpuUs() - before;
    if (took >= LEAST_US) return took / times;
  }
}

function filled(length: number, first: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = (first + 7 * i) & 0xff;
  return bytes;
}

function integerOf(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return value;
}

const same = (a: Uint8Array, b: Uint8Array): boolean => a.every((byte, i) => byte === b[i]);

export default function bench(_argument: string, host: XsHost): number {
  const crypto = new PsaCrypto();
  const key = filled(32, 3);
  const macKey = filled(16, 5);
  crypto.importKey(KEY_SLOT.attestation, key);
  crypto.importKey(KEY_SLOT.receiver, macKey);
  const message = filled(64, 1);
  const digest = new Uint8Array(32);
  const mac = new Uint8Array(16);
  const signature = new Uint8Array(64);
  const curve = new Curve("secp256r1");
  const sdkSigner = new ECDSA(integerOf(key), curve, true);
  const sdkDigest = new Digest("SHA256");
  const sdkCmac = new SdkCmac(new BlockCipher("AES", macKey.buffer));
  crypto.sha256(message, 64, digest);

  // Only what gives the same result is worth comparing; the SDK's signature is random.
  crypto.cmac(KEY_SLOT.receiver, message, 64, mac);
  native("xs_gt_host_sign").call(undefined, KEY_SLOT.attestation, message, signature);
  if (!same(digest, new Uint8Array(sdkDigest.process(message.buffer)))) throw new Error("SHA-256 differs");
  if (!same(mac, sdkCmac.mac(message)) || !same(mac, cmac(message, macKey))) throw new Error("CMAC differs");
  if (!same(signature, p256.sign(message, key, { lowS: true, format: "compact" }))) throw new Error("P-256 differs");

  host.print(
    JSON.stringify({
      "P-256 signature": {
        ours: microsecondsEach(() =>
          native("xs_gt_host_sign").call(undefined, KEY_SLOT.attestation, message, signature),
        ),
        sdk: microsecondsEach(() => sdkSigner.sign(digest.buffer)),
        noble: microsecondsEach(() => p256.sign(digest, key, { prehash: false, lowS: true, format: "compact" })),
      },
      "AES-CMAC of 64 bytes": {
        ours: microsecondsEach(() => crypto.cmac(KEY_SLOT.receiver, message, 64, mac)),
        sdk: microsecondsEach(() => sdkCmac.mac(message)),
        noble: microsecondsEach(() => cmac(message, macKey)),
      },
      "SHA-256 of 64 bytes": {
        ours: microsecondsEach(() => crypto.sha256(message, 64, digest)),
        sdk: microsecondsEach(() => sdkDigest.process(message.buffer)),
        noble: microsecondsEach(() => sha256(message)),
      },
    }),
  );
  return 0;
}
