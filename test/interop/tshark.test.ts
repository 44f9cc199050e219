/**
 * The capture of a whole simulation in tshark. Session keys come from the join exchange by lora-packet (air.ts), root keys from the node's
 * secrets. What the dissector cannot judge (join accepts, frames without FPort) stands in tshark.ts.
 */
import assert from "node:assert/strict";
import { Simulation } from "../e2e/simulation.ts";
import { AirJudge, type JudgedFrame, readCapture } from "./air.ts";
import { type DissectedFrame, dissect, tsharkProblem } from "./tshark.ts";

const problem = tsharkProblem();

/** The dissector keeps 8 bits of the length that a MIC covers, and 16 of it are its own block: see tshark.ts. */
const LONGEST_JUDGED = 239;

describe("interop: a simulation's capture in tshark", () => {
  if (problem !== undefined) {
    it.skip(`skipped: ${problem}`);
    return;
  }
  for (const { name, args } of [
    { name: "one node, one day", args: ["--days", "1"] },
    {
      name: "three nodes of one JoinEUI, a quarter of all frames lost, slow data rate",
      args: ["--nodes", "3", "--hours", "6", "--loss", "0.25", "--data-rate", "2", "--seed", "2"],
    },
  ]) {
    describe(name, () => {
      let run: Simulation;
      let judged: JudgedFrame[];
      let frames: DissectedFrame[];

      before(() => {
        run = new Simulation(...args);
        assert.equal(run.outcome.status, 0, run.outcome.err);
        const secrets = run.devEuis.map((devEui) => run.secrets(devEui));
        const judge = new AirJudge(secrets);
        judged = readCapture(run.capture).map((frame) => judge.judge(frame));
        const sessions = judge.sessions.map(({ devAddr, nwkSKey, appSKey }) => {
          return { devAddr, nwkSKey: nwkSKey.toString("hex"), appSKey: appSKey.toString("hex") };
        });
        frames = dissect(run.capture, sessions, secrets);
      });
      after(() => run.remove());

      it("sees every frame of the capture, at its time, frequency and data rate", () => {
        assert.equal(frames.length, judged.length);
        frames.forEach((frame, index) => {
          const { unixUs, frequencyHz, spreadingFactor } = judged[index];
          assert.equal(Math.round(frame.unixS * 1e6), unixUs);
          assert.equal(frame.frequencyHz, frequencyHz);
          assert.equal(frame.bandwidthHz, 125_000);
          assert.equal(frame.spreadingFactor, spreadingFactor);
        });
        const up = frames.filter(({ mtype }) => mtype === 0 || mtype === 2 || mtype === 4);
        assert.equal(up.length, run.summary.framesUp);
      });

      it("TS001-1.0.4 6.2.3: the MIC of every join request is correct", () => {
        const requests = frames.filter(({ mtype }) => mtype === 0);
        assert.equal(requests.length, judged.filter(({ kind }) => kind === "join-request").length);
        assert.ok(requests.length >= run.summary.nodes);
        for (const { mic, devEui, malformed } of requests) {
          assert.equal(mic, "good");
          assert.ok(!malformed);
          assert.ok(run.devEuis.includes(devEui!));
        }
      });

      it("TS001-1.0.4 6.2.4: every join accept is recognised", () => {
        const accepts = frames.filter(({ mtype }) => mtype === 1);
        assert.equal(accepts.length, judged.filter(({ kind }) => kind === "join-accept").length);
        assert.ok(accepts.length >= run.summary.nodes);
        assert.ok(accepts.every(({ malformed }) => !malformed));
      });

      it("TS001-1.0.4 4.4: the MIC of every data frame with an FPort is correct, and its payload decrypts", function () {
        let withPort = 0;
        let withoutPort = 0;
        frames.forEach((frame, index) => {
          const expected = judged[index];
          if (expected.kind !== "data") return;
          assert.equal(frame.mtype, expected.bytes[0] >> 5);
          if (expected.port === null) {
            withoutPort++;
            assert.ok(frame.malformed, "a limit of the dissector");
            return;
          }
          withPort++;
          assert.ok(expected.bytes.length - 4 <= LONGEST_JUDGED);
          assert.equal(frame.mic, "good", `frame ${index + 1}`);
          assert.ok(!frame.malformed);
          assert.equal(frame.devAddr, expected.session.devAddr);
          assert.equal(frame.fCnt16, expected.fCnt);
          assert.equal(frame.fPort, expected.port);
          // On FPort 0 the dissector takes the wrong key.
          if (expected.port !== 0) assert.equal(frame.payload, expected.payload.toString("hex"));
        });
        const joins = frames.filter(({ mtype }) => mtype === 0 || mtype === 1).length;
        assert.equal(withPort + withoutPort + joins, frames.length);
        assert.ok(withPort > run.tokens.length);
        this.test!.title +=
          ` (${withPort} frames; ${withoutPort} without FPort, which the dissector takes for malformed)`;
      });
    });
  }
});
