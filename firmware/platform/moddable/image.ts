/** What the boot token says of the image that runs and of what holds the keys (native/gt-image.c). */
import type { WakeCause } from "../../ports/power.ts";
import type { KeyValueStore } from "../../ports/storage.ts";
import { DIGEST_BYTES, PROTECTION, type Protection } from "../../wire/statements.ts";

const KEY = "image";

export class RunningImage {
  /** SHA-256 of the image. It takes half a second, so what was found at power-on is kept for the wake-ups that follow. */
  digest(wakeCause: WakeCause, keyValue: KeyValueStore): Uint8Array | undefined {
    const digest = new Uint8Array(DIGEST_BYTES);
    const known = new Uint8Array(DIGEST_BYTES);
    const isKnown = keyValue.read(KEY, known) === DIGEST_BYTES;
    if (wakeCause === "timer") return isKnown ? known : undefined;
    if (!(native("xs_gt_image_digest").call(this, digest) as boolean)) return undefined;
    if (!isKnown || digest.some((byte, i) => byte !== known[i])) keyValue.write(KEY, digest, DIGEST_BYTES);
    return digest;
  }

  get protection(): Protection {
    const isEncrypted = native("xs_gt_image_keys_encrypted").call(this) as boolean;
    return isEncrypted ? PROTECTION.encryptedFlash : PROTECTION.plainFlash;
  }
}
