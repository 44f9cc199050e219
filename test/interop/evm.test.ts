/**
 * Tokens in an Ethereum virtual machine (@ethereumjs/evm), where a contract pays for what somebody measured:
 *
 *   0x02     SHA-256 of the Sig_structure
 *   0x100    P-256 (EIP-7951, as RIP-7212): digest, r, s, x, y, 32 bytes each; answers 1, or nothing
 *   P256     OpenZeppelin's library, deployed as its ERC7913P256Verifier, in the bytecode that its package ships: with the precompile where there is one,
 *            in Solidity where there is none
 *   0x01     ecrecover: for ES256K, in every EVM there is
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import { createRequire } from "node:module";
import { Common, Hardfork, Mainnet } from "@ethereumjs/common";
import { createEVM, type EVM } from "@ethereumjs/evm";
import { type Address, createAddressFromString } from "@ethereumjs/util";
import { keccak_256 } from "@noble/hashes/sha3.js";
import { parseSign1 } from "../../firmware/wire/cose-sign1.ts";
import { Simulation } from "../e2e/simulation.ts";
import { sha256, toBeSigned, tokenKeys } from "./token-keys.ts";
import { SAMPLES } from "./token-set.ts";

const GAS = 30_000_000n;
const P256_GAS = 6_900n;
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const ONE = "1".padStart(64, "0");
const NO = "ffffffff".padEnd(64, "0");

/** What a contract gets to see of a token: a signature over a message, and the key it trusts. */
interface Signed {
  what: string;
  message: Uint8Array;
  signature: Uint8Array;
  publicKey: Uint8Array;
}

function signedOf(what: string, token: Uint8Array, publicKey: Uint8Array): Signed {
  const sign1 = parseSign1(token);
  if (!sign1.ok) throw new Error(sign1.reason);
  const { alg, payload, signature } = sign1;
  ok(alg === -7 || alg === -47);
  return { what, message: toBeSigned(alg, payload), signature, publicKey };
}

function samplesOf(name: "ES256" | "ES256K"): Signed[] {
  const own = SAMPLES.filter(({ key }) => key.name === name);
  return own.map(({ what, token, key }) => signedOf(what, token, key.publicKey));
}

/** A day of a simulated node, with the key of its identity file. */
function simulated(): Signed[] {
  const run = new Simulation("--uplink", "wifi", "--hours", "24", "--batch", "12");
  try {
    equal(run.outcome.status, 0, run.outcome.err);
    return run.tokens.map(({ devEui, seq, bytes }) => {
      const { x, y } = run.node(devEui).jwk;
      const publicKey = Buffer.concat([Buffer.from(x, "base64url"), Buffer.from(y, "base64url")]);
      return signedOf(`token ${seq} of a simulated node`, bytes, publicKey);
    });
  } finally {
    run.remove();
  }
}

/** A copy with one bit turned. */
function changed(bytes: Uint8Array, at: number): Uint8Array {
  const copy = new Uint8Array(bytes);
  copy[at] ^= 1;
  return copy;
}

/** The same with n - s in place of s. */
function withHighS(signed: Signed): Signed {
  const s = BigInt(`0x${hex(signed.signature.subarray(32))}`);
  const high = Buffer.from((ORDER - s).toString(16).padStart(64, "0"), "hex");
  return { ...signed, signature: new Uint8Array(Buffer.concat([signed.signature.subarray(0, 32), high])) };
}

/** All that can be changed: message, r, s, x, y. */
function forgeries(signed: Signed): Signed[] {
  return [
    { ...signed, message: changed(signed.message, signed.message.length - 1) },
    ...[31, 63].map((at) => ({ ...signed, signature: changed(signed.signature, at) })),
    ...[31, 63].map((at) => ({ ...signed, publicKey: changed(signed.publicKey, at) })),
  ];
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

/** A number as a word of the EVM. */
function word(value: number): Buffer {
  return Buffer.from(value.toString(16).padStart(64, "0"), "hex");
}

function precompile(number: number): Address {
  return createAddressFromString(`0x${number.toString(16).padStart(40, "0")}`);
}

class Chain {
  #evm: EVM;

  private constructor(evm: EVM) {
    this.#evm = evm;
  }

  static async of(hardfork: Hardfork): Promise<Chain> {
    return new Chain(await createEVM({ common: new Common({ chain: Mainnet, hardfork }) }));
  }

  async call(to: Address, data: Uint8Array): Promise<{ answer: string; gas: bigint }> {
    const { execResult } = await this.#evm.runCall({ to, data, gasLimit: GAS });
    equal(execResult.exceptionError, undefined);
    return { answer: hex(execResult.returnValue), gas: execResult.executionGasUsed };
  }

  async deploy(bytecode: string): Promise<Address> {
    const data = Buffer.from(bytecode.replace("0x", ""), "hex");
    const { createdAddress, execResult } = await this.#evm.runCall({ data, gasLimit: GAS });
    equal(execResult.exceptionError, undefined);
    ok(createdAddress);
    return createdAddress;
  }

  /** 0x100 with the digest that 0x02 gives. */
  async p256({ message, signature, publicKey }: Signed): Promise<{ answer: string; gas: bigint }> {
    const digest = await this.call(precompile(2), message);
    return this.call(precompile(0x100), Buffer.concat([Buffer.from(digest.answer, "hex"), signature, publicKey]));
  }
}

const SELECTOR = keccak_256(new TextEncoder().encode("verify(bytes,bytes32,bytes)")).subarray(0, 4);

/** verify(bytes key, bytes32 hash, bytes signature) in the contract ABI: heads, then both byte strings with their lengths. */
function verifyCall({ message, signature, publicKey }: Signed): Buffer {
  const keyAt = 3 * 32;
  const signatureAt = keyAt + 32 + publicKey.length;
  const heads = [word(keyAt), sha256(message), word(signatureAt)];
  return Buffer.concat([SELECTOR, ...heads, word(publicKey.length), publicKey, word(signature.length), signature]);
}

describe("interop: tokens in an Ethereum virtual machine", () => {
  let tokens: Signed[];
  before(() => {
    tokens = [...samplesOf("ES256"), ...simulated()];
  });

  describe("the P-256 precompile at 0x100", () => {
    let chain: Chain;
    before(async () => {
      chain = await Chain.of(Hardfork.Osaka);
    });

    it("EIP-7951: answers 1 to every kind of token, and to those of a simulated node, for 6,900 gas", async () => {
      ok(tokens.length > samplesOf("ES256").length + 10);
      for (const signed of tokens) deepEqual(await chain.p256(signed), { answer: ONE, gas: P256_GAS }, signed.what);
    });

    it("EIP-7951: answers nothing when message, r, s, x or y is another", async () => {
      for (const signed of tokens) {
        for (const forgery of forgeries(signed)) equal((await chain.p256(forgery)).answer, "", signed.what);
      }
    });

    it("EIP-7951: answers nothing to a token without its last byte, and to another node's key", async () => {
      const [signed] = tokens;
      const [other] = tokenKeys(2);
      equal((await chain.p256({ ...signed, publicKey: signed.publicKey.subarray(0, 63) })).answer, "");
      equal((await chain.p256({ ...signed, publicKey: other.publicKey })).answer, "");
    });

    it("there is none before Osaka: a contract that calls it there gets nothing, good token or not", async () => {
      const before = await Chain.of(Hardfork.Cancun);
      deepEqual(await before.p256(tokens[0]), { answer: "", gas: 0n });
    });
  });

  for (const [name, hardfork, least, most] of [
    ["calling the precompile", Hardfork.Osaka, 8_000n, 20_000n],
    ["in Solidity, where there is no precompile", Hardfork.Cancun, 200_000n, 300_000n],
  ] as const) {
    describe(`OpenZeppelin's P256, ${name}`, () => {
      let chain: Chain;
      let contract: Address;
      before(async () => {
        chain = await Chain.of(hardfork);
        const artifact = "@openzeppelin/contracts/build/contracts/ERC7913P256Verifier.json";
        contract = await chain.deploy((createRequire(import.meta.url)(artifact) as { bytecode: string }).bytecode);
      });

      it(`ERC-7913: accepts every kind of token, and those of a simulated node, for ${least} to ${most} gas`, async () => {
        for (const signed of tokens) {
          const { answer, gas } = await chain.call(contract, verifyCall(signed));
          equal(answer, hex(SELECTOR).padEnd(64, "0"), signed.what);
          ok(gas > least && gas < most, `${gas} gas`);
        }
      });

      it("ERC-7913: refuses a few of them when message, r, s, x or y is another", async () => {
        for (const signed of tokens.slice(0, 3)) {
          for (const forgery of forgeries(signed)) {
            equal((await chain.call(contract, verifyCall(forgery))).answer, NO, signed.what);
          }
        }
      });

      it("attestation.md, signatures: refuses the high-s twin, which is why tokens have low s only", async () => {
        for (const signed of tokens.slice(0, 3)) {
          equal((await chain.call(contract, verifyCall(withHighS(signed)))).answer, NO, signed.what);
        }
      });
    });
  }

  describe("ecrecover at 0x01", () => {
    it("Yellow Paper, appendix E: gives the node's address for every kind of ES256K token, and another for a changed one", async () => {
      const chain = await Chain.of(Hardfork.Cancun);
      /** The answers for both points that r may stand for: v is not in a COSE signature. */
      const recovered = async ({ message, signature }: Signed): Promise<string[]> => {
        const digest = sha256(message);
        const calls = [27, 28].map((v) => chain.call(precompile(1), Buffer.concat([digest, word(v), signature])));
        return (await Promise.all(calls)).map(({ answer }) => answer);
      };
      for (const signed of samplesOf("ES256K")) {
        const address = hex(keccak_256(signed.publicKey).subarray(12)).padStart(64, "0");
        ok((await recovered(signed)).includes(address), signed.what);
        ok(!(await recovered(forgeries(signed)[0])).includes(address), signed.what);
      }
    });
  });
});
