/**
 * Tokens in tshark's COSE dissector (Wireshark's packet-cose.c): each is a packet of the user link type 147, which is told to hold COSE. The dissector
 * takes messages and keys apart; it verifies no signature, and leaves the claims to others.
 */
import { deepEqual, equal } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MAX_COSE_KEY_BYTES, thumbprintInput } from "../../firmware/wire/cose-key.ts";
import { parseSign1 } from "../../firmware/wire/cose-sign1.ts";
import { tokenKeys } from "./token-keys.ts";
import { SAMPLES } from "./token-set.ts";

const LINK_TYPE_USER0 = 147;
const HEADER_BYTES = 24;
const PACKET_HEADER_BYTES = 16;

function tshark(...args: string[]): string {
  return execFileSync("tshark", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"], maxBuffer: 1 << 28 });
}

/** Why tshark cannot judge here, undefined when it can. */
function problemHere(): string | undefined {
  try {
    return /\tcose$/m.test(tshark("-G", "protocols")) ? undefined : "this tshark has no COSE dissector";
  } catch {
    return "no tshark on this machine";
  }
}

/** A pcap file (draft-ietf-opsawg-pcap 4, 5) with a packet for each message. */
function captureOf(messages: readonly Uint8Array[]): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(0xffff, 16);
  header.writeUInt32LE(LINK_TYPE_USER0, 20);
  const packets = messages.flatMap((message, i) => {
    const packet = Buffer.alloc(PACKET_HEADER_BYTES);
    packet.writeUInt32LE(i, 0);
    packet.writeUInt32LE(message.length, 8);
    packet.writeUInt32LE(message.length, 12);
    return [packet, message];
  });
  return Buffer.concat([header, ...packets]);
}

/** The fields of each message as this dissector shows them, and "" where it sees none. */
function dissect(
  dissector: "cose" | "cose_key",
  messages: readonly Uint8Array[],
  fields: readonly string[],
): string[][] {
  const folder = mkdtempSync(join(tmpdir(), "groundtruth-cose-"));
  try {
    const file = join(folder, "tokens.pcap");
    writeFileSync(file, captureOf(messages));
    const userLink = `uat:user_dlts:"User 0 (DLT=${LINK_TYPE_USER0})","${dissector}","0","","0",""`;
    const shown = fields.flatMap((field) => ["-e", field]);
    const lines = tshark("-r", file, "-o", userLink, "-T", "fields", ...shown)
      .split("\n")
      .slice(0, -1);
    return lines.map((line) => line.split("\t").map((value) => value.replaceAll(":", "")));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

describe("interop: tokens in tshark's COSE dissector", () => {
  const problem = problemHere();
  if (problem !== undefined) {
    it.skip(`skipped: ${problem}`);
    return;
  }

  it("RFC 9052 4.2: every kind of token is a COSE_Sign1 with the algorithm, kid, payload and signature that we put in", () => {
    const fields = ["cose.msgtag", "cose.alg.int", "cose.kid", "cose.msg.payload", "cose.msg.signature"];
    const faults = ["cose.invalid_tag", "cose.partial_decode", "_ws.malformed"];
    const tokens = SAMPLES.map(({ token }) => token);
    const expected = SAMPLES.map(({ token, key }) => {
      const sign1 = parseSign1(token);
      if (!sign1.ok) throw new Error(sign1.reason);
      return ["18", `${key.alg}`, hex(key.kid), hex(sign1.payload), hex(sign1.signature), "", "", ""];
    });
    deepEqual(dissect("cose", tokens, [...fields, ...faults]), expected);
  });

  it("the dissector can say no: a token cut short is malformed, one with another tag is no COSE message", () => {
    const { token } = SAMPLES[0];
    const retagged = Uint8Array.of(0xd3, ...token.subarray(1));
    const verdicts = dissect("cose", [token.subarray(0, 40), retagged], ["cose.msg.signature", "_ws.malformed"]);
    deepEqual(
      verdicts.map(([signature]) => signature),
      ["", ""],
    );
    equal(verdicts[0][1] !== "", true);
  });

  it("RFC 9052 7: the COSE_Key of each algorithm, whose bytes the thumbprint takes, is a key of its curve", () => {
    const keys = tokenKeys();
    const messages = keys.map(({ alg, publicKey }) => {
      const into = new Uint8Array(MAX_COSE_KEY_BYTES);
      return into.slice(0, thumbprintInput(alg, publicKey, into));
    });
    const fields = ["cose.kty.int", "cose.crv.int", "cose.key.xcoord", "cose.key.ycoord", "_ws.malformed"];
    deepEqual(
      dissect("cose_key", messages, fields),
      keys.map(({ name, publicKey }) => {
        const [kty, crv] = name === "ES256" ? ["2", "1"] : name === "EdDSA" ? ["1", "6"] : ["2", "8"];
        return [kty, crv, hex(publicKey.subarray(0, 32)), hex(publicKey.subarray(32)), ""];
      }),
    );
  });
});
