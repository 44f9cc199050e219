import { equal, ok } from "node:assert/strict";
import { certificationCase, dataRates, linkAdr } from "./cases.ts";
import type { TestLayer, Uplink } from "./test-layer.ts";

/** N by uplink data rate, as for a network with repeaters. */
const MAX_PAYLOAD: Readonly<Record<string, readonly number[]>> = {
  EU868: [51, 51, 51, 115, 222, 222],
  US915: [11, 53, 125, 222, 222],
};

/** Asks for `length` bytes back; a downlink at the slower data rates of EU868 takes them too. */
function echo(tcl: TestLayer, uplink: Uplink, length: number, fOpts = ""): Uplink {
  return tcl.command(uplink, `08${"10".repeat(length - 1)}`, { fOpts });
}

describe("certification: payload and several MAC commands", () => {
  certificationCase("019A", (tcl, region) => {
    let up = tcl.command(tcl.activate(), "0603");
    for (const dataRate of dataRates(region)) {
      up = tcl.mac(up, linkAdr(region, dataRate));
      equal(up.dataRate, dataRate);
      up = tcl.uplink();
      const most = MAX_PAYLOAD[region][dataRate];
      up = echo(tcl, up, most);
      equal(up.payload, `08${"11".repeat(most - 1)}`, `DR${dataRate}: ${most} bytes`);
      equal(up.transmission.frame.length, most + 13);
      // One more than fits is cut; at DR0 to DR2 of EU868 no such request reaches the device.
      if (region === "US915") {
        up = echo(tcl, up, most + 1);
        equal(up.payload.length, 2 * most);
      }
    }
  });

  certificationCase("019B", (tcl, region) => {
    let up = tcl.command(tcl.activate(), "0603");
    for (const dataRate of dataRates(region)) {
      up = tcl.mac(up, linkAdr(region, dataRate));
      up = tcl.uplink();
      const most = MAX_PAYLOAD[region][dataRate];
      // The request itself must fit beside its command at the slow data rates.
      const room = region === "EU868" && dataRate < 4 ? most - 3 : most;
      up = echo(tcl, up, room, "06");
      equal(up.fOpts.length, 6, "DevStatusAns goes first");
      equal(up.payload.length, 2 * (most - 3), `DR${dataRate}: 3 bytes less`);
      equal(up.transmission.frame.length, most + 13);
    }
  });

  certificationCase("020", (tcl) => {
    let up = tcl.mac(tcl.activate(), "06");
    equal(up.fOpts.slice(0, 2), "06", "in FOpts");
    up = tcl.mac(up, "06", { port: 0 });
    equal(up.fOpts.slice(0, 2), "06", "as the payload of FPort 0");
    equal(tcl.device.downlinks.filter(({ port }) => port === 0).length, 0, "the application never sees it");
    up = tcl.command(up, "00", { fOpts: "06" });
    equal(up.fPort, 224);
    equal(up.fOpts.slice(0, 2), "06", "in FOpts beside a payload");
    equal(up.payload, "000601");
    // In both places at once: the frame is to be ignored.
    tcl.reply(up, { port: 10, payload: "06", fOpts: "06" });
    up = tcl.uplink();
    equal(up.fOpts.slice(0, 2), "06", "MAC commands are no application's payload");
    equal(tcl.device.downlinks.at(-1)!.payload, "06");
    const before = tcl.fCntDown;
    tcl.reply(up, { fOpts: "0602" });
    up = tcl.uplink();
    equal(up.fOpts.slice(0, 2), "06", "a command that is cut off ends the sequence; what stood before it counts");
    ok(tcl.fCntDown === before + 1);
  });

  certificationCase("021", (tcl, region) => {
    let up = tcl.mac(tcl.activate(), linkAdr(region, region === "EU868" ? 5 : 3));
    // Answers come in the order of the requests.
    up = tcl.mac(up, "0401" + "06" + "0801" + "0400");
    ok(/^0406ff..0804$/.test(up.fOpts), up.fOpts);
    up = tcl.mac(tcl.mac(up, ""), "");
    // More answers than FOpts hold: a frame of their own on FPort 0, and the application's payload after it.
    tcl.reply(up, { port: 0, payload: "06".repeat(6) });
    up = tcl.uplink();
    equal(up.fPort, 0);
    ok(/^(06ff..){6}$/.test(up.payload), up.payload);
    equal(up.fOpts, "");
    up = tcl.uplink();
    equal(up.fOpts, "");
    // A block of LinkADRReq between others is answered as often as it was asked, in its place.
    const adr = region === "EU868" ? "0350070001" : "0330ff0061";
    up = tcl.mac(up, `06${adr}${adr}`);
    ok(/^06ff..03070307$/.test(up.fOpts), up.fOpts);
    // With an answer of the application's, MAC answers come first and both go out.
    up = tcl.command(up, "00", { fOpts: "0606" });
    ok(/^(06ff..){2}$/.test(up.fOpts), up.fOpts);
    equal(up.payload, "000601");
  });
});
