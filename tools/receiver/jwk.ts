/** Public keys as JWK: P-256 (RFC 7518 6.2.1), secp256k1 (RFC 8812 3.1) and Ed25519 (RFC 8037 2). */
import type { SignatureAlgorithm } from "../../firmware/ports/crypto.ts";
import { publicKeyBytes } from "../../firmware/wire/cose-key.ts";
import { decodeBase64Url, encodeBase64Url } from "./base64.ts";
import { asObject, asString } from "./json.ts";

export interface PublicJwk {
  kty: string;
  crv: string;
  x: string;
  /** Not for OKP. */
  y?: string;
}

export type JwkResult =
  | { ok: true; alg: SignatureAlgorithm; publicKey: Uint8Array }
  | { ok: false; reason: string; place: string };

const COORDINATE_BYTES = 32;

const CURVES: readonly { alg: SignatureAlgorithm; kty: string; crv: string }[] = Object.freeze([
  { alg: -7, kty: "EC", crv: "P-256" },
  { alg: -47, kty: "EC", crv: "secp256k1" },
  { alg: -8, kty: "OKP", crv: "Ed25519" },
]);

/** The JWK of a key: x‖y, or x for EdDSA. */
export function jwkOf(alg: SignatureAlgorithm, publicKey: Uint8Array): PublicJwk {
  const { kty, crv } = CURVES.find((curve) => curve.alg === alg)!;
  const x = encodeBase64Url(publicKey.subarray(0, COORDINATE_BYTES));
  return kty === "OKP" ? { kty, crv, x } : { kty, crv, x, y: encodeBase64Url(publicKey.subarray(COORDINATE_BYTES)) };
}

/** Reads the form of a JWK; whether it is a point of the curve is not looked at. `place` names the member that is wrong. */
export function parseJwk(value: unknown): JwkResult {
  const jwk = asObject(value);
  if (jwk === undefined) return refuse("jwk", "not-an-object");
  if (jwk.d !== undefined) return refuse("jwk.d", "private-key-in-a-public-file");
  const kinds = CURVES.filter(({ kty }) => kty === jwk.kty);
  if (kinds.length === 0) return refuse("jwk.kty", "not-EC-nor-OKP");
  const curve = kinds.find(({ crv }) => crv === jwk.crv);
  if (curve === undefined) return refuse("jwk.crv", "not-P-256-secp256k1-or-Ed25519");
  const { alg } = curve;
  const publicKey = new Uint8Array(publicKeyBytes(alg));
  for (const [i, name] of (alg === -8 ? ["x"] : ["x", "y"]).entries()) {
    const coordinate = decodeBase64Url(asString(jwk[name]) ?? "", COORDINATE_BYTES);
    if (coordinate?.length !== COORDINATE_BYTES) return refuse(`jwk.${name}`, "not-32-bytes-of-base64url");
    publicKey.set(coordinate, i * COORDINATE_BYTES);
  }
  return { ok: true, alg, publicKey };
}

function refuse(place: string, reason: string): JwkResult {
  return { ok: false, reason, place };
}
