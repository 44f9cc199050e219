/** Tokens before Python's cbor2 and cryptography: verify_tokens.py in one process for all of them. */
import { execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";
import type { TokenKey } from "./token-keys.ts";

/** An interpreter that has both modules; a virtual environment's, where the system's has not. */
const PYTHON = process.env.GROUNDTRUTH_PYTHON ?? "python3";
const SCRIPT = join(import.meta.dirname, "verify_tokens.py");

/** Why Python cannot judge here, undefined when it can. */
export function pythonProblem(): string | undefined {
  const result = spawnSync(PYTHON, ["-c", "import cbor2, cryptography"], { encoding: "utf8" });
  if (result.error !== undefined) return `no ${PYTHON} on this machine`;
  return result.status === 0 ? undefined : `${PYTHON} has not both modules, cbor2 and cryptography`;
}

/** "good" or a reason for each token, in their order. Each stands beside the key that should have signed it. */
export function judgeWithPython(
  tokens: readonly { token: Uint8Array; key: Pick<TokenKey, "jwk"> }[],
): readonly string[] {
  const keys = [...new Set(tokens.map(({ key }) => key))];
  const lines = keys.map(({ jwk }) => `key ${JSON.stringify(jwk)}\n`);
  for (const { token, key } of tokens) lines.push(`${keys.indexOf(key)} ${Buffer.from(token).toString("hex")}\n`);
  const output = execFileSync(PYTHON, [SCRIPT], { input: lines.join(""), encoding: "utf8", maxBuffer: 1 << 28 });
  return output.split("\n").slice(0, -1);
}
