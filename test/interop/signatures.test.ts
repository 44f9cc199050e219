/**
 * A node's signatures against other implementations, 1,000 random messages each: noble bit for bit; OpenSSL (node:crypto), which verifies each, signs the
 * same with Ed25519, and gives HMAC and point multiplication for an ECDSA of our own after RFC 6979 3.2, so that nothing of noble is in it.
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import { createECDH, createHash, createHmac, createPrivateKey, createPublicKey, sign, verify } from "node:crypto";
import { ed25519 } from "@noble/curves/ed25519.js";
import { p256 } from "@noble/curves/nist.js";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import type { SignatureAlgorithm } from "../../firmware/ports/crypto.ts";
import { isLowS } from "../../firmware/wire/cose-sign1.ts";
import { KEY_SLOT } from "../../firmware/wire/key-slot.ts";
import { DeviceCrypto } from "../../host-sim/device-crypto.ts";
import { World } from "../../host-sim/world.ts";
import { type TokenKey, tokenKeys } from "./token-keys.ts";

const MESSAGES = 1_000;
/** A Sig_structure is no longer. */
const LONGEST_MESSAGE = 1_024;

interface Curve {
  /** OpenSSL's name. */
  name: string;
  order: bigint;
}

const CURVES: Readonly<Record<"ES256" | "ES256K", Curve>> = {
  ES256: { name: "prime256v1", order: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n },
  ES256K: { name: "secp256k1", order: 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n },
};

function bytesOf(value: bigint): Buffer {
  return Buffer.from(value.toString(16).padStart(64, "0"), "hex");
}

function numberOf(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString("hex")}`);
}

function hmac(key: Uint8Array, ...parts: Uint8Array[]): Buffer {
  const mac = createHmac("sha256", key);
  for (const part of parts) mac.update(part);
  return mac.digest();
}

/** The nonces of RFC 6979 3.2 in turn; the first is almost always the one. */
function* nonces(order: bigint, secret: Uint8Array, digest: bigint): Generator<bigint> {
  const seed = [secret, bytesOf(digest % order)];
  let v: Uint8Array = new Uint8Array(32).fill(1);
  let k: Uint8Array = new Uint8Array(32);
  k = hmac(k, v, Uint8Array.of(0), ...seed);
  v = hmac(k, v);
  k = hmac(k, v, Uint8Array.of(1), ...seed);
  v = hmac(k, v);
  for (;;) {
    v = hmac(k, v);
    const nonce = numberOf(v);
    if (nonce > 0n && nonce < order) yield nonce;
    k = hmac(k, v, Uint8Array.of(0));
    v = hmac(k, v);
  }
}

/** 1 / value modulo a prime, by Fermat. */
function inverse(value: bigint, prime: bigint): bigint {
  let result = 1n;
  let power = value;
  for (let exponent = prime - 2n; exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) result = (result * power) % prime;
    power = (power * power) % prime;
  }
  return result;
}

/** FIPS 186-5 6.4.1 with the nonce of RFC 6979 and the smaller s. */
function ecdsaByOpenSsl({ name, order }: Curve, secret: Uint8Array, message: Uint8Array): Uint8Array {
  const digest = numberOf(createHash("sha256").update(message).digest());
  for (const nonce of nonces(order, secret, digest)) {
    const ecdh = createECDH(name);
    ecdh.setPrivateKey(bytesOf(nonce));
    const r = numberOf(ecdh.getPublicKey().subarray(1, 33)) % order;
    const s = (inverse(nonce, order) * ((digest + r * numberOf(secret)) % order)) % order;
    if (r === 0n || s === 0n) continue;
    return new Uint8Array(Buffer.concat([bytesOf(r), bytesOf(s <= order / 2n ? s : order - s)]));
  }
  throw new Error("no nonce");
}

/** What OpenSSL itself signs. */
function byOpenSsl(key: TokenKey, message: Uint8Array): Uint8Array {
  if (key.name !== "EdDSA") return ecdsaByOpenSsl(CURVES[key.name], key.secret, message);
  const d = Buffer.from(key.secret).toString("base64url");
  return new Uint8Array(sign(null, message, createPrivateKey({ key: { ...key.jwk, d }, format: "jwk" })));
}

function byNoble(key: TokenKey, message: Uint8Array): Uint8Array {
  if (key.name === "EdDSA") return ed25519.sign(message, key.secret);
  return (key.name === "ES256" ? p256 : secp256k1).sign(message, key.secret, { lowS: true });
}

function verifiedByOpenSsl({ jwk, alg }: TokenKey, message: Uint8Array, signature: Uint8Array): boolean {
  const key = createPublicKey({ key: jwk, format: "jwk" });
  if (alg === -8) return verify(null, message, key, signature);
  return verify("sha256", message, { key, dsaEncoding: "ieee-p1363" }, signature);
}

/** A simulated node that has only its key. */
class Node {
  readonly crypto: DeviceCrypto;
  #world: World;

  constructor(seed: number, alg: SignatureAlgorithm, secret: Uint8Array) {
    this.#world = new World(seed, 0);
    this.crypto = new DeviceCrypto(this.#world, "node", alg);
    this.crypto.importKey(KEY_SLOT.attestation, secret);
  }

  sign(message: Uint8Array): Uint8Array {
    let made: Uint8Array | undefined;
    // The buffer is longer than the message, as a node's is.
    const buffer = new Uint8Array(LONGEST_MESSAGE + 1).fill(0xee);
    buffer.set(message);
    this.crypto.sign(KEY_SLOT.attestation, buffer, message.length, (signature, reason) => {
      ok(signature, reason);
      made = signature;
    });
    this.#world.run(this.#world.nowUs + 1_000_000);
    ok(made);
    return made;
  }
}

/** Of random length and content, the same in each run. */
function randomMessages(): Uint8Array[] {
  const random = new World(6979, 0).random("messages");
  const length = new Uint8Array(2);
  return Array.from({ length: MESSAGES }, () => {
    random.fill(length);
    const message = new Uint8Array(((length[0] << 8) | length[1]) % (LONGEST_MESSAGE + 1));
    random.fill(message);
    return message;
  });
}

describe(`signatures of a node over ${MESSAGES} random messages`, function () {
  this.timeout(0);
  const messages = randomMessages();

  for (const key of tokenKeys()) {
    describe(key.name, () => {
      const node = new Node(1, key.alg, key.secret);
      const signatures: Uint8Array[] = [];

      it("the node's public key is the one that noble and OpenSSL derive", () => {
        const publicKey = new Uint8Array(key.publicKey.length);
        node.crypto.publicKey(KEY_SLOT.attestation, publicKey);
        deepEqual(publicKey, key.publicKey);
        if (key.name === "EdDSA") return;
        const ecdh = createECDH(CURVES[key.name].name);
        ecdh.setPrivateKey(key.secret);
        deepEqual(new Uint8Array(ecdh.getPublicKey().subarray(1)), key.publicKey);
      });

      it("RFC 6979 3.2, RFC 8032 5.1.6: noble signs the same, bit for bit", () => {
        for (const message of messages) signatures.push(node.sign(message));
        messages.forEach((message, i) => {
          deepEqual(byNoble(key, message), signatures[i], `message ${i}`);
        });
      });

      it("RFC 6979 3.2, RFC 8032 5.1.6: OpenSSL signs the same, bit for bit", () => {
        messages.forEach((message, i) => {
          deepEqual(byOpenSsl(key, message), signatures[i], `message ${i}`);
        });
      });

      it("FIPS 186-5 6.4.2, RFC 8032 5.1.7: node:crypto verifies each, and none over another message", () => {
        messages.forEach((message, i) => {
          ok(verifiedByOpenSsl(key, message, signatures[i]), `message ${i}`);
          ok(!verifiedByOpenSsl(key, messages[(i + 1) % MESSAGES], signatures[i]), `message ${i}`);
        });
      });

      if (key.name !== "EdDSA") {
        it("every s is in the lower half of the group's order", () => {
          const { order } = CURVES[key.name as "ES256" | "ES256K"];
          for (const signature of signatures) {
            ok(numberOf(signature.subarray(32)) <= (order - 1n) / 2n);
            ok(isLowS(key.alg, signature));
          }
        });
      }

      it("no nonce comes twice: every r is another", () => {
        equal(new Set(messages.map((message) => Buffer.from(message).toString("hex"))).size, MESSAGES);
        equal(
          new Set(signatures.map((signature) => Buffer.from(signature.subarray(0, 32)).toString("hex"))).size,
          MESSAGES,
        );
      });

      it("another node with the same key, and other random numbers, signs the same", () => {
        const other = new Node(2, key.alg, key.secret);
        for (let i = 0; i < 20; i++) deepEqual(other.sign(messages[i]), signatures[i]);
      });
    });
  }
});
