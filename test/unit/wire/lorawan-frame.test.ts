/** Frames of both ends against lora-packet (npm, MIT), which stands for every other implementation. */
import { deepEqual, equal, ok, throws } from "node:assert/strict";
import loraPacket from "lora-packet";
import { KEY_SLOT } from "../../../firmware/wire/key-slot.ts";
import { FrameCodec } from "../../../firmware/wire/lorawan-codec.ts";
import {
  type DataHeader,
  frameType,
  MTYPE,
  NO_PORT,
  newDataFrame,
  newJoinAccept,
  newJoinRequest,
  nextFrameCounter,
  parseDataFrame,
  parseJoinRequest,
} from "../../../firmware/wire/lorawan-frame.ts";
import { NodeKeys } from "./lorawan-keys.ts";

const lora = loraPacket.default ?? loraPacket;
const hex = (text: string): Buffer => Buffer.from(text, "hex");
const APP_KEY = hex("00112233445566778899aabbccddeeff");
const NWK_S_KEY = hex("44024241ed4ce9a68c6a8bc055233fd3");
const APP_S_KEY = hex("ec925802ae430ca77fd3dd73cb2cc588");
const keys = new NodeKeys(APP_KEY, NWK_S_KEY, APP_S_KEY);
const codec = new FrameCodec(keys);
const DEV_ADDR = 0x49be7df1;

const header: DataHeader = {
  uplink: true,
  confirmed: false,
  devAddr: DEV_ADDR,
  adr: false,
  adrAckReq: false,
  ack: false,
  fPending: false,
  fCnt: 2,
  fPort: 1,
};

function build(change: Partial<DataHeader>, fOpts = "", payload = "74657374"): Buffer {
  const into = new Uint8Array(255);
  const options = hex(fOpts);
  const bytes = hex(payload);
  const length = codec.writeData({ ...header, ...change }, options, options.length, bytes, bytes.length, into);
  return Buffer.from(into.subarray(0, length));
}

describe("LoRaWAN data frames", () => {
  it("TS001-1.0.4 4.3, 4.4: the frame of lora-packet's README, to the byte", () => {
    equal(build({}).toString("hex"), "40f17dbe4900020001954378762b11ff0d");
  });

  it("TS001-1.0.4 4.3.3, 4.4: lora-packet reads every shape of frame, and finds MIC and payload right", () => {
    let count = 0;
    for (const uplink of [true, false]) {
      for (const confirmed of [true, false]) {
        for (const fCnt of [0, 2, 0xffff, 0x10000, 0x12345678, 0xfffffffe]) {
          for (const [fPort, fOpts, length] of [
            [1, "", 0],
            [2, "0307", 16],
            [0, "", 30],
            [20, "030106ff100d0a0307030703070302", 220],
            [NO_PORT, "02", 0],
          ] as const) {
            const payload = Buffer.alloc(length, 0x5c + length).toString("hex");
            const change = {
              uplink,
              confirmed,
              fCnt,
              fPort,
              adr: true,
              ack: confirmed,
              adrAckReq: true,
              fPending: true,
            };
            const frame = build(change, fOpts, payload);
            const packet = lora.fromWire(frame);
            const high = Buffer.from([(fCnt >>> 16) & 0xff, fCnt >>> 24]);
            ok(lora.verifyMIC(packet, NWK_S_KEY, undefined, high));
            equal(packet.getDir(), uplink ? "up" : "down");
            equal(packet.isConfirmed(), confirmed);
            equal(packet.getFCnt(), fCnt & 0xffff);
            equal(packet.getFPort(), fPort === NO_PORT ? null : fPort);
            equal(packet.getFCtrlADR(), true);
            equal(packet.getFCtrlACK(), confirmed);
            equal(packet.getFCtrlADRACKReq(), uplink);
            equal(packet.getFCtrlFPending(), !uplink);
            equal((packet.FOpts ?? Buffer.alloc(0)).toString("hex"), fOpts);
            if (length > 0) equal(lora.decrypt(packet, APP_S_KEY, NWK_S_KEY, high).toString("hex"), payload);
            count++;
          }
        }
      }
    }
    equal(count, 120);
  });

  it("TS001-1.0.4 4.3, 4.4: frames by lora-packet are read here, field by field", () => {
    const packet = lora.fromFields(
      {
        MType: "Confirmed Data Down",
        DevAddr: hex("49be7df1"),
        FCtrl: { ADR: true, ACK: true, ADRACKReq: false, FPending: true },
        FCnt: 0x1234,
        FPort: 33,
        FOpts: hex("06"),
        payload: hex("0102030405060708090a0b0c0d0e0f101112"),
      },
      APP_S_KEY,
      NWK_S_KEY,
    );
    const frame = packet.getPHYPayload() as Buffer;
    const parsed = newDataFrame();
    ok(parseDataFrame(frame, frame.length, parsed));
    deepEqual(
      { ...parsed },
      {
        reason: undefined,
        uplink: false,
        confirmed: true,
        devAddr: DEV_ADDR,
        adr: true,
        adrAckReq: false,
        ack: true,
        fPending: true,
        fCnt16: 0x1234,
        fOptsAt: 8,
        fOptsLength: 1,
        fPort: 33,
        payloadAt: 10,
        payloadLength: 18,
        micAt: 28,
      },
    );
    ok(codec.checkDataMic(frame, parsed, 0x1234));
    const payload = new Uint8Array(18);
    equal(codec.decryptPayload(frame, parsed, 0x1234, payload), 18);
    equal(Buffer.from(payload).toString("hex"), "0102030405060708090a0b0c0d0e0f101112");
  });

  it("TS001-1.0.4 4.4: one bit changed anywhere, another counter, the other direction: the MIC is wrong", () => {
    const frame = build({ fCnt: 0x10002 });
    const parsed = newDataFrame();
    for (let bit = 0; bit < frame.length * 8; bit++) {
      const changed = Buffer.from(frame);
      changed[bit >>> 3] ^= 1 << (bit & 7);
      ok(
        !parseDataFrame(changed, changed.length, parsed) || !codec.checkDataMic(changed, parsed, 0x10002),
        `bit ${bit}`,
      );
    }
    ok(parseDataFrame(frame, frame.length, parsed));
    ok(codec.checkDataMic(frame, parsed, 0x10002));
    ok(!codec.checkDataMic(frame, parsed, 0x00002));
    parsed.uplink = false;
    ok(!codec.checkDataMic(frame, parsed, 0x10002));
  });

  it("TS001-1.0.4 4.1, 4.3: what is no data frame is refused by name", () => {
    const parsed = newDataFrame();
    const refuse = (frame: Uint8Array, length = frame.length): string | undefined => {
      ok(!parseDataFrame(frame, length, parsed));
      return parsed.reason;
    };
    equal(refuse(hex("40f17dbe49000200112233")), "too-short");
    equal(refuse(new Uint8Array(300)), "too-long");
    equal(refuse(build({}), 100), "too-long");
    for (const type of [0, 1, 6, 7]) {
      const frame = build({});
      frame[0] = type << 5;
      equal(refuse(frame), "wrong-type");
    }
    const major = build({});
    major[0] |= 1;
    equal(refuse(major), "wrong-major");
    const cut = build({});
    cut[5] |= 15;
    equal(refuse(cut), "fopts-cut");
  });

  it("TS001-1.0.4 4.3.1.6: MAC commands in FOpts and on port 0 at once are refused, and never built", () => {
    const frame = build({ fPort: 1 }, "06", "aa");
    frame[9] = 0;
    const parsed = newDataFrame();
    ok(!parseDataFrame(frame, frame.length, parsed));
    equal(parsed.reason, "fopts-with-port-0");
    throws(() => build({ fPort: 0 }, "06"), RangeError);
    throws(() => build({}, "06".repeat(16)), RangeError);
  });

  it("TS001-1.0.4 4.3.1.5: the 32-bit counter from its lower half", () => {
    equal(nextFrameCounter(-1, 0), 0);
    equal(nextFrameCounter(-1, 500), 500);
    equal(nextFrameCounter(0, 0), 0x10000);
    equal(nextFrameCounter(0xfffe, 0xffff), 0xffff);
    equal(nextFrameCounter(0xffff, 0), 0x10000);
    equal(nextFrameCounter(0x1fff0, 5), 0x20005);
    equal(nextFrameCounter(0xffffffff, 0xffff), -1);
    equal(nextFrameCounter(0xfffffff0, 0xffff), 0xffffffff);
  });
});

describe("LoRaWAN join", () => {
  const JOIN_EUI = hex("70b3d57ed0000001");
  const DEV_EUI = hex("0004a30b001c0530");

  it("TS001-1.0.4 6.2.5: a join request, read by lora-packet and back", () => {
    const frame = new Uint8Array(64);
    const length = codec.writeJoinRequest(JOIN_EUI, DEV_EUI, 0xbeef, frame);
    equal(length, 23);
    equal(frameType(frame), MTYPE.joinRequest);
    const packet = lora.fromWire(Buffer.from(frame.subarray(0, length)));
    ok(packet.isJoinRequestMessage());
    deepEqual(packet.AppEUI, JOIN_EUI);
    deepEqual(packet.DevEUI, DEV_EUI);
    equal(packet.DevNonce?.toString("hex"), "beef");
    ok(lora.verifyMIC(packet, undefined, APP_KEY));
    const parsed = newJoinRequest();
    ok(parseJoinRequest(frame, length, parsed));
    deepEqual(Buffer.from(parsed.joinEui), JOIN_EUI);
    deepEqual(Buffer.from(parsed.devEui), DEV_EUI);
    equal(parsed.devNonce, 0xbeef);
    ok(codec.checkJoinRequestMic(frame));
    for (let bit = 0; bit < 23 * 8; bit++) {
      frame[bit >>> 3] ^= 1 << (bit & 7);
      ok(!parseJoinRequest(frame, length, parsed) || !codec.checkJoinRequestMic(frame), `bit ${bit}`);
      frame[bit >>> 3] ^= 1 << (bit & 7);
    }
    ok(!parseJoinRequest(frame, 22, parsed));
    equal(parsed.reason, "wrong-length");
  });

  for (const cfList of [undefined, hex("184f84e85684b85e84886684586e8400")]) {
    it(`TS001-1.0.4 6.2.6: a join accept ${cfList ? "with" : "without"} a CFList, read by lora-packet and back`, () => {
      const accept = newJoinAccept();
      accept.joinNonce = 0x123456;
      accept.netId = 0x000013;
      accept.devAddr = 0x26011bda;
      accept.rx1DrOffset = 3;
      accept.rx2DataRate = 2;
      accept.rx1DelayS = 5;
      if (cfList) {
        accept.hasCfList = true;
        accept.cfList.set(cfList);
      }
      const frame = new Uint8Array(64);
      const length = codec.writeJoinAccept(accept, keys, frame);
      equal(length, cfList ? 33 : 17);

      const plain = lora.decryptJoinAccept(lora.fromWire(Buffer.from(frame.subarray(0, length))), APP_KEY);
      const packet = lora.fromWire(plain);
      equal(packet.AppNonce?.toString("hex"), "123456");
      equal(packet.NetID?.toString("hex"), "000013");
      equal(packet.DevAddr?.toString("hex"), "26011bda");
      equal(packet.getDLSettingsRxOneDRoffset(), 3);
      equal(packet.getDLSettingsRxTwoDataRate(), 2);
      equal(packet.getRxDelayDel(), 5);
      ok(lora.verifyMIC(packet, undefined, APP_KEY));

      const read = newJoinAccept();
      ok(codec.readJoinAccept(frame, length, read));
      deepEqual({ ...read }, { ...accept, reason: undefined });
      for (let bit = 0; bit < length * 8; bit++) {
        frame[bit >>> 3] ^= 1 << (bit & 7);
        ok(!codec.readJoinAccept(frame, length, read), `bit ${bit}`);
        frame[bit >>> 3] ^= 1 << (bit & 7);
      }
      deepEqual({ ...read, reason: undefined }, { ...accept, reason: undefined });
      ok(!codec.readJoinAccept(frame, length - 1, read));
      equal(read.reason, "wrong-length");
    });
  }

  it("TS001-1.0.4 6.2.6: session keys as lora-packet derives them", () => {
    const joinKeys = new NodeKeys(APP_KEY);
    new FrameCodec(joinKeys).deriveSessionKeys(0x123456, 0x000013, 0xbeef);
    const { NwkSKey, AppSKey } = lora.generateSessionKeys10(APP_KEY, hex("000013"), hex("123456"), hex("beef"));
    deepEqual(joinKeys.key(KEY_SLOT.nwkSKey), NwkSKey);
    deepEqual(joinKeys.key(KEY_SLOT.appSKey), AppSKey);
  });
});
