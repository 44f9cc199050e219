import assert from "node:assert/strict";
import { sha256 } from "@noble/hashes/sha2.js";
import { encodeBase64Url } from "../../../../tools/receiver/base64.ts";
import { bytesToHex, hexToBytes } from "../../../../tools/receiver/hex.ts";
import { NODE_CRYPTO } from "../../../../tools/receiver/node-crypto.ts";
import {
  keyIdentifier,
  keysOf,
  type NodeRecord,
  type NodeRecordResult,
  nodeFileContent,
  parseNodeRecord,
  ueidOf,
} from "../../../../tools/receiver/node-registry.ts";
import { TestNode } from "./fixture.ts";

type File = { [member: string]: unknown } & { jwk: { [member: string]: unknown } };

const node = new TestNode(1);

/** Reads the identity of node 1 after `change` was at it. */
function parseChanged(change: (file: File) => void): NodeRecordResult {
  const file = JSON.parse(JSON.stringify(nodeFileContent(node.record))) as File;
  change(file);
  return parseNodeRecord(JSON.stringify(file), NODE_CRYPTO);
}

describe("node registry", () => {
  it("reads back what it wrote", () => {
    assert.deepEqual(
      parseChanged(() => {}),
      { ok: true, node: node.record },
    );
  });

  it("reads back identities of each algorithm, with binding, revocations and protection", () => {
    for (const alg of [-7, -8, -47] as const) {
      const { record } = new TestNode(1, 1, alg);
      const text = JSON.stringify(nodeFileContent(record));
      assert.deepEqual(parseNodeRecord(text, NODE_CRYPTO), { ok: true, node: record });
    }
    const key = new TestNode(1, 2, -8).key(-8);
    const full: NodeRecord = {
      ...node.record,
      binding: { token: node.binding(key), key },
      revoked: [
        { kid: key.kid, fromSeq: 7 },
        { kid: key.kid, fromSeq: 2, toSeq: 3 },
      ],
      protection: "secure-element",
      downlinks: false,
    };
    const parsed = parseNodeRecord(JSON.stringify(nodeFileContent(full)), NODE_CRYPTO);
    assert.deepEqual(parsed, { ok: true, node: full });
    const keys = keysOf(full);
    assert.deepEqual([keys.keyAt(0), keys.isRevoked(7, key.kid), keys.isRevoked(6, key.kid)], [key, true, false]);
  });

  it("RFC 8747: refuses a binding of another node, by another key, or with a bit changed", () => {
    const key = new TestNode(1, 2, -8).key(-8);
    const bindingOf = (token: Uint8Array): NodeRecordResult =>
      parseChanged((file) => {
        file.binding = encodeBase64Url(token);
      });
    const refusal = (result: NodeRecordResult): string =>
      result.ok ? "ACCEPTED" : `${result.place}: ${result.reason}`;
    assert.equal(bindingOf(node.binding(key)).ok, true);
    assert.equal(refusal(bindingOf(new TestNode(2, 1).binding(key))), "binding: ueid-of-another-node");
    assert.equal(refusal(bindingOf(new TestNode(1, 3).binding(key))), "binding: kid-of-another-key");
    const changed = node.binding(key);
    changed[changed.length - 1] ^= 1;
    assert.equal(refusal(bindingOf(changed)), "binding: signature-invalid");
    const none = { alg: -8 as const, publicKey: new Uint8Array(32) };
    assert.equal(refusal(bindingOf(node.binding(none))), "binding: not-a-point-of-the-curve");
    assert.match(refusal(bindingOf(node.token())), /^binding: /);
  });

  it("RFC 9679 6: the kid is the beginning of the thumbprint in its example", () => {
    const key = hexToBytes(
      "65eda5a12577c2bae829437fe338701a10aaa375e1bb5b5de108de439c08551d" +
        "1e52ed75701163f7f9e40ddf9f341b3dc9ba860af7e0ca7ca7e9eecd0084d19c",
    );
    assert.equal(bytesToHex(keyIdentifier(-7, key, sha256)), "496bd8afadf307e5");
  });

  it("RFC 9711 4.2.1.1: ueid is type 02 and the EUI-64", () => {
    assert.equal(bytesToHex(ueidOf("70b3d57ed0000001") as Uint8Array), "0270b3d57ed0000001");
    assert.equal(ueidOf("70b3"), undefined);
  });

  it("ignores members that a later version may add", () => {
    assert.equal(parseChanged((file) => (file.comment = "on the roof")).ok, true);
  });

  const refusals: [string, string, (file: File) => void][] = [
    ["devEui", "not-16-lower-case-hex-digits", (file) => (file.devEui = "70B3D57ED0000001")],
    ["devEui", "not-16-lower-case-hex-digits", (file) => (file.devEui = 5)],
    ["ueid", "not-02-and-the-dev-eui", (file) => (file.ueid = "0270b3d57ed0000002")],
    ["ueid", "not-02-and-the-dev-eui", (file) => delete file.ueid],
    ["jwk", "not-an-object", (file) => Object.assign(file, { jwk: [] })],
    ["jwk.d", "private-key-in-a-public-file", (file) => (file.jwk.d = "AAAA")],
    ["jwk.kty", "not-EC-nor-OKP", (file) => (file.jwk.kty = "RSA")],
    ["jwk.crv", "not-P-256-secp256k1-or-Ed25519", (file) => (file.jwk.crv = "P-384")],
    ["jwk.x", "not-32-bytes-of-base64url", (file) => (file.jwk.x = `${file.jwk.x}=`)],
    ["jwk.y", "not-32-bytes-of-base64url", (file) => delete file.jwk.y],
    ["jwk", "not-a-point-of-the-curve", (file) => (file.jwk.y = file.jwk.x)],
    ["kid", "not-the-thumbprint-of-the-key", (file) => (file.kid = "0000000000000000")],
    ["oemid", "not-3-bytes-of-hex", (file) => (file.oemid = "8cd9")],
    ["hwmodel", "not-1-to-32-bytes-of-hex", (file) => (file.hwmodel = "")],
    ["hwmodel", "not-1-to-32-bytes-of-hex", (file) => (file.hwmodel = "00".repeat(33))],
    ["protection", "protection-unknown", (file) => (file.protection = "a safe")],
    ["revoked", "not-a-list-of-kid-and-fromSeq", (file) => (file.revoked = [{ kid: "00", fromSeq: 1 }])],
    ["revoked", "not-a-list-of-kid-and-fromSeq", (file) => (file.revoked = {})],
    [
      "revoked",
      "not-a-list-of-kid-and-fromSeq",
      (file) => (file.revoked = [{ kid: "0011223344556677", fromSeq: 9, toSeq: 8 }]),
    ],
    ["downlinks", "neither-true-nor-false", (file) => (file.downlinks = 0)],
    ["binding", "not-base64url", (file) => (file.binding = 5)],
    ["profile", "profile-unknown", (file) => (file.profile = "tag:groundtruth,2026:weather:999")],
  ];
  for (const [place, reason, change] of refusals) {
    it(`refuses ${place}: ${reason}`, () => {
      assert.deepEqual(parseChanged(change), { ok: false, place, reason });
    });
  }

  it("refuses what is no JSON object, by reason", () => {
    for (const [text, reason] of [
      ["", "not-json"],
      ["[]", "not-a-json-object"],
      [" ".repeat(20_000), "json-too-long"],
    ]) {
      assert.deepEqual(parseNodeRecord(text, NODE_CRYPTO), { ok: false, place: "the file", reason });
    }
  });
});
