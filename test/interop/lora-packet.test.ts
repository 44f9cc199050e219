/**
 * Every frame of a simulation's capture, judged by lora-packet (see air.ts), and what the decrypted frames carry: fragments of the tokens that were
 * verified, and answers to them. The format of the fragments (RFC 8724, RFC 9011) is written out here.
 */
import assert from "node:assert/strict";
import { crc32 } from "node:zlib";
import { counts } from "../counts.ts";
import { Simulation } from "../e2e/simulation.ts";
import { AirJudge, type JudgedFrame, lora, readCapture } from "./air.ts";

const TILE_BYTES = 10;
const WINDOW_TILES = 63;
const SIGNATURE_BYTES = 64;
const SLOT_PORT = 20;
const COMPACT_PORT = 30;
const PARITY_PORT = 31;
const TOKEN_PORT = 32;
const CONTROL_PORT = 33;

type Piece = "regular" | "all-1" | "ack-request" | "abort";

/** EU868's join channels and those the network adds, and its RX2. */
const UPLINK_HZ = [867.1, 867.3, 867.5, 867.7, 867.9, 868.1, 868.3, 868.5].map((mhz) => mhz * 1e6);
const RX2_HZ = 869_525_000;

function judged(run: Simulation): { frames: JudgedFrame[]; judge: AirJudge } {
  const judge = new AirJudge(run.devEuis.map((devEui) => run.secrets(devEui)));
  return { frames: readCapture(run.capture).map((frame) => judge.judge(frame)), judge };
}

/** What an uplink of FPort 32 must be: a piece of one of the node's tokens, or a question about it. */
function checkFragment(payload: Buffer, tokens: Buffer[]): Piece {
  const window = payload[0] >> 6;
  const fcn = payload[0] & 63;
  if (payload.length === 1 && payload[0] === 0xff) return "abort";
  if (fcn === 63) {
    const token = tokens.find((candidate) => crc32(candidate) === payload.readUInt32BE(1));
    assert.ok(token !== undefined, "the reassembly check is that of a verified token");
    const tiles = Math.ceil(token.length / TILE_BYTES);
    assert.deepEqual(payload.subarray(5), token.subarray((tiles - 1) * TILE_BYTES));
    assert.equal(window, Math.floor((tiles - 1) / WINDOW_TILES));
    return "all-1";
  }
  if (payload.length === 1) {
    assert.equal(fcn, 0);
    return "ack-request";
  }
  assert.equal((payload.length - 1) % TILE_BYTES, 0);
  const from = (window * WINDOW_TILES + WINDOW_TILES - 1 - fcn) * TILE_BYTES;
  const tiles = payload.subarray(1);
  assert.ok(
    tokens.some((token) => token.subarray(from, from + tiles.length).equals(tiles)),
    "the tiles stand where they say in a verified token",
  );
  return "regular";
}

/** A compact token ends with the signature of the token that it stands for. */
function checkCompact(compact: Buffer, tokens: Buffer[]): void {
  const signature = compact.subarray(-SIGNATURE_BYTES);
  assert.ok(tokens.some((token) => token.subarray(-SIGNATURE_BYTES).equals(signature)));
}

/** What has come of the compact tokens of one node, on FPort 20, by slot. */
class Slots {
  #tiles = [0, 1, 2, 3].map(() => new Map<number, Buffer>());

  /** Takes a frame; where its All-1 ends a token of which all has been sent, that must be a verified one. */
  check(payload: Buffer, tokens: Buffer[]): Piece {
    const fcn = payload[0] & 63;
    const held = this.#tiles[payload[0] >> 6];
    if (payload.length === 1) {
      assert.equal(fcn, 0);
      return "ack-request";
    }
    if (fcn !== 63) {
      this.#put(held, WINDOW_TILES - 1 - fcn, payload.subarray(1));
      return "regular";
    }
    const length = payload.readUInt16BE(1);
    const tiles = Math.ceil(length / TILE_BYTES);
    this.#put(held, tiles - Math.ceil((payload.length - 7) / TILE_BYTES), payload.subarray(7));
    const datagram = Buffer.concat(Array.from({ length: tiles }, (_, tile) => held.get(tile) ?? Buffer.alloc(0)));
    // An All-1 may go before what is sent again.
    if (crc32(datagram) !== payload.readUInt32BE(3)) return "ack-request";
    assert.equal(datagram.length, length);
    checkCompact(datagram, tokens);
    return "all-1";
  }

  #put(held: Map<number, Buffer>, first: number, tiles: Buffer): void {
    for (let at = 0; at < tiles.length; at += TILE_BYTES) {
      held.set(first + at / TILE_BYTES, tiles.subarray(at, at + TILE_BYTES));
    }
  }
}

/** Entries of an answer about compact tokens: what is missing of each slot, or that it has ended. */
function checkAnswers(answers: Buffer): void {
  for (let at = 0; at < answers.length; ) {
    const low = answers[at] & 63;
    assert.ok(low <= 8 || low === 0x20 || low === 0x3f, `${answers.toString("hex")}`);
    at += 1 + (low <= 8 ? low : 0);
    assert.ok(at <= answers.length);
  }
}

interface Case {
  name: string;
  args: string[];
  /** Whether joins are expected to fail and be tried again. */
  rejoins: boolean;
}

const CASES: Case[] = [
  { name: "one node, one day", args: ["--days", "1"], rejoins: false },
  {
    name: "ten nodes, a fifth of all frames lost",
    args: ["--nodes", "10", "--hours", "6", "--loss", "0.2", "--seed", "3"],
    rejoins: true,
  },
  {
    name: "half of all frames lost at the slowest data rate",
    args: ["--nodes", "4", "--hours", "3", "--loss", "0.5", "--data-rate", "0", "--batch", "12"],
    rejoins: true,
  },
];

describe("interop: every frame in lora-packet", () => {
  for (const { name, args, rejoins } of CASES) {
    describe(name, () => {
      let run: Simulation;
      let frames: JudgedFrame[];
      let judge: AirJudge;

      before(() => {
        run = new Simulation(...args);
        assert.equal(run.outcome.status, 0, run.outcome.err);
        ({ frames, judge } = judged(run));
      });
      after(() => run.remove());

      it("TS001-1.0.4 4.4, 6.2.3, 6.2.4: the MIC of each frame is right, with 32-bit counters and keys from the join", () => {
        // Judging failed already, had one been wrong; here: that all were there to be judged.
        const count = (kind: string, up?: boolean): number =>
          frames.filter((frame) => frame.kind === kind && (frame.kind !== "data" || frame.up === up)).length;
        const { framesUp, nodes } = run.summary;
        assert.equal(count("join-request") + count("data", true), framesUp);
        assert.ok(count("join-request") >= nodes);
        assert.ok(count("join-accept") >= nodes);
        assert.ok(count("data", false) >= run.summary.tokensVerified, "each token was acknowledged");
        assert.equal(count("join-request") > nodes, rejoins, "joins were tried again");
        assert.deepEqual(new Set(judge.sessions.map(({ devEui }) => devEui)), new Set(run.devEuis));
      });

      it("TS001-1.0.4 6.2.3, 6.2.4: DevNonce and JoinNonce of a device only grow, an accept answers within RX2", () => {
        const devNonces = new Map<string, number>();
        const joinNonces = new Map<string, number>();
        for (const frame of frames) {
          if (frame.kind === "join-request") {
            assert.ok(frame.devNonce > (devNonces.get(frame.devEui) ?? -1));
            devNonces.set(frame.devEui, frame.devNonce);
          } else if (frame.kind === "join-accept") {
            const { devEui, joinNonce } = frame.session;
            assert.ok(joinNonce > (joinNonces.get(devEui) ?? -1));
            joinNonces.set(devEui, joinNonce);
            const delayS = (frame.unixUs - frame.request.unixUs) / 1e6;
            assert.ok(delayS > 5 && delayS < 6 + 2, `${delayS} s`);
          }
        }
      });

      it("TS001-1.0.4 4.3.1.5: frame counters begin at 0, grow, and a repeated frame is the same frame", () => {
        const seen = new Map<string, Buffer>();
        for (const { devAddr } of judge.sessions) {
          for (const up of [true, false]) {
            const own = frames.filter(
              (frame) => frame.kind === "data" && frame.session.devAddr === devAddr && frame.up === up,
            );
            let last = -1;
            for (const frame of own) {
              assert.ok(frame.kind === "data");
              const key = `${devAddr} ${up} ${frame.fCnt}`;
              const before = seen.get(key);
              // The network never gives a downlink's counter away twice, though every gateway refused it; uplinks leave none out.
              if (before === undefined)
                assert.ok(up ? frame.fCnt === last + 1 : frame.fCnt > last, `${key} after ${last}`);
              else assert.deepEqual(frame.bytes, before);
              seen.set(key, frame.bytes);
              last = frame.fCnt;
            }
          }
        }
      });

      it("RP002-1.0.4 2.4: channels, bandwidth and sync word are those of EU868", () => {
        for (const frame of frames) {
          const up = frame.kind === "join-request" || (frame.kind === "data" && frame.up);
          assert.ok(UPLINK_HZ.includes(frame.frequencyHz) || (!up && frame.frequencyHz === RX2_HZ));
          assert.equal(frame.bandwidth, 1);
          assert.equal(frame.syncWord, 0x34);
          assert.ok(frame.spreadingFactor >= 7 && frame.spreadingFactor <= 12);
        }
      });

      it("RFC 9011 5.6.2, wire-format.md 4: decrypted uplinks are pieces of the verified tokens, downlinks answer them", () => {
        const tokens = new Map(
          run.devEuis.map((devEui) => [devEui, run.tokens.filter((token) => token.devEui === devEui)]),
        );
        const slots = new Map(run.devEuis.map((devEui) => [devEui, new Slots()]));
        const seen = { regular: 0, "all-1": 0, "ack-request": 0, abort: 0, whole: 0 };
        const acknowledged = new Map(run.devEuis.map((devEui) => [devEui, new Set<number>()]));
        for (const frame of frames) {
          if (frame.kind !== "data" || frame.port === null) continue;
          const { devEui } = frame.session;
          const { port, payload, up } = frame;
          const own = tokens.get(devEui)!;
          const bytes = own.map((token) => token.bytes);
          if (port === 0) {
            assert.ok(payload.length <= 15 * 3, "MAC commands");
          } else if (up) {
            if (port === TOKEN_PORT) seen[checkFragment(payload, bytes)]++;
            else if (port === SLOT_PORT) seen[slots.get(devEui)!.check(payload, bytes)]++;
            else if (port === COMPACT_PORT) {
              checkCompact(payload, bytes);
              seen.whole++;
            } else {
              // Parity tiles that are missing ones' place: what they are of, and what is in them, the receiver's own tests say.
              assert.equal(port, PARITY_PORT);
              assert.equal(payload.length % TILE_BYTES, 7);
            }
          } else if (port === TOKEN_PORT) {
            assert.ok(payload.length >= 1 && payload.length <= 9, "an ACK of at most 66 bits");
          } else if (port === SLOT_PORT) {
            checkAnswers(payload);
          } else {
            assert.equal(port, CONTROL_PORT);
            // Type 5: an acknowledgement with history, 10 bytes, and answers before its tag.
            if (payload[0] !== 5) continue;
            const seq = payload.readUInt32BE(1);
            for (let i = 0; i < 8; i++) {
              if ((payload[5] & (1 << i)) !== 0) acknowledged.get(devEui)!.add(seq - 1 - i);
            }
            assert.ok(own.some((token) => token.seq === seq));
            acknowledged.get(devEui)!.add(seq);
            checkAnswers(payload.subarray(6, -4));
          }
        }
        for (const [devEui, own] of tokens) {
          assert.deepEqual(
            [...acknowledged.get(devEui)!].sort((a, b) => a - b),
            own.map(({ seq }) => seq).sort((a, b) => a - b),
          );
        }
        assert.ok(seen["all-1"] + seen.whole >= run.tokens.length, JSON.stringify(seen));
      });
    });
  }

  it("a changed bit makes the MIC wrong, in each kind of frame", () => {
    const run = new Simulation("--hours", "1", "--batch", "12");
    try {
      const secrets = run.devEuis.map((devEui) => run.secrets(devEui));
      const frames = readCapture(run.capture);
      const tried = new Set<string>();
      frames.forEach((frame, index) => {
        const kind = lora.fromWire(frame.bytes).getMType();
        if (tried.has(kind)) return;
        tried.add(kind);
        const judge = new AirJudge(secrets);
        for (const earlier of frames.slice(0, index)) judge.judge(earlier);
        const bytes = Buffer.from(frame.bytes);
        bytes[bytes.length - 6] ^= 1;
        assert.throws(() => judge.judge({ ...frame, bytes }), /MIC/, kind);
      });
      assert.ok(tried.size >= 4, [...tried].join());
    } finally {
      run.remove();
    }
  });

  // 65,536 uplinks of one session take days of duty cycle.
  (counts(0, 1) === 0 ? it.skip : it)(
    "TS001-1.0.4 4.3.1.5: MICs stay right where the frame counter passes 16 bits (in the long run only)",
    function () {
      this.timeout(600_000);
      const run = new Simulation("--days", "9", "--sample-interval", "10", "--batch", "1", "--data-rate", "5");
      try {
        const { frames } = judged(run);
        assert.ok(frames.some((frame) => frame.kind === "data" && frame.up && frame.fCnt > 0x10000));
      } finally {
        run.remove();
      }
    },
  );
});
