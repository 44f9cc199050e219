/** What a receiver listens to on its broker: topics, and which message is whose. */
import { fromHex } from "../hex.ts";
import type { Receiver } from "../receiver.ts";
import { parseTtsMessage } from "../tts-source.ts";

export const SOURCE_NAMES = ["chirpstack", "tts", "plain", "p2p"] as const;
export type SourceName = (typeof SOURCE_NAMES)[number];

interface Source {
  /** MQTT topic filter. */
  filter: string;
  /** What every topic of it begins with, and no other source's does. */
  prefix: string;
  /**
   * The node that a message is about, as far as it says; undefined when it does not: then any receiver can refuse it. Point to point only the
   * node's own receiver can tell, so every receiver of a group hears those.
   */
  nodeOf?(topic: string, payload: Buffer): string | undefined;
  handle(receiver: Receiver, topic: string, payload: Buffer, nowUnixMs: number): void;
}

export const SOURCES: { readonly [name in SourceName]: Source } = {
  chirpstack: {
    filter: "application/+/device/+/event/up",
    prefix: "application/",
    nodeOf: (topic) => devEuiAt(topic, 3),
    handle: (receiver, topic, payload, now) => receiver.handleChirpstackEvent(topic, payload.toString("utf8"), now),
  },
  tts: {
    filter: "v3/+/devices/+/up",
    prefix: "v3/",
    nodeOf: (topic, payload) => {
      const message = parseTtsMessage(topic, payload.toString("utf8"));
      return message.kind === "uplink" ? message.devEui : undefined;
    },
    handle: (receiver, topic, payload, now) => receiver.handleTtsMessage(topic, payload.toString("utf8"), now),
  },
  p2p: {
    filter: "groundtruth/p2p/+/up",
    prefix: "groundtruth/p2p/",
    handle: (receiver, topic, payload, now) => receiver.handleP2pFrame(topic, plainBytes(payload), now),
  },
  plain: {
    filter: "groundtruth/+/token",
    prefix: "groundtruth/",
    nodeOf: (topic) => devEuiAt(topic, 1),
    handle: (receiver, topic, payload, now) => receiver.handleMqttToken(topic, plainBytes(payload), now),
  },
};

/** The source that a topic belongs to. */
export function sourceOf(topic: string): Source | undefined {
  if (topic.startsWith(SOURCES.p2p.prefix)) return SOURCES.p2p;
  return Object.values(SOURCES).find(({ prefix }) => topic.startsWith(prefix));
}

function devEuiAt(topic: string, level: number): string | undefined {
  const devEui = topic.split("/", level + 1)[level]?.toLowerCase();
  return devEui !== undefined && fromHex(devEui, 8) !== undefined ? devEui : undefined;
}

/** A view: `slice` of a Buffer would not copy, as the library expects. */
function plainBytes(payload: Buffer): Uint8Array {
  return new Uint8Array(payload.buffer, payload.byteOffset, payload.length);
}
