/** A worker thread of the factory: does what it is told, one thing after the other, and answers each. */
import { parentPort } from "node:worker_threads";
import type { Answer, Task } from "./factory-pool.ts";
import { makeKeys, writeFiles } from "./factory-work.ts";
import { RandomSource, WeakRandom } from "./random-source.ts";

const random = new RandomSource();

function run(task: Task): unknown {
  if (task.kind === "keys") return makeKeys(task.algorithm, task.count, task.withNvsKeys, random);
  return writeFiles(task.folder, task.plan, task.settings, task.jobs);
}

parentPort!.on("message", (task: Task) => {
  let answer: Answer;
  try {
    answer = { ok: true, value: run(task) };
  } catch (error) {
    const { message, code } = error as NodeJS.ErrnoException;
    answer = { ok: false, message, code, isWeakRandom: error instanceof WeakRandom };
  }
  parentPort!.postMessage(answer);
});
