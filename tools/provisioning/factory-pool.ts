/** The factory's worker threads, each with one task at a time. */
import { Worker } from "node:worker_threads";
import type { BatchPlan } from "./batch-plan.ts";
import type { FileJob, MadeKeys } from "./factory-work.ts";
import type { AlgorithmName } from "./node-keys.ts";
import { WeakRandom } from "./random-source.ts";

export type Task =
  | { kind: "keys"; algorithm: AlgorithmName; count: number; withNvsKeys: boolean }
  | { kind: "files"; folder: string; plan: BatchPlan; settings: object; jobs: readonly FileJob[] };

export type Answer =
  | { ok: true; value: unknown }
  | { ok: false; message: string; code: string | undefined; isWeakRandom: boolean };

/** A file could not be written; `code` as the system has it. */
export class FileError extends Error {
  readonly code: string;

  constructor(message: string, code: string) {
    super(message);
    this.code = code;
  }
}

/** The sources in a checkout, the built JavaScript in a package. */
const ENTRY = new URL(`./factory-worker${import.meta.filename.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url);

/** One thread. */
export class FactoryWorker {
  readonly #worker = new Worker(ENTRY);

  keys(algorithm: AlgorithmName, count: number, withNvsKeys: boolean): Promise<MadeKeys[]> {
    return this.#ask({ kind: "keys", algorithm, count, withNvsKeys }) as Promise<MadeKeys[]>;
  }

  async files(folder: string, plan: BatchPlan, settings: object, jobs: readonly FileJob[]): Promise<void> {
    await this.#ask({ kind: "files", folder, plan, settings, jobs });
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #ask(task: Task): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        this.#worker.off("message", take);
        this.#worker.off("error", fail);
      };
      const take = (answer: Answer): void => {
        end();
        if (answer.ok) resolve(answer.value);
        else if (answer.isWeakRandom) reject(new WeakRandom(answer.message));
        else reject(answer.code === undefined ? new Error(answer.message) : new FileError(answer.message, answer.code));
      };
      const fail = (error: Error): void => {
        end();
        reject(error);
      };
      this.#worker.on("message", take);
      this.#worker.on("error", fail);
      this.#worker.postMessage(task);
    });
  }
}
