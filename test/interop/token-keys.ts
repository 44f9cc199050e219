/** A key of each algorithm as strangers take it (JWK), and tokens signed with it: noble signs, node:crypto verifies. */
import { createHash, createPublicKey, type JsonWebKey, type KeyObject, verify } from "node:crypto";
import { ed25519 } from "@noble/curves/ed25519.js";
import { p256 } from "@noble/curves/nist.js";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import type { SignatureAlgorithm } from "../../firmware/ports/crypto.ts";
import { MAX_THUMBPRINT_INPUT_BYTES, thumbprintInput } from "../../firmware/wire/cose-key.ts";
import {
  encodeSign1,
  KID_BYTES,
  protectedHeader,
  SIG_STRUCTURE_OVERHEAD_BYTES,
  SIGN1_OVERHEAD_BYTES,
  sigStructure,
} from "../../firmware/wire/cose-sign1.ts";
import type { EntityClaims } from "../../firmware/wire/eat-token.ts";

export interface TokenKey {
  name: "ES256" | "EdDSA" | "ES256K";
  alg: SignatureAlgorithm;
  secret: Uint8Array;
  /** x‖y, or x alone for EdDSA. */
  publicKey: Uint8Array;
  jwk: JsonWebKey & { kty: string; crv: string; x: string };
  kid: Uint8Array;
  /** Deterministic, low-S. */
  sign(message: Uint8Array): Uint8Array;
  /** By node:crypto. */
  verify(message: Uint8Array, signature: Uint8Array): boolean;
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64url");
}

export function sha256(...parts: (Uint8Array | string)[]): Uint8Array {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
}

/** RFC 9679, by the firmware's own words; the Python script takes it from the JWK by others'. */
function kidOf(alg: SignatureAlgorithm, publicKey: Uint8Array): Uint8Array {
  const into = new Uint8Array(MAX_THUMBPRINT_INPUT_BYTES);
  return sha256(into.subarray(0, thumbprintInput(alg, publicKey, into))).slice(0, KID_BYTES);
}

function ecdsaKey(name: "ES256" | "ES256K", secret: Uint8Array): TokenKey {
  const curve = name === "ES256" ? p256 : secp256k1;
  const alg = name === "ES256" ? -7 : -47;
  const publicKey = curve.getPublicKey(secret, false).slice(1);
  const x = base64url(publicKey.subarray(0, 32));
  const jwk = { kty: "EC", crv: name === "ES256" ? "P-256" : "secp256k1", x, y: base64url(publicKey.subarray(32)) };
  const key = createPublicKey({ key: jwk, format: "jwk" });
  return {
    name,
    alg,
    secret,
    publicKey,
    jwk,
    kid: kidOf(alg, publicKey),
    sign: (message) => curve.sign(sha256(message), secret, { prehash: false, lowS: true }),
    verify: (message, signature) => verify("sha256", message, { key, dsaEncoding: "ieee-p1363" }, signature),
  };
}

function eddsaKey(secret: Uint8Array): TokenKey {
  const publicKey = ed25519.getPublicKey(secret);
  const jwk = { kty: "OKP", crv: "Ed25519", x: base64url(publicKey) };
  const key: KeyObject = createPublicKey({ key: jwk, format: "jwk" });
  return {
    name: "EdDSA",
    alg: -8,
    secret,
    publicKey,
    jwk,
    kid: kidOf(-8, publicKey),
    sign: (message) => ed25519.sign(message, secret),
    verify: (message, signature) => verify(null, message, key, signature),
  };
}

/** ES256, EdDSA, ES256K: keys that are nobody's. `number` tells sets of keys from each other. */
export function tokenKeys(number = 0): readonly TokenKey[] {
  return [
    ecdsaKey("ES256", sha256(`interop ES256 ${number}`)),
    eddsaKey(sha256(`interop EdDSA ${number}`)),
    ecdsaKey("ES256K", sha256(`interop ES256K ${number}`)),
  ];
}

/** The node that all these tokens are of. */
export const ENTITY: EntityClaims = {
  ueid: Uint8Array.of(0x02, 0x70, 0xb3, 0xd5, 0x7e, 0xd0, 0x00, 0x00, 0x2a),
  oemid: Uint8Array.of(0x8c, 0xd9, 0x5a),
  hwmodel: new TextEncoder().encode("interop"),
  dbgstat: 2,
};

/** What is signed (RFC 9052 4.4). */
export function toBeSigned(alg: SignatureAlgorithm, payload: Uint8Array): Uint8Array {
  const into = new Uint8Array(payload.length + SIG_STRUCTURE_OVERHEAD_BYTES);
  return into.subarray(0, sigStructure(protectedHeader(alg), payload, payload.length, into));
}

/** The token with that signature. */
export function tokenWith(key: TokenKey, payload: Uint8Array, signature: Uint8Array): Uint8Array {
  const into = new Uint8Array(payload.length + SIGN1_OVERHEAD_BYTES);
  return into.slice(0, encodeSign1(key.alg, key.kid, payload, payload.length, signature, into));
}

export function signToken(key: TokenKey, payload: Uint8Array): Uint8Array {
  return tokenWith(key, payload, key.sign(toBeSigned(key.alg, payload)));
}
