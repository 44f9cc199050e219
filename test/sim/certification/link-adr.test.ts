import { deepEqual, equal, ok } from "node:assert/strict";
import { certificationCase, dataRates, linkAdr } from "./cases.ts";
import type { TestLayer } from "./test-layer.ts";

/** Channel numbers of a fixed plan's 125 kHz channels. */
function numbers(frequencies: number[]): number[] {
  return frequencies.map((hz) => (hz - 902_300_000) / 200_000);
}

function europe(tcl: TestLayer, command: string, answer: string, why: string): void {
  equal(tcl.mac(tcl.uplink(), command).fOpts, answer, why);
}

describe("certification: LinkADRReq", () => {
  certificationCase("012A", (tcl, region) => {
    let up = tcl.activate();
    for (const dataRate of dataRates(region)) {
      up = tcl.mac(up, linkAdr(region, dataRate));
      equal(up.fOpts, "0307");
      equal(up.dataRate, dataRate);
    }
    const top = region === "EU868" ? 5 : 3;
    up = tcl.mac(up, linkAdr(region, top));
    const strongest = up.transmission.powerDbm;
    const steps = region === "EU868" ? 7 : 14;
    for (let txPower = 1; txPower <= steps; txPower++) {
      up = tcl.mac(up, linkAdr(region, top, txPower));
      equal(up.fOpts, "0307");
      // The chip ends at 22 dBm above and at -9 dBm below; the antenna has 2 dB of gain.
      const wanted = (region === "EU868" ? 16 : 30) - 2 * txPower - 2;
      equal(up.transmission.powerDbm, Math.max(Math.min(wanted, strongest), -9), `TXPower ${txPower}`);
    }
    up = tcl.mac(up, linkAdr(region, 15, 15));
    equal(up.fOpts, "0307", "15: keep");
    equal(up.dataRate, top);
    up = tcl.mac(up, linkAdr(region, top, 0, 2));
    const again = tcl.uplink();
    equal(again.fCnt, up.fCnt, "NbTrans 2");
    // NbTrans 0 is the default, 1. Each of the two transmissions would do to answer.
    tcl.reply(again, { fOpts: linkAdr(region, top, 0, 0) });
    up = tcl.uplink();
    equal(tcl.uplink().fCnt, up.fCnt + 1);
    if (region === "EU868") {
      europe(tcl, "0350050001", "0307", "channels 0 and 2");
      deepEqual(tcl.channelsUsed(8), [868_100_000, 868_500_000]);
    } else {
      equal(tcl.mac(tcl.uplink(), "033000ff01").fOpts, "0307", "control 0: channels 8 to 15 beside 16 to 63");
      equal(numbers(tcl.channelsUsed(56)).filter((channel) => channel < 8).length, 0);
      equal(tcl.mac(tcl.uplink(), "0330020051").fOpts, "0307", "control 5: bank 1");
      deepEqual(numbers(tcl.channelsUsed(16)), [8, 9, 10, 11, 12, 13, 14, 15]);
      equal(tcl.mac(tcl.uplink(), "0340020071").fOpts, "0307", "control 7: channel 65 alone");
      deepEqual(tcl.channelsUsed(2), [904_600_000]);
      equal(tcl.uplink().dataRate, 4);
    }
  });

  certificationCase("012B", (tcl, region) => {
    const first = tcl.activate();
    if (region === "EU868") {
      const { dataRate } = first;
      europe(tcl, "037f000001" + "0341020001", "03070307", "a block: masks build up, the last values count");
      deepEqual(tcl.channelsUsed(4), [868_300_000]);
      equal(tcl.uplink().dataRate, 4);
      europe(tcl, "0352ff0001" + "0352070001", "03060306", "one bad mask refuses the whole block");
      equal(tcl.uplink().dataRate, 4);
      europe(tcl, "0350000001", "0306", "no channel at all");
      europe(tcl, "0350070011", "0306", "an RFU control");
      europe(tcl, "03e0070001", "0305", "no such data rate");
      europe(tcl, "0358070001", "0303", "no such power");
      equal(tcl.uplink().dataRate, 4);
      equal(dataRate, 5);
    } else {
      const block = "033f000071" + "033100ff01";
      equal(tcl.mac(tcl.uplink(), block).fOpts, "03070307", "all off, then channels 8 to 15 on");
      deepEqual(numbers(tcl.channelsUsed(16)), [8, 9, 10, 11, 12, 13, 14, 15]);
      equal(tcl.mac(tcl.uplink(), "033f000071" + "0331000001").fOpts, "03060306", "nothing left");
      equal(tcl.mac(tcl.uplink(), "033f000071" + "0331010001").fOpts, "03060306", "one channel is no hopping");
      equal(tcl.mac(tcl.uplink(), "0350ff0001").fOpts, "0305", "no such data rate");
      // TXPower 0 to 14 exist here, and 15 is "keep": none is wrong.
      deepEqual(numbers(tcl.channelsUsed(16)), [8, 9, 10, 11, 12, 13, 14, 15]);
    }
    // Back-off (4.3.1.1): ADRACKReq after 64 uplinks without a downlink, at 96 full power, then a data rate every 32, then all channels.
    const start = region === "EU868" ? "0321020001" : "0311020051";
    let up = tcl.mac(tcl.uplink(), start);
    equal(up.fOpts, "0307");
    const weak = up.transmission.powerDbm;
    const { dataRate } = up;
    // The uplink with the answer was the first after the downlink.
    const seen = [up];
    for (let i = 1; i < 200; i++) {
      up = tcl.uplink();
      seen.push(up);
    }
    seen.forEach((uplink, i) => {
      equal(uplink.adrAckReq, i >= 64, `ADRACKReq at ${i}`);
      if (i < 96) equal(uplink.transmission.powerDbm, weak, `power at ${i}`);
      else ok(uplink.transmission.powerDbm > weak || region === "US915", `power at ${i}`);
      const steps = i < 128 ? 0 : Math.min(Math.floor((i - 96) / 32), dataRate);
      equal(uplink.dataRate, dataRate - steps, `data rate at ${i}`);
    });
    const last = new Set(
      seen.slice(dataRate === 2 ? 192 : 160).map((uplink) => uplink.transmission.modulation.frequencyHz),
    );
    ok(last.size >= (region === "EU868" ? 2 : 3), "the default channels are back");
    tcl.reply(tcl.uplink(), {});
    ok(!tcl.uplink().adrAckReq, "a downlink ends it");
  });
});
