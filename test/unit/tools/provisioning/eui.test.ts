/** EUI-64 and EUI-48, and blocks of them. */
import { deepEqual, equal } from "node:assert/strict";
import {
  devEuiProblem,
  eui64FromMac,
  formatEui,
  parseEui64,
  parseEuiBlock,
} from "../../../../tools/provisioning/eui.ts";

describe("EUIs", () => {
  it("are read as people write them", () => {
    for (const text of ["70b3d57ed0050001", "70B3D57ED0050001", "70-B3-D5-7E-D0-05-00-01", "70:b3:d5:7e:d0:05:00:01"]) {
      equal(parseEui64(text), "70b3d57ed0050001");
    }
    for (const text of ["", "70b3d57ed005000", "70b3d57ed00500011", "70b3d57ed005000g"])
      equal(parseEui64(text), undefined);
  });

  it("ESP-IDF, esp_read_mac, ESP_MAC_IEEE802154: FF FE in the middle of the base MAC address", () => {
    equal(eui64FromMac("24:0A:C4:12:34:56"), "240ac4fffe123456");
    equal(eui64FromMac("240ac4123456"), "240ac4fffe123456");
    equal(eui64FromMac("240ac412345"), undefined);
  });

  it("IEEE 802, group bit: what names no one station is refused", () => {
    equal(devEuiProblem("70b3d57ed0050001"), undefined);
    equal(devEuiProblem("0200000000000001"), undefined);
    equal(devEuiProblem("0000000000000000"), "dev-eui-all-alike");
    equal(devEuiProblem("ffffffffffffffff"), "dev-eui-all-alike");
    equal(devEuiProblem("71b3d57ed0050001"), "dev-eui-of-a-group");
  });

  it("blocks: by the bits that are fixed, or by both ends", () => {
    deepEqual(parseEuiBlock("70B3D57ED0050000/48"), { first: 0x70b3d57ed0050000n, last: 0x70b3d57ed005ffffn });
    deepEqual(parseEuiBlock("70b3d50000000000/24"), { first: 0x70b3d50000000000n, last: 0x70b3d5ffffffffffn });
    deepEqual(parseEuiBlock("70b3d57ed0050001/64"), { first: 0x70b3d57ed0050001n, last: 0x70b3d57ed0050001n });
    deepEqual(parseEuiBlock("70b3d57ed0050001-70b3d57ed0050009"), {
      first: 0x70b3d57ed0050001n,
      last: 0x70b3d57ed0050009n,
    });
    for (const text of [
      "70b3d57ed0050001/48", // bits are set behind the fixed ones
      "70b3d57ed0050000/65",
      "70b3d57ed0050000/23",
      "70b3d57ed0050009-70b3d57ed0050001",
      "70b3d57ed0050000",
      "70b3d57ed005/48",
    ]) {
      equal(parseEuiBlock(text), undefined, text);
    }
    equal(formatEui(0x123n), "0000000000000123");
  });
});
