/** LoRaWAN device labels (LoRa Alliance TR005) and their pictures, read by a QR reader that is not ours. */
import { equal, match, ok } from "node:assert/strict";
import { PNG } from "pngjs";
import {
  labelChecksum,
  labelModules,
  labelPng,
  labelSvg,
  labelTerminal,
  labelText,
  SERIAL,
} from "../../../../tools/provisioning/device-label.ts";
import { blockModules, readModules, readQr } from "./qr-reading.ts";

const LABEL = { joinEui: "70b3d57ed0000001", devEui: "70b3d57ed0050a0b", profileId: "ffff0001" };

describe("TR005: the text of a label", () => {
  it("fields in their order, in upper case, with the checksum last", () => {
    match(labelText(LABEL), /^LW:D0:70B3D57ED0000001:70B3D57ED0050A0B:FFFF0001:C[0-9A-F]{4}$/);
    match(labelText({ ...LABEL, serial: "GT-00001" }), /:FFFF0001:SGT-00001:C[0-9A-F]{4}$/);
  });

  it("CheckSum: as in the recommendation's example, over all in front of its colon", () => {
    const example = "LW:D0:1122334455667788:AABBCCDDEEFF0011:AABB1122:OAABBCCDDEEFF:SYYWWNNNNNN:PFOOBAR:CAF2C";
    const [before, checksum] = example.split(":C");
    equal(labelChecksum(before), checksum);
    const own = labelText(LABEL);
    equal(labelChecksum(own.slice(0, -6)), own.slice(-4));
  });

  it("a serial number has no colon, which would end it, and nothing that makes the code large", () => {
    for (const serial of ["GT-00001", "A", "2026/11.5$%*+"]) ok(SERIAL.test(serial), serial);
    for (const serial of ["", "a1", "A:B", "A B", "ä", "A".repeat(33)]) ok(!SERIAL.test(serial), serial);
  });
});

describe("TR005: the QR code of a label", () => {
  const labels = Array.from({ length: 12 }, (_, i) => ({
    ...LABEL,
    devEui: (0x70b3d57ed0050000n + BigInt(i * 7919)).toString(16),
    serial: i % 2 === 0 ? undefined : `GT-${i}`,
  }));

  it("PNG: a QR reader reads the text", () => {
    for (const label of labels) {
      const text = labelText(label);
      const { width, height, data } = PNG.sync.read(Buffer.from(labelPng(labelModules(text))));
      equal(width, height);
      equal(readQr(new Uint8ClampedArray(data), width), text);
    }
  });

  it("SVG: drawn by its path, a QR reader reads the text", () => {
    for (const label of labels) {
      const text = labelText(label);
      const svg = labelSvg(labelModules(text));
      const size = Number(/viewBox="0 0 (\d+) \1"/.exec(svg)![1]);
      const rows = Array.from({ length: size }, () => new Array<boolean>(size).fill(false));
      for (const [, x, y, length] of svg.matchAll(/M(\d+) (\d+)h(\d+)v1h-\3z/g)) {
        rows[Number(y)].fill(true, Number(x), Number(x) + Number(length));
      }
      equal(readModules(rows), text);
    }
  });

  it("terminal: drawn by its block characters, a QR reader reads the text", async () => {
    for (const label of labels) {
      const text = labelText(label);
      equal(readModules(blockModules(await labelTerminal(text))), text);
    }
  });

  it("ISO/IEC 18004 6.3.8: four modules stay white around it", () => {
    const { size, isBlack } = labelModules(labelText(LABEL));
    for (let i = 0; i < size; i++) {
      for (let edge = 0; edge < 4; edge++) {
        ok(!isBlack(edge, i) && !isBlack(i, edge) && !isBlack(size - 1 - edge, i) && !isBlack(i, size - 1 - edge));
      }
    }
    ok(isBlack(4, 4));
  });
});
