/**
 * Stands in for the SDK's modules and for C, so that the adapters of firmware/platform/moddable run on Node. `loadAdapter` imports one of
 * them; what they import by a name of the SDK's is a member of `sdk`.
 */
import { registerHooks } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const PLATFORM = join(import.meta.dirname, "../../../firmware/platform/moddable");

/** Time and timers of the fake chip. */
export class FakeTime {
  nowMs = 0;
  /** How much the timers' tick is ahead of the clock: they are two counters. */
  tickAheadMs = 0;
  /** Delays that were asked for. */
  delays: number[] = [];
  #timers = new Map<object, { atMs: number; callback: () => void }>();

  set(callback: () => void, delayMs: number): object {
    const id = {};
    this.delays.push(delayMs);
    this.#timers.set(id, { atMs: this.nowMs + this.tickAheadMs + delayMs, callback });
    return id;
  }

  clear(id: object | undefined): void {
    if (id !== undefined) this.#timers.delete(id);
  }

  get waiting(): number {
    return this.#timers.size;
  }

  /** Lets time pass, timers in order. */
  runUntil(ms: number): void {
    for (;;) {
      const due = [...this.#timers].sort((a, b) => a[1].atMs - b[1].atMs)[0];
      if (due === undefined || due[1].atMs - this.tickAheadMs > ms) break;
      this.#timers.delete(due[0]);
      this.nowMs = Math.max(this.nowMs, due[1].atMs - this.tickAheadMs);
      due[1].callback();
    }
    this.nowMs = ms;
  }
}

interface Sdk {
  time: FakeTime;
  /** Default exports by module name; classes are called with `new`. */
  modules: Record<string, unknown>;
  /** C functions by name. */
  functions: Record<string, (...values: unknown[]) => unknown>;
  system: { resolve(host: string, callback: (host: string, address: string | undefined) => void): void };
}

/** What the adapters see. A test sets what it needs. */
export const sdk: Sdk = { time: new FakeTime(), modules: {}, functions: {}, system: { resolve: () => {} } };

const scope = globalThis as unknown as Record<string, unknown>;
scope.groundtruthSdk = sdk;

/** Begins anew, for each test. */
export function resetSdk(): void {
  sdk.time = new FakeTime();
  sdk.modules = {};
  sdk.functions = {};
  scope.Native = () => class {};
  scope.native = (name: string) => ({ call: (_self: unknown, ...values: unknown[]) => sdk.functions[name](...values) });
  scope.System = { resolve: (...values: Parameters<Sdk["system"]["resolve"]>) => sdk.system.resolve(...values) };
}

/** A module's default export, looked up when it is used, because a module is loaded once for all tests. */
function source(name: string): string {
  if (name === "timer") {
    return `const time = () => globalThis.groundtruthSdk.time;
      export default { set: (callback, delay) => time().set(callback, delay), clear: (id) => time().clear(id) };`;
  }
  return `const real = () => globalThis.groundtruthSdk.modules[${JSON.stringify(name)}];
    export default new Proxy(function () {}, {
      construct: (_target, values) => new (real())(...values),
      get: (_target, key) => real()[key],
    });`;
}

registerHooks({
  resolve(specifier, context, next) {
    if (specifier !== "timer" && !specifier.startsWith("embedded:")) return next(specifier, context);
    return { url: `moddable:${specifier}`, format: "module", shortCircuit: true };
  },
  load(url, context, next) {
    if (!url.startsWith("moddable:")) return next(url, context);
    return { format: "module", source: source(url.slice("moddable:".length)), shortCircuit: true };
  },
});

/** Imports an adapter by its file's name. Its types are checked by a configuration of its own (firmware/platform/tsconfig.json). */
// biome-ignore lint/suspicious/noExplicitAny: the root configuration does not know the SDK's modules
export async function loadAdapter(file: string): Promise<any> {
  return import(pathToFileURL(join(PLATFORM, file)).href);
}
