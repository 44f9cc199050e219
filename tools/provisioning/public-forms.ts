/**
 * A public key in the forms that others read: did:key (W3C CCG, did-method-key: multicodec and base58btc of the compressed point), its DID
 * document, JWK (RFC 7517) and COSE_Key (RFC 9052 7).
 */
import type { SignatureAlgorithm } from "../../firmware/ports/crypto.ts";
import { CborWriter } from "../../firmware/wire/cbor-writer.ts";
import { MAX_COSE_KEY_BYTES, writeCoseKey } from "../../firmware/wire/cose-key.ts";
import { bytesToHex } from "../receiver/hex.ts";
import { jwkOf } from "../receiver/jwk.ts";
import { ALGORITHM_NAMES, ALGORITHMS } from "./node-keys.ts";

/** Unsigned varints of the codecs p256-pub (1200), secp256k1-pub (e7) and ed25519-pub (ed). */
const CODECS: Readonly<Record<SignatureAlgorithm, readonly number[]>> = Object.freeze({
  [-7]: [0x80, 0x24],
  [-47]: [0xe7, 0x01],
  [-8]: [0xed, 0x01],
});

const BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/** The key as Multikey: base58btc with its sign, z. */
export function multikey(alg: SignatureAlgorithm, publicKey: Uint8Array): string {
  return `z${base58(Uint8Array.from([...CODECS[alg], ...compressed(alg, publicKey)]))}`;
}

export function didKey(alg: SignatureAlgorithm, publicKey: Uint8Array): string {
  return `did:key:${multikey(alg, publicKey)}`;
}

/** The DID document that did:key stands for, for whoever resolves no DIDs. */
export function didDocument(alg: SignatureAlgorithm, publicKey: Uint8Array): object {
  const key = multikey(alg, publicKey);
  const id = `did:key:${key}`;
  const method = `${id}#${key}`;
  return {
    "@context": ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"],
    id,
    verificationMethod: [{ id: method, type: "Multikey", controller: id, publicKeyMultibase: key }],
    authentication: [method],
    assertionMethod: [method],
    capabilityInvocation: [method],
    capabilityDelegation: [method],
  };
}

/** The key as JWK with its algorithm, its use and the kid of the node's tokens. */
export function publicJwk(alg: SignatureAlgorithm, publicKey: Uint8Array, kid: Uint8Array): object {
  const name = ALGORITHM_NAMES.find((candidate) => ALGORITHMS[candidate] === alg)!;
  return { ...jwkOf(alg, publicKey), alg: name, use: "sig", kid: bytesToHex(kid) };
}

export function coseKey(alg: SignatureAlgorithm, publicKey: Uint8Array): Uint8Array {
  const into = new Uint8Array(MAX_COSE_KEY_BYTES);
  const writer = new CborWriter(into);
  writeCoseKey(writer, alg, publicKey);
  return into.slice(0, writer.finish());
}

/** SEC 1 2.3.3, compressed; for EdDSA the key itself. */
function compressed(alg: SignatureAlgorithm, publicKey: Uint8Array): Uint8Array {
  if (alg === -8) return publicKey;
  return Uint8Array.from([2 | (publicKey[63] & 1), ...publicKey.subarray(0, 32)]);
}

/** Base58 as Bitcoin has it: the bytes as one number; each zero byte in front is a 1. */
function base58(bytes: Uint8Array): string {
  let text = "";
  for (let number = BigInt(`0x${bytesToHex(bytes)}`); number > 0n; number /= 58n)
    text = BASE58[Number(number % 58n)] + text;
  for (let i = 0; i < bytes.length && bytes[i] === 0; i++) text = `1${text}`;
  return text;
}
