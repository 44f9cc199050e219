/** What the tests of docs/wire-format.md share: its blocks, and a receiver that knows the node of its examples. */
import { ok } from "node:assert/strict";
import { WEATHER } from "../../../firmware/wire/profiles/weather.ts";
import { NODE_CRYPTO } from "../../../tools/receiver/node-crypto.ts";
import type { NodeRecord } from "../../../tools/receiver/node-registry.ts";
import { Receiver } from "../../../tools/receiver/receiver.ts";
import { MemoryStore } from "../../../tools/receiver/store.ts";
import { blocks, hexBytes, projectText } from "./markdown.ts";
import { DEV_EUI, IDENTITY, PUBLIC_KEY, RECEIVED_UNIX_MS, RECEIVER_KEY } from "./wire-examples.ts";

export const TEXT = projectText("docs/wire-format.md");
export const HEX = blocks(TEXT, "hex");

/** The bytes that the document prints under this name. */
export function printed(name: string): Uint8Array {
  const block = HEX.get(name);
  ok(block !== undefined, `no block ${name}`);
  return hexBytes(block);
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

export interface Downlink {
  topic: string;
  body: string | Uint8Array;
}

/** What a receiver that knows the example's node says to something. */
export function receive(feed: (receiver: Receiver) => void, store = new MemoryStore()) {
  const readings: object[] = [];
  const refused: string[] = [];
  const kinds: string[] = [];
  const down: Downlink[] = [];
  const record: NodeRecord = { ...IDENTITY, devEui: DEV_EUI, publicKey: PUBLIC_KEY, profile: WEATHER.uri };
  const receiver = new Receiver({
    nodes: [{ record, receiverKey: RECEIVER_KEY }],
    crypto: NODE_CRYPTO,
    store,
    output: {
      onToken: (_token, { kind }) => kinds.push(kind),
      onReading: (reading) => readings.push(reading),
      onRefused: ({ reason }) => refused.push(reason),
      onDownlink: (topic, body) => down.push({ topic, body }),
    },
  });
  feed(receiver);
  return { readings, refused, kinds, down };
}

/** Frames of the example's node, by FPort and name, as ChirpStack hands them on. `before`: a token that came over MQTT. */
export function receiveFrames(frames: readonly [number, string][], before?: string) {
  return receive((receiver) => {
    if (before !== undefined) {
      receiver.handleMqttToken(`groundtruth/${DEV_EUI}/token`, printed(before), RECEIVED_UNIX_MS + 600_000);
    }
    for (const [fPort, name] of frames) {
      const data = Buffer.from(printed(name)).toString("base64");
      const event = JSON.stringify({ deviceInfo: { devEui: DEV_EUI }, fPort, data });
      receiver.handleChirpstackEvent(`application/a/device/${DEV_EUI}/event/up`, event, RECEIVED_UNIX_MS);
    }
  });
}

/** Downlinks on ChirpStack's topic, as FPort and hexadecimal. */
export function lorawanAnswers(down: readonly Downlink[]): [number, string][] {
  return down.map(({ body }) => {
    const { fPort, data } = JSON.parse(body as string);
    return [fPort, Buffer.from(data, "base64").toString("hex")];
  });
}
