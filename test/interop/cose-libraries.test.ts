/**
 * Tokens of every kind in other people's COSE libraries for JavaScript, each with the node's public key and nothing of ours:
 *
 *   @auth0/cose         ES256, EdDSA    by WebCrypto
 *   cose-js             ES256           by elliptic; it knows neither EdDSA nor ES256K
 *   @ldclabs/cose-ts    ES256, EdDSA    by noble; its ECDSA has the NIST curves only
 */
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { createRequire } from "node:module";
import { Algorithms, COSEKey, Sign1 } from "@auth0/cose";
import { build } from "esbuild";
import { parseSign1 } from "../../firmware/wire/cose-sign1.ts";
import { type TokenKey, tokenKeys } from "./token-keys.ts";
import { changedTokens, SAMPLES } from "./token-set.ts";

/** Verifies a token and gives its payload; throws where the signature is not the key's. */
type Verify = (token: Uint8Array, key: TokenKey) => Promise<Uint8Array>;

interface Library {
  name: string;
  algorithms: readonly TokenKey["name"][];
  load(): Promise<Verify>;
}

/** cose-js has no types. */
interface CoseJs {
  sign: { verify(token: Buffer, verifier: { key: { x: Buffer; y: Buffer } }): Promise<Buffer> };
}

/** The part of @ldclabs/cose-ts that is used here. */
interface CoseTs {
  Sign1Message: { fromBytes(key: object, token: Uint8Array): { payload: Uint8Array } };
  ECDSAKey: { fromPublic(publicKey: Uint8Array): object };
  Ed25519Key: { fromPublic(publicKey: Uint8Array): object };
}

/** Its modules import each other without file extensions, which bundlers understand and Node does not. */
async function loadCoseTs(): Promise<CoseTs> {
  const modules = { Sign1Message: "sign1", ECDSAKey: "ecdsa", Ed25519Key: "ed25519" };
  const contents = Object.entries(modules).map(([name, path]) => `export { ${name} } from "@ldclabs/cose-ts/${path}";`);
  const { outputFiles } = await build({
    stdin: { contents: contents.join("\n"), resolveDir: import.meta.dirname },
    bundle: true,
    format: "esm",
    platform: "node",
    write: false,
  });
  return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString("base64")}`);
}

const LIBRARIES: readonly Library[] = [
  {
    name: "@auth0/cose",
    algorithms: ["ES256", "EdDSA"],
    async load() {
      return async (token, { name, jwk }) => {
        const message = Sign1.decode(token);
        const algorithms = [name === "ES256" ? Algorithms.ES256 : Algorithms.EdDSA];
        await message.verify(await COSEKey.fromJWK(jwk).toKeyLike(), { algorithms });
        return message.payload;
      };
    },
  },
  {
    name: "cose-js",
    algorithms: ["ES256"],
    async load() {
      const { sign } = createRequire(import.meta.url)("cose-js") as CoseJs;
      return (token, { publicKey }) => {
        const x = Buffer.from(publicKey.subarray(0, 32));
        const y = Buffer.from(publicKey.subarray(32));
        return sign.verify(Buffer.from(token), { key: { x, y } });
      };
    },
  },
  {
    name: "@ldclabs/cose-ts",
    algorithms: ["ES256", "EdDSA"],
    async load() {
      const { Sign1Message, ECDSAKey, Ed25519Key } = await loadCoseTs();
      return async (token, { name, publicKey }) => {
        const key =
          name === "EdDSA" ? Ed25519Key.fromPublic(publicKey) : ECDSAKey.fromPublic(Uint8Array.of(4, ...publicKey));
        return Sign1Message.fromBytes(key, token).payload;
      };
    },
  },
];

describe("interop: tokens of every kind in other people's COSE libraries", () => {
  for (const { name, algorithms, load } of LIBRARIES) {
    describe(name, () => {
      let verify: Verify;
      before(async () => {
        verify = await load();
      });

      for (const algorithm of algorithms) {
        const samples = SAMPLES.filter(({ key }) => key.name === algorithm);

        it(`RFC 9052 4.4: verifies ${samples.length} tokens of ${algorithm}, of every kind, and reads their claims`, async () => {
          equal(new Set(samples.map(({ claims }) => claims.kind)).size, 5);
          for (const { what, token, key } of samples) {
            const sign1 = parseSign1(token);
            ok(sign1.ok);
            deepEqual(new Uint8Array(await verify(token, key)), new Uint8Array(sign1.payload), what);
          }
        });

        it(`RFC 9052 4.4: refuses each of ${algorithm} with a bit turned in claims or signature`, async () => {
          for (const { what, token, key } of samples) {
            for (const changed of changedTokens(token)) await rejects(verify(changed, key), what);
          }
        });

        it(`RFC 9052 4.4: refuses each of ${algorithm} with another node's key`, async () => {
          const other = tokenKeys(2).find((key) => key.name === algorithm)!;
          for (const { what, token } of samples) await rejects(verify(token, other), what);
        });
      }
    });
  }
});
