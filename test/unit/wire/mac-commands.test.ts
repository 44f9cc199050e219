import { deepEqual, equal } from "node:assert/strict";
import {
  CID,
  MacCommandReader,
  macCommandLength,
  readDeviceTimeAns,
  readDlChannelReq,
  readLinkAdrReq,
  readNewChannelReq,
  readRxParamSetupReq,
  writeCommand,
  writeDevStatusAns,
} from "../../../firmware/wire/mac-commands.ts";
import {
  writeDeviceTimeAns,
  writeDlChannelReq,
  writeLinkAdrReq,
  writeLinkCheckAns,
  writeNewChannelReq,
  writeRxParamSetupReq,
} from "../../../firmware/wire/network-commands.ts";

function walk(hex: string, uplink: boolean): { commands: string[]; reason: string | undefined } {
  const bytes = Buffer.from(hex, "hex");
  const reader = new MacCommandReader();
  reader.start(bytes, 0, bytes.length, uplink);
  const commands = [];
  while (reader.next()) commands.push(`${reader.cid}:${bytes.toString("hex", reader.at, reader.at + reader.length)}`);
  return { commands, reason: reader.reason };
}

function written(write: (into: Uint8Array) => number): string {
  const into = new Uint8Array(16);
  const length = write(into);
  return Buffer.from(into.subarray(0, length)).toString("hex");
}

describe("MAC commands", () => {
  it("TS001-1.0.4 5 table 14: lengths both ways", () => {
    const cids: number[] = [CID.linkCheck, CID.linkAdr, CID.dutyCycle, CID.rxParamSetup, CID.devStatus, CID.newChannel];
    cids.push(CID.rxTimingSetup, CID.txParamSetup, CID.dlChannel, CID.deviceTime);
    deepEqual(
      cids.map((cid) => macCommandLength(cid, false)),
      [2, 4, 1, 4, 0, 5, 1, 1, 4, 5],
    );
    deepEqual(
      cids.map((cid) => macCommandLength(cid, true)),
      [0, 1, 0, 1, 2, 1, 0, 0, 1, 0],
    );
    for (const cid of [0, 1, 0x0b, 0x0c, 0x0e, 0x10, 0x80, 0xff]) equal(macCommandLength(cid, false), -1);
  });

  it("TS001-1.0.4 5: several commands in a row; an unknown one ends the walk; a cut one is not read", () => {
    deepEqual(walk("0350ff0001060d0102030405", false), {
      commands: ["3:50ff0001", "6:", "13:0102030405"],
      reason: undefined,
    });
    deepEqual(walk("06e00102", false), { commands: ["6:"], reason: "unknown-command" });
    deepEqual(walk("0603aabbcc", false), { commands: ["6:"], reason: "command-cut" });
    deepEqual(walk("030702040d", true), { commands: ["3:07", "2:", "4:", "13:"], reason: undefined });
  });

  it("TS001-1.0.4 5.2: LinkADRReq", () => {
    const request = { dataRate: 5, txPower: 2, chMask: 0x00ff, chMaskCntl: 6, nbTrans: 3 };
    equal(
      written((into) => writeLinkAdrReq(into, 0, request)),
      "0352ff0063",
    );
    const read = { dataRate: 0, txPower: 0, chMask: 0, chMaskCntl: 0, nbTrans: 0 };
    readLinkAdrReq(Buffer.from("52ff0063", "hex"), 0, read);
    deepEqual(read, request);
  });

  it("TS001-1.0.4 5.4: RXParamSetupReq, frequency in units of 100 Hz", () => {
    const request = { rx1DrOffset: 2, rx2DataRate: 3, frequencyHz: 869_525_000 };
    equal(
      written((into) => writeRxParamSetupReq(into, 0, request)),
      "0523d2ad84",
    );
    const read = { rx1DrOffset: 0, rx2DataRate: 0, frequencyHz: 0 };
    readRxParamSetupReq(Buffer.from("23d2ad84", "hex"), 0, read);
    deepEqual(read, request);
  });

  it("TS001-1.0.4 5.5, 5.1: DevStatusAns keeps the margin in six bits; LinkCheckAns", () => {
    equal(
      written((into) => writeDevStatusAns(into, 0, 255, -7)),
      "06ff39",
    );
    equal(
      written((into) => writeDevStatusAns(into, 0, 0, 99)),
      "06001f",
    );
    equal(
      written((into) => writeDevStatusAns(into, 0, 254, -99)),
      "06fe20",
    );
    equal(
      written((into) => writeLinkCheckAns(into, 0, 20, 3)),
      "021403",
    );
  });

  it("TS001-1.0.4 5.6: NewChannelReq and DlChannelReq", () => {
    const channel = { index: 7, frequencyHz: 867_900_000, minDataRate: 0, maxDataRate: 5 };
    equal(
      written((into) => writeNewChannelReq(into, 0, channel)),
      "0707586e8450",
    );
    const read = { index: 0, frequencyHz: 0, minDataRate: 9, maxDataRate: 9 };
    readNewChannelReq(Buffer.from("07586e8450", "hex"), 0, read);
    deepEqual(read, channel);
    equal(
      written((into) => writeDlChannelReq(into, 0, { index: 1, frequencyHz: 869_525_000 })),
      "0a01d2ad84",
    );
    const dl = { index: 0, frequencyHz: 0 };
    readDlChannelReq(Buffer.from("01d2ad84", "hex"), 0, dl);
    deepEqual(dl, { index: 1, frequencyHz: 869_525_000 });
  });

  it("TS001-1.0.4 5.9: DeviceTimeAns, seconds and 256ths since the GPS epoch", () => {
    equal(
      written((into) => writeDeviceTimeAns(into, 0, 1_300_000_000_500)),
      "0d006d7c4d80",
    );
    equal(readDeviceTimeAns(Buffer.from("006d7c4d80", "hex"), 0), 1_300_000_000_500);
    equal(readDeviceTimeAns(Buffer.from("ffffffffff", "hex"), 0), 4_294_967_295_996);
  });

  it("TS001-1.0.4 5.3, 5.7: commands of no byte and of one", () => {
    equal(
      written((into) => writeCommand(into, writeCommand(into, 0, CID.dutyCycle), CID.rxTimingSetup, 5)),
      "040805",
    );
  });
});
