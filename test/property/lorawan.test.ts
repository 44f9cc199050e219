/**
 * Whatever comes in over the air: the LoRaWAN parsers never throw and name what they refuse, and the machine neither throws nor changes by a
 * frame whose MIC is not right.
 */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { FrameCodec } from "../../firmware/wire/lorawan-codec.ts";
import {
  newDataFrame,
  newJoinAccept,
  newJoinRequest,
  parseDataFrame,
  parseJoinRequest,
} from "../../firmware/wire/lorawan-frame.ts";
import { MacCommandReader } from "../../firmware/wire/mac-commands.ts";
import { counts } from "../counts.ts";
import { MacBench } from "../unit/core/lorawan/mac-bench.ts";
import { throwHostileFrames } from "./hostile-frames.ts";

const RUNS = counts(20_000, 1_000_000);
const REASON = /^[a-z0-9-]+$/;

const COMMANDS = "030a0700010352ff00610407050d0d2ad84060703184f845008020905" + "0a00d2ad840214020d006d7c4d80";

/** Downlinks as the network sends them, MAC commands in every place. */
function downlinks(bench: MacBench): Uint8Array[] {
  return [
    bench.down({ fCnt: 900 }, "0350070001060d006d7c4d80", "c0ffee"),
    bench.down({ fCnt: 901, confirmed: true, ack: true, fPending: true }, "", "00".repeat(50)),
    bench.down({ fCnt: 902, fPort: 0 }, "", COMMANDS),
    bench.down({ fCnt: 903 }, "0803"),
    bench.down({ fCnt: 904 }),
  ];
}

/** A machine whose window has just opened. */
function listening(activity: "join" | "data"): { bench: MacBench; state: Uint8Array } {
  const bench = new MacBench();
  if (activity === "data") {
    bench.join();
    bench.exchange({ rx1: bench.down({ confirmed: true }, "0502d2ad84") });
    bench.handle({ kind: "requestTime" });
    bench.send("0102");
  } else {
    bench.handle({ kind: "join" });
  }
  bench.transmitted();
  bench.toTimeout();
  equal(bench.seen.at(-1)!.kind, "receive");
  return { bench, state: bench.saved() };
}

describe(`${RUNS} hostile frames at LoRaWAN`, function () {
  this.timeout(0);
  const bench = new MacBench();
  bench.join();
  const codec = new FrameCodec(bench.networkKeys);

  it("TS001-1.0.4 4.3: the data frame parser", () => {
    const parsed = newDataFrame();
    const payload = new Uint8Array(255);
    let accepted = 0;
    throwHostileFrames(downlinks(bench), 255, RUNS, (frame) => {
      if (!parseDataFrame(frame, frame.length, parsed)) {
        match(parsed.reason!, REASON);
        return;
      }
      accepted++;
      ok(parsed.payloadAt + parsed.payloadLength === parsed.micAt && parsed.micAt + 4 === frame.length);
      ok(parsed.fOptsAt + parsed.fOptsLength <= parsed.micAt);
      if (accepted % 16 === 0) codec.decryptPayload(frame, parsed, parsed.fCnt16, payload);
    });
    ok(accepted > RUNS / 10, `${accepted}`);
  });

  it("TS001-1.0.4 6.2: join request and join accept", () => {
    const request = newJoinRequest();
    const accept = newJoinAccept();
    const before = { ...accept, cfList: accept.cfList.slice() };
    bench.handle({ kind: "join" });
    const valid = [bench.last("transmit").bytes!, bench.accept(), bench.accept({ hasCfList: true })];
    throwHostileFrames(valid, 40, RUNS, (frame) => {
      if (!parseJoinRequest(frame, frame.length, request)) match(request.reason!, REASON);
      if (codec.readJoinAccept(frame, frame.length, accept)) {
        ok(valid.some((known) => Buffer.compare(known, frame) === 0));
        Object.assign(accept, before, { cfList: before.cfList.slice() });
      } else {
        match(accept.reason!, REASON);
        deepEqual({ ...accept, reason: undefined }, before);
      }
    });
  });

  it("TS001-1.0.4 5: the walk through MAC commands, both ways", () => {
    const reader = new MacCommandReader();
    const valid = [Buffer.from(COMMANDS, "hex"), Buffer.from("0307070306ff05050708090a030d02", "hex")];
    throwHostileFrames(valid, 64, RUNS, (bytes) => {
      for (const uplink of [true, false]) {
        reader.start(bytes, 0, bytes.length, uplink);
        let read = 0;
        while (reader.next()) {
          read += 1 + reader.length;
          ok(reader.at + reader.length <= bytes.length);
        }
        ok(reader.reason === undefined ? read === bytes.length : read < bytes.length);
      }
    });
  });

  for (const activity of ["data", "join"] as const) {
    it(`TS001-1.0.4 4.4, 6.2.6: the machine in a receive window after ${activity === "join" ? "a join request" : "an uplink"}`, () => {
      const { bench: device, state } = listening(activity);
      const valid = activity === "join" ? [device.accept(), device.accept({ hasCfList: true })] : downlinks(device);
      const isValid = new Set(valid.map((frame) => Buffer.from(frame).toString("hex")));
      const quiet = device.nowMs + 30;
      // What a window with nothing in it leaves behind: every hostile frame must leave the same.
      device.mac.handle({ kind: "receiveTimeout", atMs: quiet }, quiet);
      while (device.mac.pollCommand() !== undefined);
      const expected = device.saved();
      let count = 0;
      throwHostileFrames(valid, 255, counts(6_000, 1_000_000), (frame) => {
        if (isValid.has(Buffer.from(frame).toString("hex"))) return;
        equal(device.mac.restore(state, 0, 0), state.length);
        device.mac.handle(
          { kind: "received", frame, length: frame.length, rssiDbm: -90, snrDb: 1, atMs: quiet },
          quiet,
        );
        const commands = [];
        for (let command = device.mac.pollCommand(); command; command = device.mac.pollCommand()) {
          commands.push(command.kind);
        }
        deepEqual(commands, ["sleepRadio"]);
        equal(Buffer.compare(device.saved(), expected), 0);
        count++;
      });
      ok(count > 1_000);
    });
  }

  it("TS001-1.0.4 5: any MAC commands under a right MIC: the machine stays sound and can always send again", () => {
    // What every data rate takes; a longer downlink is ignored.
    const MOST_COMMANDS = 51;
    const device = new MacBench();
    device.join();
    const valid = [Buffer.from(COMMANDS, "hex"), Buffer.from("0364070000", "hex"), Buffer.from("070300000050", "hex")];
    throwHostileFrames(valid, MOST_COMMANDS, counts(1_000, 100_000), (hostile) => {
      const commands = hostile.subarray(0, MOST_COMMANDS);
      device.nowMs += 600_000;
      device.send("01");
      if (device.seen.at(-1)!.kind === "refused") {
        ok(
          device.last("refused").untilMs! < device.nowMs + 24 * 3_600_000 ||
            device.last("refused").reason === "too-long",
        );
        device.nowMs = device.last("refused").untilMs!;
        device.seen = [];
        return;
      }
      device.transmitted();
      device.toTimeout();
      const frame = device.down({ fPort: 0 }, "", Buffer.from(commands).toString("hex"));
      device.handle({ kind: "received", frame, length: frame.length, rssiDbm: -90, snrDb: 1, atMs: device.nowMs });
      ok(device.kinds().includes("store lw.down"));
      device.settle();
      ok(device.mac.idle && device.mac.maxPayload() > 0);
      device.seen = [];
    });
  });
});
