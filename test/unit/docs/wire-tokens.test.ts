/** docs/wire-format.md, section 2: tokens without readings, keys and bindings, as the document has them, by other people's libraries where there are any. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { createHash, createPublicKey, type JsonWebKey, verify } from "node:crypto";
import { encode, rfc8949EncodeOptions, type Tagged } from "cborg";
import { parseBinding } from "../../../firmware/wire/binding.ts";
import { encodeTokenClaims, MAX_TOKEN_BYTES, parseClaims, parseToken } from "../../../firmware/wire/eat-token.ts";
import type { StatementClaims } from "../../../firmware/wire/statements.ts";
import { NODE_CRYPTO } from "../../../tools/receiver/node-crypto.ts";
import { type NodeRecord, parseNodeRecord } from "../../../tools/receiver/node-registry.ts";
import { makeAnchor, makeBoot, makeDigest, makeKeyChange, makeStatements } from "../wire/statement-fixture.ts";
import { readCddl, strictly } from "./cddl.ts";
import { blocks, tableAfter } from "./markdown.ts";
import { hex, printed, receive, TEXT } from "./wire-document.ts";
import { DEV_EUI, IDENTITY, IDENTITY_KEY, kidOf, NEXT_KEY, PUBLIC_KEY, RECEIVED_UNIX_MS } from "./wire-examples.ts";

const TOKENS = ["token", "boot-token", "anchor-token", "digest-token", "key-token", "next-token"];
const MINUTES_LATER_MS = RECEIVED_UNIX_MS + 600_000;

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64url");
}

function ecJwk(publicKey: Uint8Array): JsonWebKey {
  return { kty: "EC", crv: "P-256", x: base64url(publicKey.subarray(0, 32)), y: base64url(publicKey.subarray(32)) };
}

/** Whether node:crypto finds the printed bytes signed by that key: RFC 9052 4.4, put together here. */
function isSigned(bytes: Uint8Array, jwk: JsonWebKey): boolean {
  const [head, , payload, signature] = (strictly(bytes) as Tagged).value as Uint8Array[];
  const structure = encode(["Signature1", head, new Uint8Array(0), payload]);
  const key = createPublicKey({ format: "jwk", key: jwk });
  if (jwk.kty === "OKP") return verify(null, structure, key, signature);
  return verify("sha256", structure, { key, dsaEncoding: "ieee-p1363" }, signature);
}

function sha256(...parts: Uint8Array[]): Uint8Array {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
}

describe("docs/wire-format.md: the other kinds of tokens", () => {
  it("RFC 9052 4.4, RFC 8032: node:crypto verifies each with the key that the document names", () => {
    const first = ecJwk(PUBLIC_KEY);
    const next = { kty: "OKP", crv: "Ed25519", x: base64url(NEXT_KEY.publicKey) };
    for (const name of TOKENS.slice(0, 5)) ok(isSigned(printed(name), first), name);
    ok(isSigned(printed("next-token"), next));
    ok(isSigned(printed("binding"), ecJwk(IDENTITY_KEY.publicKey)));
    // The keys of the RFCs that are named.
    equal(next.x, "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
    equal(ecJwk(IDENTITY_KEY.publicKey).x, "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU");
  });

  it("they are numbers 300 to 305 of one node, of the kinds that the table names by their claims", () => {
    const table = tableAfter(TEXT, "| kind | told by claim | says |");
    const kinds = ["batch", "boot", "anchor", "digest", "key", "batch"];
    TOKENS.forEach((name, i) => {
      const token = parseToken(printed(name));
      ok(token.ok, name);
      equal(token.claims.kind, kinds[i]);
      equal(token.claims.seq, 300 + i);
      equal(token.claims.bootCount, 7);
      const found = strictly(token.payload) as Map<number, unknown>;
      const told = table.filter(([, claim]) => claim.split(", with ").every((key) => found.has(Number(key))));
      deepEqual(
        told.map(([kind]) => kind),
        [kinds[i]],
      );
      deepEqual(token.kid, i < 5 ? IDENTITY.kid : kidOf(NEXT_KEY));
    });
    equal(table.length, 5);
    const boot = parseToken(printed("boot-token"));
    ok(boot.ok);
    equal(hex(boot.payload), hex(printed("boot-claims")));
  });

  it("the digest is SHA-256 over the SHA-256 of the printed tokens 300 to 302", () => {
    const token = parseToken(printed("digest-token"));
    ok(token.ok && token.claims.kind === "digest");
    const { firstSeq, lastSeq, digest } = token.claims;
    deepEqual([firstSeq, lastSeq], [300, 302]);
    deepEqual(digest, sha256(...TOKENS.slice(0, 3).map((name) => sha256(printed(name)))));
  });

  it("RFC 8747 3.2: the key token's cnf is the next token's key, and its thumbprint that token's kid", () => {
    const token = parseToken(printed("key-token"));
    ok(token.ok && token.claims.kind === "key");
    deepEqual(token.claims.newKey, NEXT_KEY);
    const cnf = (strictly(token.payload) as Map<number, Map<number, unknown>>).get(8)!;
    const thumbprint = sha256(encode(cnf.get(1), rfc8949EncodeOptions));
    deepEqual(thumbprint.slice(0, 8), kidOf(NEXT_KEY));
  });

  it("a receiver takes them in this order, in one that lets keys come first, and none of the next key before its key token", () => {
    const run = (names: readonly string[]) =>
      receive((receiver) => {
        for (const name of names)
          receiver.handleMqttToken(`groundtruth/${DEV_EUI}/token`, printed(name), MINUTES_LATER_MS);
      });
    const all = run(TOKENS);
    deepEqual([all.refused, all.readings.length], [[], 4]);
    deepEqual(all.kinds, ["batch", "boot", "anchor", "digest", "key", "batch"]);
    const turned = run(["key-token", "next-token", "digest-token", "boot-token", "token", "anchor-token"]);
    deepEqual([turned.refused, turned.readings.length], [[], 4]);
    equal(run(["next-token"]).readings.length, 0);
    equal(run(["binding"]).kinds.length, 0);
  });

  it("the binding certifies the node's key for its identity file, which the registry takes", () => {
    const binding = parseBinding(printed("binding"));
    ok(binding.ok);
    deepEqual(binding.claims, { wallS: 0, ueid: IDENTITY.ueid, key: { alg: -7, publicKey: PUBLIC_KEY } });
    deepEqual(binding.kid, kidOf(IDENTITY_KEY));
    const file = {
      devEui: DEV_EUI,
      ueid: hex(IDENTITY.ueid),
      profile: "tag:groundtruth,2026:weather:1",
      jwk: ecJwk(IDENTITY_KEY.publicKey),
      kid: hex(kidOf(IDENTITY_KEY)),
      oemid: hex(IDENTITY.oemid),
      hwmodel: hex(IDENTITY.hwmodel),
      binding: base64url(printed("binding")),
    };
    const read = parseNodeRecord(JSON.stringify(file), NODE_CRYPTO);
    ok(read.ok, JSON.stringify(read));
    const { binding: bound } = read.node as NodeRecord;
    deepEqual(bound?.key.publicKey, PUBLIC_KEY);
  });
});

describe("docs/wire-format.md: CDDL of the other kinds (RFC 8610)", () => {
  const rules = readCddl(blocks(TEXT, "cddl").get("")!);
  const fits = (rule: string, bytes: Uint8Array) => rules.get(rule)!(strictly(bytes));
  const bytesOf = (claims: StatementClaims) => {
    const into = new Uint8Array(MAX_TOKEN_BYTES);
    return into.slice(0, encodeTokenClaims(claims, into));
  };

  it("every printed token is a token, the binding a binding, and none both", () => {
    for (const name of TOKENS) ok(fits("token", printed(name)) && !fits("binding", printed(name)), name);
    ok(fits("binding", printed("binding")) && !fits("token", printed("binding")));
  });

  it("claims of each kind are of that kind's form only, with and without what may be missing", () => {
    const kinds = ["batch", "boot", "digest", "anchor", "key"];
    for (const claims of makeStatements()) {
      const bytes = bytesOf(claims);
      ok(fits("claims", bytes), claims.kind);
      for (const kind of kinds) equal(fits(`${kind}-claims`, bytes), kind === claims.kind, `${claims.kind} as ${kind}`);
    }
  });

  it("so they are at the borders of every range", () => {
    const model = { model: "m".repeat(24), calibration: "c".repeat(32) };
    const borders: StatementClaims[] = [
      makeBoot({ timeS: 1_000_000_000, bootCount: 0, seq: 0, protection: 0, swname: "n", swversion: "v" }),
      makeBoot({ timeS: 0x1ffffffff, bootCount: 0xffffffff, seq: 0xffffffff, hwmodel: new Uint8Array(32) }),
      makeBoot({ wallTime: false, timeS: 0, swname: "n".repeat(32), swversion: "v".repeat(32) }),
      makeBoot({ sensors: new Array(10).fill(model) }),
      makeBoot({ sensors: [{ model: "m", calibration: "c" }] }),
      makeDigest({ firstSeq: 0, lastSeq: 0xfffffffe, seq: 0xffffffff }),
      makeAnchor({ nonce: new Uint8Array(64), timeQuality: 159, uptimeS: 0x1ffffffff }),
      makeAnchor({ nonce: new Uint8Array(8), timeQuality: 0, wallS: 0, uptimeS: 0 }),
    ];
    for (const claims of borders) ok(fits("claims", bytesOf(claims)), claims.kind);
  });

  type Decoded = Map<number, unknown>;
  const changes: [StatementClaims, [number, unknown][]][] = [
    [
      makeBoot(),
      [
        [6, 999_999_999],
        [256, new Uint8Array(8)],
        [258, new Uint8Array(4)],
        [259, new Uint8Array(33)],
        [261, 1],
        [263, 5],
        [264, new Map([[1, 1.5]])],
        [264, 1.5],
        [267, 2 ** 32],
        [270, ""],
        [270, "n".repeat(33)],
        [271, []],
        [271, ["1", "2"]],
        [271, "1"],
        [273, [[42, new Uint8Array(31)]]],
        [273, [[43, new Uint8Array(32)]]],
        [273, []],
        [-65537, -1],
        [-65539, [0, 1, new Uint8Array(32)]],
        [-65542, []],
        [-65542, [["m".repeat(25)]]],
        [-65542, [["m", "c".repeat(33)]]],
        [-65542, new Array(11).fill(["m"])],
        [-65543, 4],
      ],
    ],
    [
      makeDigest(),
      [
        [261, 1],
        [263, 0],
        [-65539, [0, 1]],
        [-65539, [0, 2 ** 32, new Uint8Array(32)]],
        [-65539, [0, 1, new Uint8Array(33)]],
        [-65540, 42],
      ],
    ],
    [
      makeAnchor(),
      [
        [6, 1],
        [8, new Map()],
        [10, new Uint8Array(7)],
        [10, new Uint8Array(65)],
        [261, 2 ** 33],
        [-65540, 0],
        [-65540, 41],
      ],
    ],
    [
      makeKeyChange(),
      [
        [6, 0],
        [8, new Map()],
        [8, new Map([[1, new Map([[1, 2]])]])],
        [8, new Map([[3, new Uint8Array(8)]])],
        [10, new Uint8Array(8)],
        [261, 1],
      ],
    ],
  ];

  it("what differs in one claim is not, and neither does the code take it", () => {
    for (const [claims, wrong] of changes) {
      const map = strictly(bytesOf(claims)) as Decoded;
      for (const [key, value] of wrong) {
        const bytes = encode(new Map(map).set(key, value), rfc8949EncodeOptions);
        ok(!fits("claims", bytes), `${claims.kind} ${key}`);
        ok(!parseClaims(bytes).ok, `${claims.kind} ${key}`);
      }
    }
  });
});
