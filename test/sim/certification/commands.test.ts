import { deepEqual, equal, ok } from "node:assert/strict";
import { certificationCase } from "./cases.ts";
import type { TestLayer, Uplink } from "./test-layer.ts";

/** A frequency as MAC commands have it: 24 bits, hundreds of hertz, little-endian. */
function frequency(hz: number): string {
  const bytes = Buffer.alloc(3);
  bytes.writeUIntLE(hz / 100, 0, 3);
  return bytes.toString("hex");
}

function newChannel(index: number, hz: number, dataRates = "50"): string {
  return `07${index.toString(16).padStart(2, "0")}${frequency(hz)}${dataRates}`;
}

/** True when a downlink in answer to `uplink` is heard. */
function isHeard(
  tcl: TestLayer,
  uplink: Uplink,
  down: { rx2?: boolean; frequencyHz?: number } = {},
): Uplink | undefined {
  const before = tcl.device.downlinks.length;
  tcl.reply(uplink, { ...down, port: 10, payload: "c0ffee" });
  const next = tcl.uplink();
  return tcl.device.downlinks.length > before ? next : undefined;
}

const EU_DEFAULTS = [868_100_000, 868_300_000, 868_500_000];

describe("certification: MAC commands", () => {
  certificationCase("005", (tcl) => {
    let up = tcl.mac(tcl.activate(), "06");
    equal(up.fOpts.slice(0, 4), "06ff", "DevStatusAns, battery unknown");
    const margin = (Number.parseInt(up.fOpts.slice(4), 16) << 26) >> 26;
    ok(margin > 0 && margin <= 31, `${margin} dB`);
    up = tcl.uplink();
    equal(up.fOpts, "", "once");
    up = tcl.mac(up, "06", { port: 0 });
    equal(up.fOpts.slice(0, 2), "06", "the same on FPort 0");
  });

  certificationCase("006", (tcl, region) => {
    let up = tcl.activate();
    if (region === "US915") {
      up = tcl.mac(up, newChannel(4, 903_100_000, "30"));
      equal(up.fOpts, "", "a fixed plan: no answer");
      equal(tcl.command(up, "00").payload, "000601", "normal operation");
      return;
    }
    for (const index of [0, 1, 2]) {
      up = tcl.mac(up, newChannel(index, 867_100_000));
      ok(up.fOpts.startsWith("07") && up.fOpts !== "0703", "default channels are read-only");
    }
    up = tcl.mac(up, newChannel(3, 867_100_000));
    equal(up.fOpts, "0703");
    deepEqual(tcl.channelsUsed(16), [867_100_000, ...EU_DEFAULTS]);
    up = tcl.mac(tcl.uplink(), newChannel(3, 0));
    equal(up.fOpts, "0703");
    deepEqual(tcl.channelsUsed(12), EU_DEFAULTS);
    up = tcl.mac(tcl.uplink(), newChannel(3, 867_100_000) + newChannel(4, 867_300_000));
    equal(up.fOpts, "07030703");
    up = tcl.mac(up, [5, 6, 7].map((i) => newChannel(i, 866_500_000 + i * 200_000)).join(""), { port: 0 });
    equal(up.fOpts, "070307030703");
    equal(tcl.channelsUsed(32).length, 8);
    up = tcl.mac(tcl.uplink(), [3, 4, 5, 6, 7].map((i) => newChannel(i, 0)).join(""), { port: 0 });
    equal(up.fOpts, "0703".repeat(5));
    deepEqual(tcl.channelsUsed(12), EU_DEFAULTS);
    equal(tcl.mac(tcl.uplink(), newChannel(3, 433_100_000)).fOpts, "0702", "not in this band");
    equal(tcl.mac(tcl.uplink(), newChannel(3, 867_100_000, "05")).fOpts, "0701", "a range upside down");
  });

  certificationCase("007", (tcl, region) => {
    let up = tcl.activate();
    const moved = region === "EU868" ? 869_525_000 : 924_500_000;
    if (region === "US915") {
      up = tcl.mac(up, `0a00${frequency(moved)}`);
      equal(up.fOpts, "", "a fixed plan: no answer");
      ok(isHeard(tcl, up), "and RX1 is where it was");
      return;
    }
    up = tcl.mac(up, `0a00${frequency(moved)}`);
    equal(up.fOpts, "0a03");
    equal(tcl.uplink().fOpts, "0a03", "until a downlink comes");
    tcl.movedRx1Hz.set(868_100_000, moved);
    for (let onMoved = 0; onMoved < 3; ) {
      const next = tcl.uplink();
      if (next.transmission.modulation.frequencyHz === 868_100_000) onMoved++;
      ok(isHeard(tcl, next), `${next.transmission.modulation.frequencyHz}`);
    }
    equal(tcl.uplink().fOpts, "");
    equal(tcl.mac(tcl.uplink(), `0a05${frequency(moved)}`).fOpts, "0a01", "no such uplink channel");
    equal(tcl.mac(tcl.uplink(), `0a01${frequency(433_100_000)}`).fOpts, "0a02", "no such frequency");
  });

  certificationCase("008", (tcl, region) => {
    const isEurope = region === "EU868";
    const { rx2FrequencyHz } = tcl.windows;
    const otherHz = isEurope ? 868_525_000 : 925_700_000;
    const otherDataRate = isEurope ? 3 : 10;
    let up = tcl.mac(tcl.activate(), `051${otherDataRate.toString(16)}${frequency(otherHz)}`);
    equal(up.fOpts, "0507");
    up = tcl.uplink();
    equal(up.fOpts, "0507", "until a downlink comes");
    tcl.windows = { ...tcl.windows, rx1DrOffset: 1, rx2DataRate: otherDataRate, rx2FrequencyHz: otherHz };
    up = tcl.mac(up, "");
    up = tcl.uplink();
    equal(up.fOpts, "");
    for (const rx2 of [false, true, false, true]) ok(isHeard(tcl, tcl.uplink(), { rx2 }), `rx2 ${rx2}`);
    equal(isHeard(tcl, tcl.uplink(), { rx2: true, frequencyHz: rx2FrequencyHz }), undefined, "the old frequency");
    const refused: [string, string][] = [
      [`057${otherDataRate.toString(16)}${frequency(otherHz)}`, "0503"],
      [`050f${frequency(otherHz)}`, "0505"],
      [`050${otherDataRate.toString(16)}${frequency(433_000_000)}`, "0506"],
    ];
    for (const [command, answer] of refused) {
      equal(tcl.mac(tcl.uplink(), command).fOpts, answer);
      tcl.mac(tcl.uplink(), "");
      ok(isHeard(tcl, tcl.uplink(), { rx2: true }), "nothing changed");
    }
  });

  certificationCase("009", (tcl) => {
    let up = tcl.activate();
    up = tcl.command(up, "0603");
    for (const [setting, delayS] of [
      [2, 2],
      [5, 5],
      [15, 15],
      [0, 1],
    ]) {
      up = tcl.mac(up, `080${setting.toString(16)}`);
      equal(up.fOpts, "08");
      tcl.windows = { ...tcl.windows, rx1DelayS: delayS };
      for (const rx2 of [false, true]) {
        const next = isHeard(tcl, up, { rx2 });
        ok(next, `${delayS} s, rx2 ${rx2}`);
        up = next;
      }
      up = tcl.uplink();
      equal(up.fOpts, "", "after a downlink no more");
    }
  });

  certificationCase(
    "010",
    (tcl, region) => {
      const up = tcl.activate();
      const answer = tcl.mac(up, "0904");
      if (region === "EU868" || region === "US915") {
        equal(answer.fOpts, "", "neither processed nor answered here");
        equal(tcl.command(answer, "00").payload, "000601");
        return;
      }
      equal(answer.fOpts, "09");
      equal(tcl.uplink().fOpts, "09", "until a downlink comes");
      // 14 dBm EIRP; the antenna has 2 dB of gain.
      equal(tcl.uplink().transmission.powerDbm, 12);
      const dwell = tcl.mac(tcl.uplink(), "0914");
      equal(dwell.fOpts, "09");
      // DR0 takes longer than 400 ms.
      equal(tcl.mac(tcl.uplink(), region === "AU915" ? "0300ff0061" : "0300030001").fOpts, "0305");
      equal(tcl.mac(tcl.uplink(), "0904").fOpts, "09");
      equal(tcl.mac(tcl.uplink(), region === "AU915" ? "0300ff0061" : "0300030001").fOpts, "0307");
      equal(tcl.uplink().dataRate, 0);
    },
    ["EU868", "US915", "AS923-1", "AU915"],
  );

  certificationCase("011", (tcl) => {
    const up = tcl.command(tcl.activate(), "20");
    equal(up.fOpts, "02", "LinkCheckReq");
    equal(tcl.mac(up, "021403").fOpts, "");
    deepEqual(tcl.device.linkChecks, [{ marginDb: 20, gateways: 3 }]);
  });

  certificationCase("013", (tcl) => {
    let up = tcl.activate();
    for (const exponent of [0, 5, 7]) {
      up = tcl.mac(up, `040${exponent}`);
      equal(up.fOpts, "04", "DutyCycleAns");
      const next = tcl.uplink();
      const { startUs, endUs } = up.transmission;
      const silentUs = (endUs - startUs) * (2 ** exponent - 1);
      ok(next.transmission.startUs - endUs >= silentUs * 0.999, `silent for ${silentUs} us`);
      ok(next.transmission.startUs - endUs < Math.max(silentUs, 5_000_000) + 2_500_000, "and not much longer");
      up = next;
    }
  });

  certificationCase("014", (tcl) => {
    const up = tcl.command(tcl.activate(), "21");
    equal(up.fOpts, "0d", "DeviceTimeReq");
    const seconds = 1_474_000_000;
    const bytes = Buffer.alloc(5);
    bytes.writeUInt32LE(seconds);
    bytes[4] = 0x80;
    equal(tcl.mac(up, `0d${bytes.toString("hex")}`).fOpts, "");
    const [time] = tcl.device.times;
    equal(time.gpsMs, seconds * 1000 + 500);
    const endMs = tcl.world.startUnixMs + up.transmission.endUs / 1000;
    // 20 ppm of the time since power-on, and the time stamp's millisecond.
    ok(Math.abs(time.unixMs - endMs) < 5, `the end of the uplink, ${time.unixMs - endMs} ms off`);
  });
});
