// Reads what Moddable's linker wrote (mc.xs.c): which modules are in ROM, and how many bytes of flash they will take.

/** Bytes of one record of the linked image on a 32-bit chip. */
const recordBytes = { slot: 16, pointer: 4, color: 2, hostBuilder: 12, script: 36 } as const;

/** What is in a linked image. Bytes are for a 32-bit chip, without the engine's own code. */
export interface LinkedImageReport {
  readonly totalBytes: number;
  readonly slotBytes: number;
  /** Byte code, names and strings. */
  readonly textBytes: number;
  /** Tables of pointers: keys, native functions, modules. */
  readonly tableBytes: number;
  /** Modules that were run by the linker and live in ROM. */
  readonly preloaded: string[];
  /** Modules that the chip runs when they are first imported, with their heap in RAM. */
  readonly loaded: string[];
}

/** Reports on the text of an mc.xs.c. Throws when it is not one. */
export function reportLinkedImage(source: string): LinkedImageReport {
  const slots = define(source, "mxHeapCount") + define(source, "mxStackCount");
  const keys = define(source, "mxKeysCount");
  const pointers =
    keys + define(source, "mxNamesCount") + define(source, "mxSymbolsCount") + optional(source, "mxSlotCount");
  const words = optional(source, "mxBigIntCount") + optional(source, "mxRegExpCount");
  const builders = sum(source.matchAll(/^static const xsHostBuilder gxBuilders\d*\[(\d+)\] = /gm));
  const code = sum(source.matchAll(/^static const txU1 gxCode\d+\[(\d+)\] = /gm));

  const slotBytes = slots * recordBytes.slot;
  const textBytes = code + literalBytes(source);
  const tableBytes =
    (pointers + words) * recordBytes.pointer +
    keys * recordBytes.color +
    builders * recordBytes.hostBuilder +
    define(source, "mxScriptsCount") * recordBytes.script;
  const scripts = moduleScripts(source);
  return {
    totalBytes: slotBytes + textBytes + tableBytes,
    slotBytes,
    textBytes,
    tableBytes,
    preloaded: scripts.filter((script) => !script.hasCode).map((script) => script.name),
    loaded: scripts.filter((script) => script.hasCode).map((script) => script.name),
  };
}

// A preloaded module has left its byte code in the functions of the heap, so its record has none.
function moduleScripts(source: string): { name: string; hasCode: boolean }[] {
  const record = /^\t\{ \w+, NULL, 0, (NULL|\(txS1\*\)gxCode\d+), \d+, \w+, \d+, "([^"]*)", \{/gm;
  const scripts = [...source.matchAll(record)].map((match) => ({ name: match[2] ?? "", hasCode: match[1] !== "NULL" }));
  const expected = define(source, "mxScriptsCount");
  if (scripts.length !== expected)
    throw new Error(`${scripts.length} of ${expected} modules understood in the linked image`);
  return scripts.map((script) => ({ ...script, name: script.name.replace(/^~\.([^/]+)\//, "$1:") }));
}

// The compiler keeps one copy of equal literals, each with a zero at its end.
function literalBytes(source: string): number {
  const heap = source.slice(
    source.indexOf("static const txSlot gxHeap[mxHeapCount] = {"),
    source.indexOf("static const txPreparation gxPreparation = {"),
  );
  const literals = new Set([...heap.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map((match) => match[1] ?? ""));
  let bytes = 0;
  for (const literal of literals) bytes += literal.replace(/\\(x[0-9a-f]{2}|[0-7]{1,3}|.)/gi, "_").length + 1;
  return bytes;
}

function define(source: string, name: string): number {
  const match = new RegExp(`^#define ${name} (\\d+)$`, "m").exec(source);
  if (!match) throw new Error(`not a linked image: it does not define ${name}`);
  return Number(match[1]);
}

function optional(source: string, name: string): number {
  return source.includes(`#define ${name} `) ? define(source, name) : 0;
}

function sum(matches: Iterable<RegExpMatchArray>): number {
  let total = 0;
  for (const match of matches) total += Number(match[1]);
  return total;
}
