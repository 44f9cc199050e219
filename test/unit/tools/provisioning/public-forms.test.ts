/** A node's public key for others: did:key, DID document, JWK, COSE_Key, each by a reader that is not ours. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { type JsonWebKey, webcrypto } from "node:crypto";
import { decode } from "cborg";
import { getResolver } from "key-did-resolver";
import { isKeyPair, isPrivateKey, makeSecrets, publicKeyOf } from "../../../../tools/provisioning/node-keys.ts";
import { coseKey, didDocument, didKey, multikey, publicJwk } from "../../../../tools/provisioning/public-forms.ts";
import { RandomSource } from "../../../../tools/provisioning/random-source.ts";
import { NOBLE_CRYPTO } from "../../../../tools/receiver/noble-crypto.ts";

const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "hex"));
/** RFC 6979 A.2.5. */
const P256_PRIVATE = hex("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721");
const P256_PUBLIC = hex(
  "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb67903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
);
/** RFC 8032 7.1, test 1. */
const ED_SEED = hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
const ED_PUBLIC = hex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
const ALGORITHMS = [-7, -47, -8] as const;
const KID = new Uint8Array(8).fill(1);

interface Resolution {
  didDocument: {
    id: string;
    verificationMethod: { publicKeyMultibase?: string; publicKeyJwk?: JsonWebKey; publicKeyBase58?: string }[];
  };
}

describe("keys of nodes", () => {
  it("RFC 6979 A.2.5 and RFC 8032 7.1: public keys of known private ones", () => {
    deepEqual(publicKeyOf(-7, P256_PRIVATE), P256_PUBLIC);
    deepEqual(publicKeyOf(-8, ED_SEED), ED_PUBLIC);
  });

  it("FIPS 186-5 A.2.2: neither 0 nor the order of the group is a private key", () => {
    const order = hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
    ok(!isPrivateKey(-7, new Uint8Array(32)));
    ok(!isPrivateKey(-7, order));
    order[31]--;
    ok(isPrivateKey(-7, order));
    ok(!isPrivateKey(-7, new Uint8Array(31).fill(1)));
  });

  it("a pair is known by its signature, and no other is", () => {
    const random = new RandomSource();
    for (const alg of ALGORITHMS) {
      const { privateKey } = makeSecrets(alg, random);
      const publicKey = publicKeyOf(alg, privateKey);
      ok(isKeyPair(alg, privateKey, publicKey));
      ok(NOBLE_CRYPTO.isPublicKey(alg, publicKey));
      const other = publicKeyOf(alg, makeSecrets(alg, random).privateKey);
      if (alg === -8) ok(!isKeyPair(alg, privateKey, other));
    }
  });
});

describe("public forms of a key", () => {
  it("did:key: key-did-resolver finds the same key", async () => {
    const random = new RandomSource();
    const { key: resolve } = getResolver();
    for (const alg of ALGORITHMS) {
      for (let i = 0; i < 20; i++) {
        const publicKey = publicKeyOf(alg, makeSecrets(alg, random).privateKey);
        const did = didKey(alg, publicKey);
        const parsed = { did, id: did.slice("did:key:".length), method: "key", didUrl: did };
        const { didDocument: document } = (await resolve(did, parsed, {} as never, {})) as unknown as Resolution;
        equal(document.id, did);
        const found = JSON.stringify(document.verificationMethod[0]);
        const { x, y } = publicJwk(alg, publicKey, KID) as { x: string; y?: string };
        const isThere =
          found.includes(multikey(alg, publicKey)) || (found.includes(x) && (y === undefined || found.includes(y)));
        ok(isThere, found);
      }
    }
  });

  it("did:key method, Ed25519: the DID of RFC 8032's first key", () => {
    equal(didKey(-8, ED_PUBLIC), "did:key:z6MktwupdmLXVVqTzCw4i46r4uGyosGXRnR3XjN4Zq7oMMsw");
  });

  it("the DID document names the key for every use, under its own DID", () => {
    const document = didDocument(-7, P256_PUBLIC) as Record<string, unknown>;
    const id = didKey(-7, P256_PUBLIC);
    const [method] = document.verificationMethod as Record<string, string>[];
    equal(document.id, id);
    equal(method.controller, id);
    equal(method.id, `${id}#${method.publicKeyMultibase}`);
    for (const use of ["authentication", "assertionMethod"]) deepEqual(document[use], [method.id]);
  });

  it("RFC 7517: WebCrypto imports the JWK and verifies by it", async () => {
    for (const [alg, name, privateKey] of [
      [-7, { name: "ECDSA", namedCurve: "P-256" }, P256_PRIVATE],
      [-8, { name: "Ed25519" }, ED_SEED],
    ] as const) {
      const jwk = publicJwk(alg, publicKeyOf(alg, privateKey), KID) as webcrypto.JsonWebKey;
      const key = await webcrypto.subtle.importKey("jwk", jwk, name, true, ["verify"]);
      const back = await webcrypto.subtle.exportKey("jwk", key);
      deepEqual([back.x, back.y], [jwk.x, jwk.y]);
      equal(JSON.stringify(jwk).includes('"d"'), false);
    }
  });

  it("RFC 9052 7: a CBOR library reads the COSE_Key", () => {
    const map = decode(coseKey(-7, P256_PUBLIC), { strict: true, useMaps: true }) as Map<number, unknown>;
    deepEqual([...map.keys()], [1, -1, -2, -3]);
    deepEqual([map.get(1), map.get(-1)], [2, 1]);
    deepEqual(map.get(-2), P256_PUBLIC.slice(0, 32));
    deepEqual(map.get(-3), P256_PUBLIC.slice(32));
    const okp = decode(coseKey(-8, ED_PUBLIC), { strict: true, useMaps: true }) as Map<number, unknown>;
    deepEqual([okp.get(1), okp.get(-1), okp.get(-2)], [1, 6, ED_PUBLIC]);
  });
});
