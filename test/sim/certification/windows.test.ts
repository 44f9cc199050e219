import { equal, ok } from "node:assert/strict";
import { certificationCase, dataRates, linkAdr } from "./cases.ts";
import type { Down, TestLayer, Uplink } from "./test-layer.ts";

/** Sends down what must be heard; returns the next uplink. */
function heard(tcl: TestLayer, uplink: Uplink, down: Down, why: string): Uplink {
  const before = tcl.device.downlinks.length;
  tcl.reply(uplink, { port: 10, payload: "c0ffee", ...down });
  const next = tcl.uplink();
  equal(tcl.device.downlinks.length, before + 1, why);
  return next;
}

function deaf(tcl: TestLayer, uplink: Uplink, down: Down, why: string): Uplink {
  const before = tcl.device.downlinks.length;
  tcl.reply(uplink, { port: 10, payload: "c0ffee", ...down });
  const next = tcl.uplink();
  equal(tcl.device.downlinks.length, before, why);
  return next;
}

describe("certification: receive windows", () => {
  certificationCase("015A", (tcl, region) => {
    let up = tcl.activate();
    for (const dataRate of dataRates(region)) {
      up = tcl.mac(up, linkAdr(region, dataRate));
      equal(up.dataRate, dataRate);
      for (const offsetUs of [0, -20, 20]) up = heard(tcl, up, { offsetUs }, `DR${dataRate}, ${offsetUs} us off`);
      const symbolUs = region === "EU868" ? 32_768 >> dataRate : 2_048 >> Math.min(dataRate, 3);
      up = deaf(tcl, up, { offsetUs: 64 * symbolUs + 100_000 }, `DR${dataRate}: too late`);
      up = tcl.uplink();
    }
  });

  certificationCase("015B", (tcl, region) => {
    let up = tcl.activate();
    const offsets = region === "EU868" ? [0, 1, 2, 3, 4, 5] : [0, 1, 2, 3];
    const rx2 = region === "EU868" ? "d2ad84" : "68e28c";
    for (const dataRate of region === "EU868" ? [5, 2, 0] : [4, 3, 0]) {
      up = tcl.mac(up, linkAdr(region, dataRate));
      for (const offset of offsets) {
        const rx2DataRate = tcl.windows.rx2DataRate.toString(16);
        up = tcl.mac(up, `05${offset}${rx2DataRate}${rx2}`);
        equal(up.fOpts, "0507");
        tcl.windows = { ...tcl.windows, rx1DrOffset: offset };
        up = heard(tcl, up, {}, `DR${dataRate}, RX1DROffset ${offset}`);
      }
    }
  });

  certificationCase("016", (tcl, region) => {
    let up = tcl.activate();
    up = heard(tcl, up, { rx2: true }, "the region's own");
    const frequency = region === "EU868" ? "d2ad84" : "68e28c";
    for (const rx2DataRate of region === "EU868" ? [0, 1, 2, 3, 4, 5] : [8, 9, 10, 11, 12, 13]) {
      up = tcl.mac(up, `050${rx2DataRate.toString(16)}${frequency}`);
      equal(up.fOpts, "0507");
      tcl.windows = { ...tcl.windows, rx2DataRate };
      for (const offsetUs of [0, -20, 20]) up = heard(tcl, up, { rx2: true, offsetUs }, `RX2 at DR${rx2DataRate}`);
    }
  });

  certificationCase("017", (tcl, region) => {
    const fast = linkAdr(region, region === "EU868" ? 5 : 3);
    const up = tcl.mac(tcl.activate(), fast);
    const before = tcl.device.downlinks.length;
    // One frame in each window: the first is ours, so that the second window is not opened.
    tcl.reply(up, { port: 10, payload: "aa" });
    tcl.reply(up, { port: 10, payload: "bb", rx2: true });
    let next = tcl.uplink();
    equal(tcl.device.downlinks.length, before + 1);
    equal(tcl.device.downlinks.at(-1)!.payload, "aa");
    // Somebody else's frame in the first: the second is opened.
    tcl.reply(next, { port: 10, payload: "cc", devAddr: 0x01020304, fCnt: 1 });
    tcl.reply(next, { port: 10, payload: "dd", rx2: true });
    next = tcl.uplink();
    equal(tcl.device.downlinks.at(-1)!.payload, "dd");
    // A wrong MIC in the first likewise.
    tcl.reply(next, { port: 10, payload: "ee", wrongMic: true, fCnt: tcl.fCntDown });
    tcl.reply(next, { port: 10, payload: "ff", rx2: true });
    next = tcl.uplink();
    equal(tcl.device.downlinks.at(-1)!.payload, "ff");
    ok(!next.ack);
  });

  certificationCase("018", (tcl, region) => {
    // RX2 at its slowest: 59 bytes of MACPayload in Europe, 61 in the United States, 8 of them for the header and the port.
    const room = (region === "EU868" ? 59 : 61) - 8;
    let up = tcl.command(tcl.activate(), "0603");
    up = heard(tcl, up, { rx2: true, payload: "55".repeat(room) }, "the most");
    up = deaf(tcl, up, { rx2: true, payload: "55".repeat(room + 1) }, "one more");
    up = deaf(tcl, up, { rx2: true, payload: "55".repeat(room + 40) }, "many more");
    heard(tcl, up, { rx2: true, payload: "55" }, "and it still hears");
  });
});
