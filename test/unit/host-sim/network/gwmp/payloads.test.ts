import assert from "node:assert/strict";
import {
  type DownlinkTime,
  parsePullResp,
  parseTxAck,
  pullRespText,
  txAckText,
} from "../../../../../host-sim/network/gwmp/pull-payload.ts";
import { type GatewayStat, parsePush, pushText } from "../../../../../host-sim/network/gwmp/push-payload.ts";
import { compactTime, expandedTime, parseTime } from "../../../../../host-sim/network/gwmp/time-text.ts";
import { rxPacket, txPacket } from "./samples.ts";

/** The document's own examples, with the one character that is no Base64 made one. */
const RXPK_EXAMPLE = `{"rxpk":[
 {"time":"2013-03-31T16:21:17.528002Z","tmst":3512348611,"chan":2,"rfch":0,"freq":866.349812,"stat":1,"modu":"LORA","datr":"SF7BW125",
  "codr":"4/6","rssi":-35,"lsnr":5.1,"size":32,"data":"/DS4CGaDCdG+48eJNM3Vai/zDpsR71Pn9CPA9uCON84"},
 {"time":"2013-03-31T16:21:17.530974Z","tmst":3512348514,"chan":9,"rfch":1,"freq":869.1,"stat":1,"modu":"FSK","datr":50000,
  "rssi":-75,"size":16,"data":"VEVTVF9QQUNLRVRfMTIzNA=="},
 {"time":"2013-03-31T16:21:17.532038Z","tmst":3316387610,"chan":0,"rfch":0,"freq":863.00981,"stat":1,"modu":"LORA","datr":"SF10BW125",
  "codr":"4/7","rssi":-38,"lsnr":5.5,"size":32,"data":"ysgRl452xNLep9S1NTIg2lomKDxUgn3DJ7DE+b00Ass"}]}`;
const STAT_EXAMPLE = `{"stat":{"time":"2014-01-12 08:59:28 GMT","lati":46.24000,"long":3.25230,"alti":145,"rxnb":2,"rxok":2,"rxfw":2,
  "ackr":100.0,"dwnb":2,"txnb":2}}`;
const TXPK_EXAMPLE = `{"txpk":{"imme":true,"freq":864.123456,"rfch":0,"powe":14,"modu":"LORA","datr":"SF11BW125","codr":"4/6","ipol":false,
  "size":32,"data":"H3P3N2i9qc4yt7rK7ldqoeCVJGBybzPY5h1Dd7P7p8v"}}`;

function fieldsOf(text: string): Record<string, unknown> {
  return JSON.parse(text).txpk;
}

describe("Semtech UDP protocol, rxpk and stat (PROTOCOL.TXT 4)", () => {
  it("reads the document's example: two LoRa packets; FSK is refused by name and spoils nothing", () => {
    const parsed = parsePush(RXPK_EXAMPLE);
    assert.ok(parsed.ok);
    const [first, second] = parsed.value.packets;
    assert.deepEqual(parsed.value.refused, ["modulation-unsupported"]);
    assert.equal(first.counter, 3_512_348_611);
    assert.equal(first.frequencyHz, 866_349_812);
    assert.equal(first.unixMs, Date.UTC(2013, 2, 31, 16, 21, 17) + 528.002);
    assert.equal(first.frame.length, 32);
    assert.deepEqual([...first.frame], [...Buffer.from("/DS4CGaDCdG+48eJNM3Vai/zDpsR71Pn9CPA9uCON84", "base64")]);
    assert.deepEqual([second.spreadingFactor, second.bandwidthHz, second.codingRate], [10, 125_000, 3]);
    assert.deepEqual([second.rssiDbm, second.snrDb, second.channel, second.rfChain], [-38, 5.5, 0, 0]);
  });

  it("reads the document's stat, and writes one in its form", () => {
    const parsed = parsePush(STAT_EXAMPLE);
    assert.ok(parsed.ok && parsed.value.stat !== undefined);
    const { stat } = parsed.value;
    const expected: GatewayStat = {
      unixMs: Date.UTC(2014, 0, 12, 8, 59, 28),
      received: 2,
      receivedOk: 2,
      forwarded: 2,
      acknowledgedPercent: 100,
      downlinks: 2,
      sent: 2,
      location: { latitude: 46.24, longitude: 3.2523, altitude: 145 },
    };
    assert.deepEqual(stat, expected);
    assert.deepEqual(JSON.parse(pushText([], stat)), JSON.parse(STAT_EXAMPLE));
  });

  it("what is written is read back the same, with and without GNSS", () => {
    for (const packet of [rxPacket(), rxPacket({ unixMs: undefined, gpsMs: undefined, snrDb: -19.75, channel: 8 })]) {
      const parsed = parsePush(pushText([packet]));
      assert.ok(parsed.ok);
      assert.deepEqual(parsed.value, { packets: [packet], refused: [], stat: undefined });
    }
    assert.match(pushText([rxPacket()]), /"time":"2013-03-31T16:21:17\.528002Z"/);
    assert.match(pushText([rxPacket()]), /"freq":868\.1,/);
    assert.match(pushText([rxPacket({ frame: new Uint8Array(4) })]), /"data":"AAAAAA=="/, "padded");
  });

  const good = JSON.parse(pushText([rxPacket()])).rxpk[0];
  for (const [reason, change] of [
    ["tmst-malformed", { tmst: -1 }],
    ["tmst-malformed", { tmst: 0x1_0000_0000 }],
    ["tmst-malformed", { tmst: "12" }],
    ["time-malformed", { time: "2013-04-31T16:21:17Z" }],
    ["time-malformed", { time: "2013-03-31T24:21:17Z" }],
    ["time-malformed", { time: 5 }],
    ["tmms-malformed", { tmms: -1 }],
    ["freq-malformed", { freq: "868.1" }],
    ["freq-malformed", { freq: 868_100_000 }],
    ["chan-malformed", { chan: 1.5 }],
    ["rfch-malformed", { rfch: -1 }],
    ["stat-malformed", { stat: 2 }],
    ["modulation-unsupported", { modu: "FSK" }],
    ["datr-malformed", { datr: "SF4BW125" }],
    ["datr-malformed", { datr: "SF7BW62" }],
    ["datr-malformed", { datr: 50_000 }],
    ["codr-malformed", { codr: "4/9" }],
    ["rssi-malformed", { rssi: null }],
    ["lsnr-malformed", { lsnr: 1e9 }],
    ["data-malformed", { data: "QAEC*w==" }],
    ["data-malformed", { data: "QAECA" }],
    ["data-malformed", { data: "A".repeat(344) }],
    ["size-differs", { size: 5 }],
    ["size-differs", { size: undefined }],
  ] as [string, object][]) {
    it(`refuses an rxpk with ${JSON.stringify(change)}: ${reason}, and takes the one beside it`, () => {
      const parsed = parsePush(JSON.stringify({ rxpk: [{ ...good, ...change }, good] }));
      assert.ok(parsed.ok);
      assert.deepEqual(parsed.value.refused, [reason]);
      assert.equal(parsed.value.packets.length, 1);
    });
  }

  for (const [reason, text] of [
    ["not-json", "{"],
    ["not-an-object", "[]"],
    ["rxpk-not-a-list", '{"rxpk":{}}'],
    ["too-many-packets", `{"rxpk":[${"0,".repeat(64)}0]}`],
    ["stat-malformed", '{"stat":{"time":"yesterday"}}'],
    ["text-too-deep", "[".repeat(100_000)],
  ]) {
    it(`refuses the text "${text.slice(0, 20)}": ${reason}`, () => {
      assert.deepEqual(parsePush(text), { ok: false, reason });
    });
  }
});

describe("Semtech UDP protocol, txpk (PROTOCOL.TXT 6)", () => {
  it("reads the document's example: immediate, Base64 without padding, defaults for what is missing", () => {
    const parsed = parsePullResp(TXPK_EXAMPLE);
    assert.ok(parsed.ok);
    const { when, powerDbm, modulation, frame } = parsed.value;
    assert.deepEqual(when, { kind: "immediately" });
    assert.equal(powerDbm, 14);
    assert.equal(frame.length, 32);
    assert.deepEqual(modulation, {
      frequencyHz: 864_123_456,
      spreadingFactor: 11,
      bandwidthHz: 125_000,
      codingRate: 2,
      preambleSymbols: 8,
      syncWord: 0x34,
      invertIq: false,
      crcOn: true,
    });
  });

  for (const when of [
    { kind: "immediately" },
    { kind: "counter", counter: 0 },
    { kind: "counter", counter: 0xffffffff },
    { kind: "gps", gpsMs: 1_400_000_000_000 },
  ] as DownlinkTime[]) {
    it(`what is written is read back the same: ${JSON.stringify(when)}`, () => {
      const packet = txPacket({ when });
      assert.deepEqual(parsePullResp(pullRespText(packet)), { ok: true, value: packet });
    });
  }

  it("imme goes before tmst, and tmst before tmms", () => {
    const fields = fieldsOf(pullRespText(txPacket()));
    const when = (more: object): DownlinkTime => {
      const parsed = parsePullResp(JSON.stringify({ txpk: { ...fields, ...more } }));
      assert.ok(parsed.ok);
      return parsed.value.when;
    };
    assert.deepEqual(when({ imme: true, tmst: 5, tmms: 6 }), { kind: "immediately" });
    assert.deepEqual(when({ imme: false, tmst: 5, tmms: 6 }), { kind: "counter", counter: 5 });
    assert.deepEqual(when({ imme: false, tmst: undefined, tmms: 6 }), { kind: "gps", gpsMs: 6 });
  });

  for (const [reason, change] of [
    ["imme-malformed", { imme: 1 }],
    ["tmst-malformed", { tmst: 0.5 }],
    ["tmms-malformed", { tmst: undefined, tmms: "now" }],
    ["no-time", { tmst: undefined }],
    ["freq-malformed", { freq: 0 }],
    ["rfch-malformed", { rfch: 0.5 }],
    ["powe-malformed", { powe: "14" }],
    ["modulation-unsupported", { modu: "FSK" }],
    ["datr-malformed", { datr: "SF13BW125" }],
    ["codr-malformed", { codr: 5 }],
    ["ipol-malformed", { ipol: 1 }],
    ["prea-malformed", { prea: 5 }],
    ["ncrc-malformed", { ncrc: "true" }],
    ["data-malformed", { data: 7 }],
    ["size-differs", { size: 4 }],
  ] as [string, object][]) {
    it(`refuses a txpk with ${JSON.stringify(change)}: ${reason}`, () => {
      const fields = { ...fieldsOf(pullRespText(txPacket())), imme: undefined, ...change };
      assert.deepEqual(parsePullResp(JSON.stringify({ txpk: fields })), { ok: false, reason });
    });
  }

  it("refuses a root without txpk", () => {
    assert.deepEqual(parsePullResp('{"txpk":[]}'), { ok: false, reason: "no-txpk" });
  });
});

describe("Semtech UDP protocol, txpk_ack (PROTOCOL.TXT 6)", () => {
  for (const [status, name] of [
    ["ok", "NONE"],
    ["too-late", "TOO_LATE"],
    ["too-early", "TOO_EARLY"],
    ["collision-packet", "COLLISION_PACKET"],
    ["collision-beacon", "COLLISION_BEACON"],
    ["tx-freq", "TX_FREQ"],
    ["tx-power", "TX_POWER"],
    ["gps-unlocked", "GPS_UNLOCKED"],
    ["duty-cycle-overflow", "DUTY_CYCLE_OVERFLOW"],
  ] as const) {
    it(`${name}, written and read`, () => {
      assert.equal(txAckText(status), `{"txpk_ack":{"error":"${name}"}}`);
      assert.deepEqual(parseTxAck(txAckText(status)), { ok: true, value: status });
    });
  }

  it("no text, no error and a warning (sx1302_hal: TX_POWER) all say that the frame is sent", () => {
    for (const text of [
      "",
      '{"txpk_ack":{}}',
      '{"txpk_ack":{"error":""}}',
      '{"txpk_ack":{"warn":"TX_POWER","value":20}}',
    ]) {
      assert.deepEqual(parseTxAck(text), { ok: true, value: "ok" }, text);
    }
  });

  it("refuses what is no txpk_ack, and names that do not exist", () => {
    assert.deepEqual(parseTxAck("{}"), { ok: false, reason: "no-txpk-ack" });
    assert.deepEqual(parseTxAck('{"txpk_ack":{"error":"LAZY"}}'), { ok: false, reason: "error-unknown" });
    assert.deepEqual(parseTxAck('{"txpk_ack":{"error":"__proto__"}}'), { ok: false, reason: "error-unknown" });
  });
});

describe("Semtech UDP protocol, times (PROTOCOL.TXT 4)", () => {
  it("compact: always six digits of the second; expanded: whole seconds", () => {
    const second = Date.UTC(2013, 2, 31, 16, 21, 17);
    assert.equal(compactTime(second), "2013-03-31T16:21:17.000000Z");
    assert.equal(compactTime(second + 528), "2013-03-31T16:21:17.528000Z");
    assert.equal(compactTime(second + 0.002), "2013-03-31T16:21:17.000002Z");
    assert.equal(expandedTime(second + 999.9), "2013-03-31 16:21:17 GMT");
  });

  it("both are read, and others are not", () => {
    assert.equal(parseTime("2013-03-31T16:21:17.000002Z"), Date.UTC(2013, 2, 31, 16, 21, 17) + 0.002);
    assert.equal(parseTime("2014-01-12 08:59:28 GMT"), Date.UTC(2014, 0, 12, 8, 59, 28));
    assert.equal(parseTime("2024-02-29T00:00:00Z"), Date.UTC(2024, 1, 29));
    for (const text of [
      "",
      "2023-02-29T00:00:00Z",
      "2013-13-01T00:00:00Z",
      "2013-03-31T16:21:17",
      "13-03-31T16:21:17Z",
    ]) {
      assert.equal(parseTime(text), undefined, text);
    }
  });
});
