import { deepEqual, equal, ok } from "node:assert/strict";
import { certificationCase, linkAdr } from "./cases.ts";
import { DEV_EUI, JOIN_EUI } from "./device.ts";
import type { TestLayer, Uplink } from "./test-layer.ts";

/** Seconds from the beginning of one uplink to that of the next. */
function gapS(first: Uplink, second: Uplink): number {
  return (second.transmission.startUs - first.transmission.startUs) / 1_000_000;
}

/** The device's own count of downlinks (RxAppCnt). */
function rxAppCnt(tcl: TestLayer, uplink: Uplink): { count: number; next: Uplink } {
  const answer = tcl.command(uplink, "09");
  equal(answer.payload.slice(0, 2), "09");
  return { count: Buffer.from(answer.payload, "hex").readUInt16LE(1), next: answer };
}

describe("certification: activation, counters, confirmed frames", () => {
  certificationCase("000", (tcl, region) => {
    // At US915's DR0 the longest answer would be cut.
    let up = tcl.mac(tcl.activate(), linkAdr(region, 3));
    up = tcl.command(up, "00");
    equal(up.fPort, 224);
    equal(up.payload, "000601", "PackageVersionAns: package 6, version 1");
    equal(tcl.command(up, "7f").payload, "7f" + "00010000" + "01000400" + "02010004", "DutVersionsAns");
    up = tcl.uplink();
    ok(Math.abs(gapS(up, tcl.uplink()) - 5) < 0.2, "5 s");
    up = tcl.command(tcl.uplink(), "0602");
    ok(Math.abs(gapS(up, tcl.uplink()) - 10) < 0.2, "10 s");
    up = tcl.command(tcl.uplink(), "0601");
    ok(!up.confirmed);
    up = tcl.command(up, "0702");
    ok(up.confirmed);
    up = tcl.command(up, "0701", { ack: true });
    ok(!up.confirmed && up.adr);
    up = tcl.command(up, "0400");
    ok(!up.adr, "ADR off");
    up = tcl.command(up, "0401");
    ok(up.adr, "ADR on");
    up = tcl.command(up, "0a");
    let counted = rxAppCnt(tcl, up);
    equal(counted.count, 1, "the request itself");
    counted = rxAppCnt(tcl, tcl.command(counted.next, "08ff0010"));
    equal(counted.count, 3);
    equal(tcl.command(counted.next, "08ff0010").payload, "08000111", "each byte one higher");
    // Class C or B is not for this device: it stays deaf between its windows.
    up = tcl.command(tcl.uplink(), "0302");
    const before = tcl.device.downlinks.length;
    tcl.reply(up, {
      port: 10,
      payload: "aa",
      offsetUs: 2_500_000,
      dataRate: tcl.windows.rx2DataRate,
      frequencyHz: tcl.windows.rx2FrequencyHz,
    });
    tcl.uplink();
    equal(tcl.device.downlinks.length, before);
    tcl.fCntDown++;
    // A reset keeps the session: the next uplink is under its keys, behind the counters that were reserved.
    up = tcl.uplink();
    tcl.reply(up, { port: 224, payload: "01" });
    const hello = tcl.uplink();
    equal(tcl.device.resets, 1);
    ok(hello.fCnt > up.fCnt && hello.fCnt - up.fCnt <= 64);
    tcl.reply(hello, { port: 224, payload: "02" });
    tcl.accept(tcl.request());
    equal(tcl.uplink().fCnt, 0, "joined anew");
  });

  certificationCase("001A", (tcl, region) => {
    tcl.device.boot();
    const requests = [];
    for (let i = 0; i < 10; i++) requests.push(tcl.request());
    requests.forEach((request, i) => {
      equal(request.devNonce, i, "DevNonce counts up");
      deepEqual(Buffer.from(request.devEui), DEV_EUI);
      deepEqual(Buffer.from(request.joinEui), JOIN_EUI);
    });
    const used = requests.map(({ transmission }) => transmission.modulation.frequencyHz);
    if (region === "EU868") {
      deepEqual(
        requests.map(({ dataRate }) => dataRate),
        [5, 4, 3, 2, 1, 0, 5, 4, 3, 2],
      );
      deepEqual([...new Set(used)].sort(), [868_100_000, 868_300_000, 868_500_000]);
    } else {
      deepEqual(
        requests.map(({ dataRate }) => dataRate),
        [0, 0, 0, 0, 0, 0, 0, 0, 4, 0],
      );
      const banks = used.slice(0, 8).map((hz) => Math.floor((hz - 902_300_000) / 1_600_000));
      deepEqual(banks, [0, 1, 2, 3, 4, 5, 6, 7]);
      ok((used[8] - 903_000_000) % 1_600_000 === 0);
    }
    // An accept with a wrong MIC is nothing; the next one in RX2 is taken.
    tcl.accept(tcl.request(), { wrongMic: true });
    tcl.accept(tcl.request(), { rx2: true });
    let up = tcl.takeCharge(tcl.uplink());
    // An old JoinNonce is nothing either: the session stays, and nothing came of it.
    const { joinNonce } = tcl;
    tcl.reply(up, { port: 224, payload: "02" });
    const rejoin = tcl.request();
    tcl.accept(rejoin, { joinNonce, devAddr: 0x27000000 });
    const again = tcl.request();
    ok(again.devNonce > rejoin.devNonce);
    // RXDelay, RX1DROffset, RX2DataRate and CFList of the accept are in force.
    const cfList = tcl.plan.cfList.slice();
    const rx2DataRate = region === "EU868" ? 3 : 10;
    tcl.accept(again, { rx1DelayS: 3, rx1DrOffset: 1, rx2DataRate, hasCfList: true, cfList });
    up = tcl.takeCharge(tcl.uplink());
    equal(tcl.command(up, "00", { rx2: true }).payload, "000601");
    const expected = region === "EU868" ? [...tcl.plan.channelsHz].sort() : tcl.plan.channelsHz;
    deepEqual(tcl.channelsUsed(40), expected);
  });

  certificationCase("002", (tcl) => {
    let up = tcl.activate();
    for (const length of [1, 7, 15, 16, 17, 31, 32, 33]) {
      const bytes = Buffer.from(Array.from({ length }, (_, i) => (i * 37 + length) & 0xff));
      const echoed = Buffer.from(bytes.map((byte) => byte + 1)).toString("hex");
      // US915 begins at DR0, which takes 11 bytes up.
      up = tcl.command(up, `08${bytes.toString("hex")}`);
      const room = tcl.device.maxPayload;
      equal(up.payload, `08${echoed}`.slice(0, 2 * room));
    }
    const before = tcl.device.downlinks.length;
    tcl.reply(up, { port: 224, payload: "00", wrongMic: true });
    up = tcl.uplink();
    tcl.reply(up, { port: 224, payload: "00", devAddr: 0x01020304 });
    up = tcl.uplink();
    equal(up.fPort, 1, "no answer");
    equal(tcl.device.downlinks.length, before);
    equal(tcl.command(up, "00").payload, "000601", "and it still hears");
  });

  certificationCase("003", (tcl) => {
    let { count, next } = rxAppCnt(tcl, tcl.activate());
    const expectCount = (up: Uplink, more: number, why: string): Uplink => {
      const counted = rxAppCnt(tcl, up);
      equal(counted.count, count + more, why);
      count = counted.count;
      return counted.next;
    };
    tcl.reply(next, { port: 10, payload: "aa", fCnt: tcl.fCntDown - 1 });
    next = expectCount(tcl.uplink(), 1, "the same counter again");
    tcl.reply(next, { port: 10, payload: "aa", fCnt: 1 });
    next = expectCount(tcl.uplink(), 1, "a lower counter");
    tcl.fCntDown += 100;
    next = expectCount(next, 1, "a gap");
    // 1.0.4 knows no MAX_FCNT_GAP: whatever the gap, the frame is the next one.
    tcl.fCntDown += 0x7000;
    next = expectCount(next, 1, "a gap above 16,384");
    tcl.fCntDown = 0xfffe;
    next = expectCount(next, 1, "near the end of 16 bits");
    for (let i = 0; i < 4; i++) next = expectCount(next, 1, "over the end of 16 bits");
    ok(tcl.fCntDown > 0x10000);
    tcl.reply(next, { port: 10, payload: "aa", fCnt: 0xffff });
    next = expectCount(tcl.uplink(), 1, "from before the end of 16 bits");
    const first = tcl.uplink();
    for (let i = 1; i <= 3; i++) equal(tcl.uplink().fCnt, first.fCnt + i, "uplinks count up by one");
  });

  certificationCase("004", (tcl, region) => {
    let up = tcl.activate();
    tcl.reply(up, { port: 10, payload: "aa", confirmed: true });
    up = tcl.uplink();
    ok(up.ack, "acknowledged with the next uplink");
    ok(!tcl.uplink().ack, "and once");
    // The acknowledgement was lost: the same confirmed frame again is acknowledged no more (its counter is old), and is not given twice.
    up = tcl.uplink();
    const downlinks = tcl.device.downlinks.length;
    tcl.reply(up, { port: 10, payload: "aa", confirmed: true, fCnt: tcl.fCntDown - 1 });
    ok(!tcl.uplink().ack);
    equal(tcl.device.downlinks.length, downlinks);
    // Confirmed uplinks: NbTrans 3, the same frame on other channels after 1 to 3 s, until an acknowledgement or any other downlink comes.
    up = tcl.command(tcl.uplink(), "0702");
    ok(up.confirmed);
    const dataRate = region === "EU868" ? 5 : 3;
    tcl.reply(up, { ack: true, fOpts: linkAdr(region, dataRate, 0, 3) });
    const first = tcl.uplink();
    equal(first.fOpts, "0307");
    const second = tcl.uplink();
    const third = tcl.uplink();
    equal(second.fCnt, first.fCnt);
    equal(third.fCnt, first.fCnt);
    deepEqual(second.transmission.frame, first.transmission.frame);
    const frequencies = [first, second, third].map(({ transmission }) => transmission.modulation.frequencyHz);
    equal(new Set(frequencies).size, 3);
    for (const [earlier, later] of [
      [first, second],
      [second, third],
    ]) {
      const pauseMs = (later.transmission.startUs - earlier.transmission.endUs) / 1000 - 2_000;
      ok(pauseMs > 900 && pauseMs < 3_200, `${pauseMs} ms after RX2`);
    }
    const fourth = tcl.uplink();
    equal(fourth.fCnt, first.fCnt + 1, "NbTrans used up");
    tcl.reply(fourth, { ack: true });
    equal(tcl.uplink().fCnt, fourth.fCnt + 1, "acknowledged: no repeat");
  });

  certificationCase("022", (tcl) => {
    const up = tcl.activate();
    equal(tcl.command(up, "00").payload, "000601");
    tcl.reply(tcl.uplink(), { port: 224, payload: "7e" });
    let hello = tcl.uplink();
    equal(tcl.device.resets, 1);
    for (const command of ["00", "0601", "01", "02"]) {
      tcl.reply(hello, { port: 224, payload: command });
      ok(tcl.silence(600), `${command} is not obeyed`);
      equal(tcl.device.resets, 1);
      tcl.device.boot();
      hello = tcl.uplink();
    }
  });
});
