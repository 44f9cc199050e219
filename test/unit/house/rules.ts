/** The rules of docs/architecture.md that a machine can check, as functions from a source file to what is wrong with it. */
import type { SourceFile } from "./source-tree.ts";

interface Row {
  folder: string;
  /** Folders (by prefix) whose values it may import. */
  values: string[];
  /** Folders of which it may import types only. */
  types: string[];
  /** Packages and built-in modules, by prefix. */
  packages: string[];
}

/** Who may import whom. The longest matching folder is a file's own; a file may always import from its own folder. */
export const IMPORT_TABLE: Row[] = [
  { folder: "firmware/ports/", values: [], types: [], packages: [] },
  { folder: "firmware/wire/", values: [], types: ["firmware/ports/"], packages: [] },
  { folder: "firmware/core/", values: ["firmware/wire/"], types: ["firmware/ports/"], packages: [] },
  { folder: "firmware/drivers/", values: [], types: ["firmware/ports/"], packages: [] },
  {
    folder: "firmware/app/",
    values: ["firmware/core/", "firmware/wire/", "firmware/ports/"],
    types: [],
    packages: [],
  },
  {
    folder: "firmware/platform/moddable/",
    values: ["firmware/"],
    types: [],
    packages: ["embedded:", "pins/", "timer", "mc/", "preference", "wifi", "sntp", "mqtt", "time", "device", "flash"],
  },
  {
    folder: "host-sim/",
    values: ["firmware/ports/", "firmware/wire/", "firmware/core/", "firmware/drivers/", "firmware/app/"],
    types: [],
    packages: ["@noble/"],
  },
  {
    // The firmware's crypto port over its own C, on linked XS, and what the SDK has for the same work.
    folder: "host-sim/xs/linked/native/",
    values: ["host-sim/", "firmware/wire/", "firmware/ports/", "firmware/platform/moddable/crypto.ts"],
    types: [],
    packages: ["@noble/", "crypt", "curve", "ecdsa"],
  },
  {
    folder: "tools/",
    values: ["firmware/wire/", "host-sim/"],
    types: ["firmware/ports/"],
    packages: ["@noble/", "node:", "cbor-x", "commander", "mqtt", "esbuild", "esptool-js", "serialport"],
  },
  {
    // Writes what the firmware reads at its first boot, by the firmware's own parser and names.
    folder: "tools/provisioning/",
    values: ["firmware/wire/", "firmware/platform/moddable/provisioning.ts", "host-sim/", "tools/"],
    types: ["firmware/ports/"],
    packages: ["@noble/", "node:", "qrcode"],
  },
];

/** Files of the simulator that run on Node only: they start other engines. */
const NODE_ONLY = ["host-sim/xs/"];

function rowOf(path: string): Row | undefined {
  return IMPORT_TABLE.filter((row) => path.startsWith(row.folder)).sort((a, b) => b.folder.length - a.folder.length)[0];
}

/** Imports that the table does not allow. */
export function importViolations(file: SourceFile): string[] {
  const row = rowOf(file.path);
  if (row === undefined) return [];
  const found: string[] = [];
  for (const { specifier, target, typeOnly } of file.imports) {
    const within = (folders: string[]): boolean => folders.some((folder) => target!.startsWith(folder));
    if (target === undefined) {
      const nodeOnly = NODE_ONLY.some((prefix) => file.path.startsWith(prefix));
      const allowed = nodeOnly ? [...row.packages, "node:", "esbuild"] : row.packages;
      if (!allowed.some((prefix) => specifier.startsWith(prefix))) found.push(`${file.path} imports ${specifier}`);
    } else if (!within([row.folder, ...row.values]) && !(typeOnly && within(row.types))) {
      found.push(`${file.path} imports ${typeOnly ? "types of " : ""}${target}`);
    }
  }
  return found;
}

/** What core and wire may not touch: clocks, timers, chance, the process. (`crypto` may name a port that was handed in.) */
const FORBIDDEN_GLOBALS =
  /(?<![.#\w])((Date|setTimeout|setInterval|setImmediate|queueMicrotask|performance|globalThis|console|Promise|async|await|fetch)\b(?!\s*:)|process\s*\.|crypto\s*\.\s*(subtle|get|random)\w*|Math\s*\.\s*random\b)/g;

/** What differs between engines: see exact-math.ts. */
const INEXACT =
  /\bMath\s*\.\s*(sin|cos|tan|asin|acos|atan|atan2|sinh|cosh|tanh|asinh|acosh|atanh|exp|expm1|log|log2|log10|log1p|pow|cbrt|hypot|random|round)\b|\*\*|\.(toFixed|toPrecision|toExponential|localeCompare|toLocaleString)\b|\bIntl\b/g;

/** What XS and a device do not have, or pay too much for. */
const NOT_ON_DEVICE = /\bBigInt\b|\b\d+n\b|\.(toSorted|toReversed|findLast|groupBy|structuredClone|toBase64|toHex)\b/g;

function matches(file: SourceFile, pattern: RegExp): string[] {
  return [...file.code.matchAll(pattern)].map((match) => {
    const line = file.code.slice(0, match.index).split("\n").length;
    return `${file.path}:${line} uses ${match[0].trim()}`;
  });
}

/** Clocks, timers, random sources and the process in core and wire. */
export function purityViolations(file: SourceFile): string[] {
  const pure = file.path.startsWith("firmware/core/") || file.path.startsWith("firmware/wire/");
  return pure ? matches(file, FORBIDDEN_GLOBALS) : [];
}

/** Arithmetic that is not the same on every engine, in the firmware, the simulator and the receiver's core. */
export function exactnessViolations(file: SourceFile): string[] {
  const everywhere = ["firmware/", "host-sim/", "tools/receiver/", "tools/simulation/"];
  const exact = everywhere.some((folder) => file.path.startsWith(folder)) && !file.path.startsWith("host-sim/xs/");
  return exact ? matches(file, INEXACT) : [];
}

/** BigInt and newer built-ins in the firmware; module-level state that preloading would freeze. */
export function deviceViolations(file: SourceFile): string[] {
  if (!file.path.startsWith("firmware/") || file.path.startsWith("firmware/platform/")) return [];
  return [
    ...matches(file, NOT_ON_DEVICE),
    ...matches(file, /^(export )?(let|var)\s+\w+/gm),
    ...matches(file, /^(export )?const \w+[^=\n]*= new /gm),
  ];
}
