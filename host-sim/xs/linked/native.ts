// The variant of linked XS with the firmware's own C for cryptography, and the SDK's modules that a bench compares it with.

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { portablePath } from "./import-graph.ts";
import { projectRoot } from "./sdk.ts";

/** What an image has beside the project's modules. */
export interface LinkedVariant {
  /** For its folder under build/linked. */
  readonly name: string;
  /** Modules of the project, by name, and the names of those that stand in for them. */
  readonly standIns: Readonly<Record<string, string>>;
  /** Modules of the SDK that are imported, as XS knows them, and where they are: "$(MODDABLE)/...". */
  readonly sdkModules: Readonly<Record<string, string>>;
  /** C, by module or folder, from the project's root or in the SDK. */
  readonly native: readonly string[];
  readonly compilerOptions: readonly string[];
  readonly libraries: readonly string[];
}

const NATIVE_FOLDER = "host-sim/xs/linked/native";

/** The node's crypto port is the firmware's C. */
export const NATIVE_VARIANT: LinkedVariant = {
  name: "native",
  standIns: { "host-sim/device-crypto": `${NATIVE_FOLDER}/device-crypto` },
  sdkModules: { timer: "$(MODDABLE)/modules/base/timer/timer" },
  native: [
    "$(MODDABLE)/modules/base/timer/lin/*",
    "$(MODDABLE)/modules/base/timer/modTimer",
    `${NATIVE_FOLDER}/board`,
    "firmware/platform/moddable/native/gt-crypto",
    "firmware/platform/moddable/native/gt-keys",
  ],
  compilerOptions: [
    "-DGT_ED25519=1",
    "-I$(MODDABLE)/modules/base/timer",
    "-I$(MODDABLE)/modules/base/instrumentation",
    `-I${join(projectRoot, NATIVE_FOLDER)}`,
    `-I${join(projectRoot, "firmware/platform/moddable/native")}`,
  ],
  libraries: ["-lmbedcrypto", "-lsodium"],
};

/** The same, with what the SDK itself has for the work that the bench measures. */
export const BENCH_VARIANT: LinkedVariant = {
  ...NATIVE_VARIANT,
  name: "native-bench",
  sdkModules: {
    ...NATIVE_VARIANT.sdkModules,
    crypt: "$(MODDABLE)/modules/crypt/digest/crypt",
    bin: "$(MODDABLE)/modules/crypt/bin/bin",
    ec: "$(MODDABLE)/modules/crypt/arith/ec",
    ecp: "$(MODDABLE)/modules/crypt/arith/ecp",
    modular: "$(MODDABLE)/modules/crypt/arith/modular",
    mont: "$(MODDABLE)/modules/crypt/arith/mont",
    ber: "$(MODDABLE)/modules/crypt/etc/ber",
    curve: "$(MODDABLE)/modules/crypt/etc/curve",
    ecdsa: "$(MODDABLE)/modules/crypt/etc/ecdsa",
    pkcs1: "$(MODDABLE)/modules/crypt/etc/pkcs1",
    rng: "$(MODDABLE)/modules/crypt/etc/rng",
  },
  native: [
    ...NATIVE_VARIANT.native,
    "$(MODDABLE)/modules/crypt/digest/modCrypt",
    "$(MODDABLE)/modules/crypt/digest/kcl/*",
    "$(MODDABLE)/modules/crypt/arith/xsBigIntEx",
  ],
};

/** A path of a variant for a manifest in `folder`. */
export function variantPath(folder: string, path: string): string {
  return path.startsWith("$(") ? path : portablePath(folder, join(projectRoot, path));
}

/** What the libraries of the C glue lack on this machine, in words, or undefined. */
export function missingLibrary(compiler: string): string | undefined {
  for (const [header, says] of [
    ["psa/crypto.h", "no PSA Crypto headers (on Debian: libmbedtls-dev)"],
    ["sodium.h", "no libsodium headers (on Debian: libsodium-dev)"],
  ]) {
    const probe = spawnSync(compiler, ["-E", "-x", "c", "-"], { input: `#include <${header}>\n` });
    if (probe.status !== 0) return says;
  }
  return undefined;
}
