/** What the simulated network sends, judged by tshark's dissectors and by lora-packet. See tshark.ts for what tshark cannot judge. */
import assert from "node:assert/strict";
import { Capture } from "../../host-sim/network/capture.ts";
import { bytes, lora, Scene, TestDevice } from "../unit/host-sim/network/fixture.ts";
import { dissect, type RootKey, type SessionKeys, tsharkProblem } from "./tshark.ts";

const hex = (value: Uint8Array): string => Buffer.from(value).toString("hex");

/** A morning of three devices: joins, uplinks with and without payload, downlinks, a rejoin. */
function play(): { file: Buffer; scene: Scene; devices: TestDevice[]; sessions: SessionKeys[]; roots: RootKey[] } {
  const scene = new Scene();
  const parts: Uint8Array[] = [];
  const capture = new Capture((part) => parts.push(part.slice()));
  scene.channel.onTransmission(({ modulation, frame, powerDbm }) =>
    capture.add(scene.world.unixMs, modulation, frame, powerDbm - 100, -7.25),
  );
  const devices = [1, 2, 3].map((number) => new TestDevice(scene, number));
  const sessions: SessionKeys[] = [];
  for (const device of devices) {
    for (let join = 0; join < 2; join++) {
      device.dataRate = 5 - join;
      device.join();
      device.send(bytes("01"), { confirmed: true });
      device.command({ fPort: 33, confirmed: join === 0, data: "AQIDBAU=" });
      device.send(new Uint8Array(join === 0 ? 0 : 222).fill(7), { adr: true }, bytes(join === 0 ? "0d02" : ""));
      device.send(bytes("0203"), { ack: true });
      const keys = scene.network.server.device(device.devEuiHex)!.current!.exportKeys();
      const devAddr = device.devAddr.toString(16).padStart(8, "0");
      sessions.push({ devAddr, nwkSKey: hex(keys.nwkSKey), appSKey: hex(keys.appSKey) });
    }
  }
  const roots = devices.map(({ devEuiHex, joinEui, appKey }) => ({
    devEui: devEuiHex,
    joinEui: hex(joinEui),
    appKey: hex(appKey),
  }));
  return { file: Buffer.concat(parts), scene, devices, sessions, roots };
}

describe("interop: the network's frames in tshark", () => {
  const problem = tsharkProblem();
  const check = problem === undefined ? it : it.skip;
  const title = (text: string): string => (problem === undefined ? text : `${text} (skipped: ${problem})`);

  check(title("sees frequency, data rate, RSSI, SNR and time of every frame as they were"), () => {
    const { file, scene, sessions, roots } = play();
    const frames = dissect(file, sessions, roots);
    assert.equal(frames.length, scene.air.length);
    frames.forEach((frame, index) => {
      const { modulation, startUs, powerDbm } = scene.air[index];
      assert.equal(frame.frequencyHz, modulation.frequencyHz);
      assert.equal(frame.spreadingFactor, modulation.spreadingFactor);
      assert.equal(frame.bandwidthHz, 125_000);
      assert.equal(frame.rssiDbm, powerDbm - 100);
      assert.equal(frame.snrQuarters, 256 - 29);
      assert.ok(Math.abs(frame.unixS * 1_000_000 - scene.world.startUnixMs * 1000 - startUs) < 1);
    });
  });

  check(title("finds the MIC of every join request and of every data frame with an FPort right"), () => {
    const { file, scene, sessions, roots } = play();
    const frames = dissect(file, sessions, roots);
    const seen = { joinRequest: 0, joinAccept: 0, withPort: 0, withoutPort: 0 };
    frames.forEach((frame, index) => {
      const raw = scene.air[index].frame;
      const packet = lora.fromWire(Buffer.from(raw));
      assert.equal(frame.mtype, raw[0] >> 5);
      if (frame.mtype === 0) {
        seen.joinRequest++;
        assert.equal(frame.mic, "good");
      } else if (frame.mtype === 1) {
        seen.joinAccept++;
        assert.ok(!frame.malformed);
      } else if (packet.getFPort() === null) {
        seen.withoutPort++;
        assert.ok(frame.malformed, "a limit of the dissector");
      } else {
        seen.withPort++;
        assert.equal(frame.mic, "good");
        assert.equal(frame.fCnt16, packet.getFCnt());
        assert.equal(frame.fPort, packet.getFPort());
        const keys = sessions.find(({ devAddr }) => devAddr === frame.devAddr)!;
        const appSKey = Buffer.from(keys.appSKey, "hex");
        const plain = lora.decrypt(packet, appSKey, Buffer.from(keys.nwkSKey, "hex"));
        assert.equal(frame.payload, plain.toString("hex"));
      }
    });
    assert.deepEqual(seen, { joinRequest: 6, joinAccept: 6, withPort: 21, withoutPort: 9 });
  });

  check(title("calls a frame with a flipped bit bad, and one without its key unverified"), () => {
    const { file, sessions, roots } = play();
    const first = dissect(file, sessions, roots);
    const join = first.findIndex(({ mtype }) => mtype === 0);
    const data = first.findIndex(({ payload }) => payload === "01");
    const broken = Buffer.from(file);
    for (const index of [join, data]) {
      let at = 24;
      for (let i = 0; i < index; i++) at += 16 + broken.readUInt32BE(at + 8);
      broken[at + 16 + 15 + 10] ^= 1;
    }
    const frames = dissect(broken, sessions, roots);
    assert.equal(frames[data].mic, "bad");
    assert.notEqual(frames[join].mic, "good");
    assert.ok(dissect(file, [], []).every(({ mic }) => mic !== "good"));
  });
});

describe("interop: the network's frames in lora-packet", () => {
  it("TS001-1.0.4 4.4, 6.2.3, 6.2.4: every MIC is right, the join accepts' included", () => {
    const { scene, devices, sessions } = play();
    let joins = 0;
    let data = 0;
    for (const { frame } of scene.air) {
      const packet = lora.fromWire(Buffer.from(frame));
      if (packet.isDataMessage()) {
        const keys = sessions.find(({ devAddr }) => devAddr === hex(packet.DevAddr!))!;
        assert.ok(lora.verifyMIC(packet, Buffer.from(keys.nwkSKey, "hex")));
        data++;
        continue;
      }
      const device = devices[Math.floor(joins / 4)];
      const key = Buffer.from(device.appKey);
      const plain = packet.isJoinRequestMessage() ? packet : lora.fromWire(lora.decryptJoinAccept(packet, key));
      assert.ok(lora.verifyMIC(plain, undefined, key));
      joins++;
    }
    assert.deepEqual([joins, data], [12, 30]);
  });
});
