/**
 * The keys of a node: the one that signs its tokens, LoRaWAN's root key and the one that it shares with its receiver. Private keys are drawn from the
 * tested source, not made by OpenSSL's own, so that one source answers for everything.
 */
import { createECDH, createPrivateKey, createPublicKey, type KeyObject, sign } from "node:crypto";
import type { SignatureAlgorithm } from "../../firmware/ports/crypto.ts";
import { encodeBase64Url } from "../receiver/base64.ts";
import { jwkOf } from "../receiver/jwk.ts";
import { NODE_CRYPTO } from "../receiver/node-crypto.ts";
import type { RandomSource } from "./random-source.ts";

export const ALGORITHMS = Object.freeze({ ES256: -7, ES256K: -47, EdDSA: -8 } as const) satisfies Readonly<
  Record<string, SignatureAlgorithm>
>;
export type AlgorithmName = keyof typeof ALGORITHMS;
export const ALGORITHM_NAMES: readonly AlgorithmName[] = Object.freeze(Object.keys(ALGORITHMS) as AlgorithmName[]);

/** A node's secrets. */
export interface NodeSecrets {
  alg: SignatureAlgorithm;
  /** The scalar (big-endian), or for EdDSA the seed: 32 bytes. */
  privateKey: Uint8Array;
  /** LoRaWAN 1.0.4 AppKey, 16 bytes. */
  appKey: Uint8Array;
  /** Shared with the receiver, 16 bytes (AES-CMAC). */
  receiverKey: Uint8Array;
}

const KEY_BYTES = 32;
const AES_BYTES = 16;
const CURVES = Object.freeze({ [-7]: "prime256v1", [-47]: "secp256k1" });
/** Orders of the groups (SEC 2 2.4.2 and 2.4.1). */
const ORDERS = Object.freeze({
  [-7]: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  [-47]: 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n,
});

/** Makes all keys of a node. Throws WeakRandom. */
export function makeSecrets(alg: SignatureAlgorithm, random: RandomSource): NodeSecrets {
  let privateKey = random.key(KEY_BYTES);
  while (!isPrivateKey(alg, privateKey)) privateKey = random.key(KEY_BYTES);
  return { alg, privateKey, appKey: random.key(AES_BYTES), receiverKey: random.key(AES_BYTES) };
}

/** FIPS 186-5 A.2.2: a scalar from 1 to n - 1. Any 32 bytes are a seed of Ed25519. */
export function isPrivateKey(alg: SignatureAlgorithm, privateKey: Uint8Array): boolean {
  if (privateKey.length !== KEY_BYTES) return false;
  if (alg === -8) return true;
  const scalar = BigInt(`0x${Buffer.from(privateKey).toString("hex")}`);
  return scalar > 0n && scalar < ORDERS[alg];
}

/** The public key in memory: x‖y, or x for EdDSA. */
export function publicKeyOf(alg: SignatureAlgorithm, privateKey: Uint8Array): Uint8Array {
  if (alg === -8) {
    const { x } = createPublicKey(seedKey(privateKey)).export({ format: "jwk" });
    return new Uint8Array(Buffer.from(x!, "base64url"));
  }
  const ecdh = createECDH(CURVES[alg]);
  ecdh.setPrivateKey(privateKey);
  return new Uint8Array(ecdh.getPublicKey()).slice(1);
}

/** Whether a signature by the private key is one of the public key (FIPS 140-3, pairwise consistency). */
export function isKeyPair(alg: SignatureAlgorithm, privateKey: Uint8Array, publicKey: Uint8Array): boolean {
  const message = new TextEncoder().encode("groundtruth key pair test");
  const key = alg === -8 ? seedKey(privateKey) : scalarKey(alg, privateKey, publicKey);
  const signature = sign(alg === -8 ? null : "sha256", message, { key, dsaEncoding: "ieee-p1363" });
  return NODE_CRYPTO.verify(alg, publicKey, message, new Uint8Array(signature));
}

function scalarKey(alg: -7 | -47, privateKey: Uint8Array, publicKey: Uint8Array): KeyObject {
  return createPrivateKey({ format: "jwk", key: { ...jwkOf(alg, publicKey), d: encodeBase64Url(privateKey) } });
}

/** RFC 8410 7: the seed in PKCS #8. */
function seedKey(seed: Uint8Array): KeyObject {
  const der = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), seed]);
  return createPrivateKey({ format: "der", type: "pkcs8", key: der });
}
