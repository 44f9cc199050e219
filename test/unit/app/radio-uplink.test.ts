import assert from "node:assert/strict";
import { newRadioEvents, type RadioEvent, RadioUplink } from "../../../firmware/app/radio-uplink.ts";
import type { PathOwner } from "../../../firmware/app/uplink-path.ts";
import { WifiPath } from "../../../firmware/app/wifi-path.ts";
import { CONTROL_FPORT, LORAWAN_TAG_BYTES, MQTT_TAG_BYTES } from "../../../firmware/wire/control-message.ts";
import { TOKEN_KIND } from "../../../firmware/wire/token-record.ts";
import { acknowledgement, CIPHERS, challenge, control, UEID } from "../core/uplink/control.ts";
import { toHex } from "../wire/token-fixture.ts";

const NONCE = Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]);
const HANDOVER = { seq: 5, length: 60, recordKind: TOKEN_KIND.boot, keyRow: false, tries: 0, inOrder: true };

/** Notes what it is told, as text; holds one token. */
class Owner implements PathOwner {
  token = new Uint8Array(100);
  told: string[] = [];
  readToken = (seq: number): number => {
    this.told.push(`read ${seq}`);
    return 60;
  };
  acknowledged = (seq: number): void => void this.told.push(`acknowledged ${seq}`);
  notDelivered = (seq: number): void => void this.told.push(`not delivered ${seq}`);
  sent = (seq: number): void => void this.told.push(`sent ${seq}`);
  wallS = (): number => 0;
  timeTold = (): void => {};
  joined = (): void => {};
  challenged = (nonce: Uint8Array, length: number): void =>
    void this.told.push(`challenged ${toHex(nonce.slice(0, length))}`);
  bootRequested = (bootCount: number): void => void this.told.push(`boot ${bootCount}`);
}

describe("uplink over radio, as LoRaWAN and point to point run it", () => {
  it("hands frames down and what the receiver says on to the owner", () => {
    const owner = new Owner();
    const frames: string[] = [];
    const uplink = new RadioUplink({ ueid: UEID, ciphers: CIPHERS }, owner, (port, _payload, length, nowMs) =>
      frames.push(`${port}:${length} at ${nowMs}`),
    );
    uplink.deliver(HANDOVER, 0);
    assert.equal(uplink.busy, true);
    uplink.offer(51, false, 7);
    assert.equal(uplink.run(7), true);
    assert.deepEqual(frames, ["32:51 at 7"]);
    uplink.sent(false, 8);
    for (const message of [
      challenge(NONCE, LORAWAN_TAG_BYTES),
      control({ kind: "boot", bootCount: 3 }, LORAWAN_TAG_BYTES),
      control({ kind: "ack", seq: 7, earlier: 0b10 }, LORAWAN_TAG_BYTES),
      new Uint8Array(9),
    ]) {
      uplink.received(CONTROL_FPORT, message, message.length, 9);
      uplink.run(9);
    }
    assert.deepEqual(owner.told, ["challenged 0102030405060708", "boot 3", "acknowledged 7", "acknowledged 5"]);
    assert.deepEqual([uplink.busy, uplink.controlRefused], [false, 1]);
  });

  it("asks the owner for the bytes again after a restore", () => {
    const owner = new Owner();
    const uplink = new RadioUplink({ ueid: UEID, ciphers: CIPHERS }, owner, () => {});
    uplink.deliver(HANDOVER, 0);
    const state = new Uint8Array(500);
    uplink.save(state, 0);
    uplink.renew();
    assert.equal(uplink.busy, false);
    uplink.restore(state, 0);
    uplink.run(0);
    assert.deepEqual([owner.told, uplink.busy], [["read 5"], true]);
  });

  it("tells the machine below of each radio event, and pumps after it", () => {
    const events: RadioEvent[] = [];
    let pumps = 0;
    const radio = newRadioEvents(
      (event, nowMs) => {
        assert.equal(nowMs, 50);
        events.push({ ...event });
      },
      () => 50,
      () => pumps++,
    );
    const frame = new Uint8Array(3);
    radio.onTransmitted(1);
    radio.onReceived(frame, 3, -100, 5, 2);
    radio.onReceiveTimeout(3);
    radio.onError("no answer");
    assert.deepEqual(events, [
      { kind: "transmitted", atMs: 1 },
      { kind: "received", frame, length: 3, rssiDbm: -100, snrDb: 5, atMs: 2 },
      { kind: "receiveTimeout", atMs: 3 },
      { kind: "radioError" },
    ]);
    assert.equal(pumps, 4);
  });
});

describe("uplink over Wi-Fi", () => {
  const DEV_EUI = Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]);
  const CONTROL_TOPIC = "groundtruth/0102030405060708/control";

  function newPath(owner: Owner, downlinks: boolean, published: string[]): WifiPath {
    const network = {
      online: true,
      subscribe: () => {},
      publish: (topic: string, _payload: Uint8Array, length: number) => published.push(`${topic} ${length}`),
    };
    const path = new WifiPath(network, DEV_EUI, CIPHERS, UEID, owner, downlinks);
    path.start(0);
    return path;
  }

  it("hands acknowledgements, challenges and requests for the boot token on to the owner", () => {
    const owner = new Owner();
    const path = newPath(owner, true, []);
    const events = path.networkEvents(
      () => 0,
      () => path.pump(0),
    );
    events.onMessage(CONTROL_TOPIC, challenge(NONCE, MQTT_TAG_BYTES));
    events.onMessage(CONTROL_TOPIC, control({ kind: "boot", bootCount: 3 }, MQTT_TAG_BYTES));
    events.onMessage(CONTROL_TOPIC, acknowledgement(9, MQTT_TAG_BYTES));
    events.onMessage(CONTROL_TOPIC, challenge(NONCE, LORAWAN_TAG_BYTES));
    events.onMessage("another/topic", acknowledgement(10, MQTT_TAG_BYTES));
    assert.deepEqual(owner.told, ["challenged 0102030405060708", "boot 3", "acknowledged 9"]);
    assert.equal(path.controlRefused, 1);
  });

  it("without downlinks: published, then sent", () => {
    const owner = new Owner();
    const published: string[] = [];
    const path = newPath(owner, false, published);
    path.deliver(HANDOVER, 0);
    path.pump(0);
    assert.deepEqual(published, ["groundtruth/0102030405060708/token 60"]);
    assert.deepEqual([owner.told, path.busy], [["read 5", "sent 5"], false]);
  });
});
