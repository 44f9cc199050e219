import { EU868 } from "../../../../firmware/core/lorawan/region/eu868.ts";
import { KEY_SLOT } from "../../../../firmware/wire/key-slot.ts";
import { FrameCodec } from "../../../../firmware/wire/lorawan-codec.ts";
import { newJoinAccept, frameType } from "../../../../firmware/wire/lorawan-frame.ts";
import { timeOnAirUs } from "../../../../firmware/wire/time-on-air.ts";
import { Gateway } from "../../../../host-sim/network/gateway.ts";
import { NetworkCrypto, nobleAes } from "../../../../host-sim/network/network-crypto.ts";
import { SimulatedNetwork } from "../../../../host-sim/network/network-edge.ts";
import { NetworkPlan } from "../../../../host-sim/network/network-plan.ts";
import { RadioChannel } from "../../../../host-sim/radio/channel.ts";
import { World } from "../../../../host-sim/world.ts";
import { Broker } from "../../../../host-sim/network/broker.ts";
import { WifiLink } from "../../../../host-sim/network/wifi-link.ts";
import { Capture } from "../../../../host-sim/network/capture.ts";

export default function run(_argument: string, host: { print(line: string): void }): number {
  const world = new World(3, 1_700_000_000_123);
  const channel = new RadioChannel(world);
  const plan = new NetworkPlan(EU868);
  const capture = new Capture((b) => world.hash.add("pcap", world.nowUs, [], b));
  channel.onTransmission((t) => { world.hash.add("air", t.startUs, [t.endUs - t.startUs], t.frame); capture.add(world.unixMs, t.modulation, t.frame, -97.4, -3.3); });
  const network = new SimulatedNetwork(world, { plan });
  for (let g = 0; g < 2; g++) network.addGateway(new Gateway(world, channel, { id: Uint8Array.of(0, 22, 192, 1, 241, 83, 161, g), position: { x: 700 * g, y: 0 }, channelsHz: plan.channelsHz, subBands: EU868.subBands }));
  network.onUplink((topic, json) => {
    let b = new Uint8Array(json.length); for (let i = 0; i < json.length; i++) b[i] = json.charCodeAt(i);
    world.hash.add(topic, world.nowUs, [], b);
    if (topic.endsWith("/up")) network.publish(topic.replace("event/up", "command/down"), JSON.stringify({ devEui: JSON.parse(json).deviceInfo.devEui, fPort: 33, data: "AQID" }));
  });
  const crypto = new NetworkCrypto(nobleAes); const codec = new FrameCodec(crypto);
  const appKey = new Uint8Array(16).fill(7), devEui = Uint8Array.of(1,2,3,4,5,6,7,8), joinEui = Uint8Array.of(8,7,6,5,4,3,2,1);
  crypto.importKey(KEY_SLOT.appKey, appKey); network.register({ devEui, joinEui, appKey });
  const accept = newJoinAccept(); let joined = false;
  const me = { position: { x: 900, y: 300 }, hears: (t: any) => t.modulation.invertIq, received(t: any) { if (frameType(t.frame) === 1 && codec.readJoinAccept(t.frame, t.frame.length, accept)) { codec.deriveSessionKeys(accept.joinNonce, 0, 1); joined = true; } } };
  channel.attach(me);
  const send = (frame: Uint8Array) => { const modulation = { frequencyHz: 868_100_000, spreadingFactor: 10, bandwidthHz: 125_000 as const, codingRate: 1, preambleSymbols: 8, syncWord: 0x34, invertIq: false, crcOn: true };
    channel.transmit({ modulation, powerDbm: 14, frame, startUs: world.nowUs, endUs: world.nowUs + timeOnAirUs(modulation, frame.length), from: me, position: me.position }); world.run(world.nowUs + 10_000_000); };
  const buffer = new Uint8Array(255);
  send(buffer.slice(0, codec.writeJoinRequest(joinEui, devEui, 1, buffer)));
  for (let i = 0; i < 30; i++) send(buffer.slice(0, codec.writeData({ uplink: true, confirmed: i % 3 === 0, devAddr: accept.devAddr, adr: i > 10, adrAckReq: false, ack: i % 2 === 0, fPending: false, fCnt: i, fPort: 5 }, Uint8Array.of(13, 2), 2, new Uint8Array(i), i, buffer)));
  const broker = new Broker(world); broker.onPublished = (t, p) => world.hash.add(t, world.nowUs, [], p);
  const link = new WifiLink(world, broker, "n", { lossProbability: 0.2, clock: { nowMs: () => 5 } });
  link.open({ onOnline() {}, onOffline() {}, onMessage() {}, onTime(u, a, q) { world.hash.add("time", world.nowUs, [u, a, q]); } });
  for (let i = 0; i < 100; i++) { link.publish("a/b", Uint8Array.of(i), 1); world.run(world.nowUs + 3_000_000); }
  host.print(`${joined} ${world.hash.hex()} ${JSON.stringify(network.server.counters)}`);
  return 0;
}
