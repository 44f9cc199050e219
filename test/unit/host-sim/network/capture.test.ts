import assert from "node:assert/strict";
import { Capture } from "../../../../host-sim/network/capture.ts";
import { bytes, PLAN, uplinkModulation } from "./fixture.ts";

function captured(fill: (capture: Capture) => void): Buffer {
  const parts: Uint8Array[] = [];
  fill(new Capture((part) => parts.push(part.slice())));
  return Buffer.concat(parts);
}

describe("capture of the air", () => {
  it("draft-ietf-opsawg-pcap 4: the file's header, link type 270", () => {
    assert.equal(
      captured(() => {}).toString("hex"),
      "a1b2c3d4" + "0002" + "0004" + "00000000" + "00000000" + "0000010e" + "0000010e",
    );
  });

  it("LoRaTap 0: every field in its place, whatever is not known as such", () => {
    const file = captured((capture) => {
      capture.add(1_700_000_000_123.456, uplinkModulation(0), bytes("400102"), -120.4, -12.25);
      capture.add(1_700_000_001_000, PLAN.downlink(869_525_000, 5), bytes("60"));
    });
    const first = file.subarray(24, 24 + 16 + 15 + 3);
    assert.equal(
      first.toString("hex"),
      `${"6553f100"}${"0001e240"}${"00000012"}${"00000012"}` +
        `${"00"}${"00"}${"000f"}${"33be27a0"}${"01"}${"0c"}${"13"}${"ff"}${"ff"}${"cf"}${"34"}${"400102"}`,
    );
    const second = file.subarray(24 + 16 + 15 + 3);
    assert.equal(second.toString("hex"), "6553f101000000000000001000000010" + "0000000f33d3e6080107ffffff003460");
  });

  it("holds the longest frame, and bounds what a byte cannot hold", () => {
    const file = captured((capture) => {
      capture.add(0, uplinkModulation(5), new Uint8Array(255), -200, 100);
      capture.add(0, uplinkModulation(5), new Uint8Array(0), 200, -100);
    });
    assert.equal(file.length, 24 + 2 * 31 + 255);
    const header = (at: number): number[] => [file[at + 16 + 10], file.readInt8(at + 16 + 13)];
    assert.deepEqual(header(24), [0, 127]);
    assert.deepEqual(header(24 + 31 + 255), [254, -128]);
  });
});
