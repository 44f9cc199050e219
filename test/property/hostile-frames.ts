/**
 * Frames as an attacker or a bad link makes them: half are random bytes, half are valid frames with a few bytes changed, inserted, removed,
 * repeated or cut. For the promise of every parser of outside bytes: it never throws.
 */
import fc from "fast-check";

/** Seed of all fuzzing: a failure prints the counterexample and the path that leads to it again. */
const SEED = 20_261_120;

interface Mutation {
  kind: "set" | "flip" | "insert" | "remove" | "repeat" | "cut";
  /** Where: a share of the frame's length in 1/65536. */
  at: number;
  value: number;
}

const mutations: fc.Arbitrary<Mutation[]> = fc.array(
  fc.record({
    kind: fc.constantFrom<Mutation["kind"]>("set", "set", "flip", "flip", "insert", "remove", "repeat", "cut"),
    at: fc.nat(0xffff),
    value: fc.nat(0xff),
  }),
  { minLength: 1, maxLength: 4 },
);

function mutate(frame: Uint8Array, steps: readonly Mutation[]): Uint8Array {
  let bytes = [...frame];
  for (const { kind, at, value } of steps) {
    const index = Math.floor((at * bytes.length) / 0x10000);
    if (kind === "insert") bytes.splice(index, 0, value);
    else if (kind === "cut") bytes = bytes.slice(0, index);
    else if (kind === "remove") bytes.splice(index, 1 + (value & 7));
    else if (kind === "repeat") bytes.splice(index, 0, ...bytes.slice(index, index + (value & 15)));
    else if (index < bytes.length) bytes[index] = kind === "set" ? value : bytes[index] ^ (1 << (value & 7));
  }
  return Uint8Array.from(bytes);
}

/** Calls `check` with `runs` frames; `valid` are whole valid frames, `maxLength` bounds the random ones. Throws what `check` throws. */
export function throwHostileFrames(
  valid: readonly Uint8Array[],
  maxLength: number,
  runs: number,
  check: (frame: Uint8Array) => void,
): void {
  const random = fc.uint8Array({ maxLength, size: "max" });
  fc.assert(fc.property(random, check), { numRuns: Math.ceil(runs / 2), seed: SEED });
  const mutated = fc.tuple(fc.constantFrom(...valid), mutations).map(([frame, steps]) => mutate(frame, steps));
  fc.assert(fc.property(mutated, check), { numRuns: Math.floor(runs / 2), seed: SEED });
}
