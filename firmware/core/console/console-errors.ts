/** The console's refusals: JSON-RPC 2.0 (section 5.1) has codes for some, -32000 to -32099 are ours. The reason is the error's message. */

/** What came is no request at all. */
export const NOT_A_LINE = -32700;

const SERVER_ERROR = -32000;

const CODES: Readonly<Record<string, number>> = Object.freeze({
  "invalid-request": -32600,
  "unknown-method": -32601,
  "bad-parameter": -32602,
  "internal-error": -32603,
  locked: -32001,
  "key-exists": -32002,
  "no-key": -32003,
  busy: -32004,
  "wrong-board": -32005,
  incomplete: -32006,
  "weak-random": -32007,
});

/** The code of a reason; -32000 for what the hardware gave. */
export function errorCode(reason: string): number {
  return CODES[reason] ?? SERVER_ERROR;
}
