/** Claim keys of tokens, in the order of their encodings, which is that of a token's map (RFC 8949 4.2.1). */

export const CLAIM = Object.freeze({
  /** RFC 8392 3.1.6. */
  iat: 6,
  /** RFC 8747 3.1. */
  cnf: 8,
  /** RFC 9711 4.1: eat_nonce. */
  nonce: 10,
  /** RFC 9711 4.2. */
  ueid: 256,
  oemid: 258,
  hwmodel: 259,
  uptime: 261,
  dbgstat: 263,
  location: 264,
  profile: 265,
  bootCount: 267,
  swname: 270,
  swversion: 271,
  measurements: 273,
  /** Of our own (private use, RFC 8392 9.1). */
  seq: -65537,
  batch: -65538,
  digest: -65539,
  anchor: -65540,
  sensors: -65542,
  protection: -65543,
} as const);
