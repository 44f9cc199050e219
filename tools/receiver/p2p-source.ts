/**
 * Frames of nodes that a base node heard (firmware/wire/p2p-frame.ts), on plain MQTT:
 *
 *   groundtruth/p2p/{base}/up     a frame as it came out of the air
 *   groundtruth/p2p/{base}/down   our answer, which the base sends a second after the end of that frame, or after the node's next
 *
 * {base} is the base's EUI-64 in hexadecimal. The base is not trusted: a frame counts when its tag is right under the node's own key, and once.
 *
 * The last counter of each node is kept in memory only. After a restart somebody could play old frames to us, until the node's next frame: they could disturb
 * a reassembly, which the node repairs, and no more, since a token is accepted once whatever brings it.
 */
import {
  MAX_P2P_FRAME_BYTES,
  MAX_P2P_MAC_MESSAGE_BYTES,
  newP2pFrame,
  P2P_TAG_BYTES,
  p2pAddress,
  p2pMacMessage,
  p2pTagMatches,
  parseP2pFrame,
  writeP2pFrame,
  writeP2pTag,
} from "../../firmware/wire/p2p-frame.ts";
import type { ReceiverCrypto } from "./crypto.ts";
import { fromHex } from "./hex.ts";

/** An authentic frame. */
export interface P2pUplink {
  kind: "uplink";
  /** Topic for the answer. */
  answerTopic: string;
  devEui: string;
  counter: number;
  asksTime: boolean;
  /** 0 without a payload. */
  port: number;
  payload: Uint8Array;
}

/** The node's newest frame once more, heard by another base. */
export interface P2pRepeated {
  kind: "repeated";
}

export interface P2pRefused {
  kind: "refused";
  reason: string;
  /** Given when the tag was right. */
  devEui?: string;
}

interface Peer {
  devEui: string;
  ueid: Uint8Array;
  key: Uint8Array;
  /** Of the newest frame; -1 for none. */
  counter: number;
}

export class P2pSource {
  #cmac: ReceiverCrypto["cmac"];
  /** Nodes with the same address stand in one list. */
  #byAddress = new Map<number, Peer[]>();
  #byDevEui = new Map<string, Peer>();
  #frame = newP2pFrame();
  #answer = newP2pFrame();

  constructor(cmac: ReceiverCrypto["cmac"]) {
    this.#cmac = cmac;
  }

  /** Makes a node known. With a new key its counter begins anew. */
  addNode(devEui: string, ueid: Uint8Array, key: Uint8Array): void {
    const known = this.#byDevEui.get(devEui);
    if (known !== undefined) {
      if (!key.every((byte, i) => byte === known.key[i])) known.counter = -1;
      known.key = key;
      return;
    }
    const peer = { devEui, ueid, key, counter: -1 };
    const address = p2pAddress(ueid);
    this.#byDevEui.set(devEui, peer);
    this.#byAddress.set(address, [...(this.#byAddress.get(address) ?? []), peer]);
  }

  /** Takes one message of a base apart. */
  take(topic: string, bytes: Uint8Array): P2pUplink | P2pRepeated | P2pRefused {
    const parts = topic.length > 64 ? [] : topic.split("/");
    if (parts.length !== 4 || parts[0] !== "groundtruth" || parts[1] !== "p2p" || parts[3] !== "up")
      return { kind: "refused", reason: "topic-unknown" };
    if (fromHex(parts[2], 8) === undefined) return { kind: "refused", reason: "topic-base-malformed" };
    const frame = this.#frame;
    if (!parseP2pFrame(bytes, bytes.length, frame)) return { kind: "refused", reason: `p2p-${frame.reason}` };
    if (frame.down) return { kind: "refused", reason: "p2p-not-an-uplink" };
    const candidates = this.#byAddress.get(frame.address);
    if (candidates === undefined) return { kind: "refused", reason: "node-unknown" };
    const peer = candidates.find((candidate) => this.#isOf(candidate, bytes));
    if (peer === undefined) return { kind: "refused", reason: "p2p-tag-wrong" };
    const { devEui } = peer;
    const { counter, port, payloadAt, payloadLength } = frame;
    if (counter === peer.counter) return { kind: "repeated" };
    if (counter < peer.counter) return { kind: "refused", reason: "p2p-counter-used", devEui };
    peer.counter = counter;
    const answerTopic = `groundtruth/p2p/${parts[2]}/down`;
    const payload = bytes.slice(payloadAt, payloadAt + payloadLength);
    return { kind: "uplink", answerTopic, devEui, counter, asksTime: frame.time, port, payload };
  }

  /** The frame that answers `uplink`, with the time where `unixMs` is given: right within 2^`timeExponent` ms. */
  answer(
    uplink: P2pUplink,
    port: number,
    payload: Uint8Array,
    unixMs: number | undefined,
    timeExponent: number,
  ): Uint8Array {
    const peer = this.#byDevEui.get(uplink.devEui) as Peer;
    const frame = this.#answer;
    frame.down = true;
    frame.time = unixMs !== undefined;
    frame.address = p2pAddress(peer.ueid);
    frame.counter = uplink.counter;
    frame.port = port;
    frame.unixMs = Math.floor(unixMs ?? 0);
    frame.timeExponent = timeExponent;
    const bytes = new Uint8Array(MAX_P2P_FRAME_BYTES);
    const tagAt = writeP2pFrame(frame, payload, payload.length, bytes);
    return bytes.slice(0, writeP2pTag(this.#macOf(peer, bytes, tagAt), bytes, tagAt));
  }

  #isOf(peer: Peer, bytes: Uint8Array): boolean {
    return p2pTagMatches(bytes, bytes.length, this.#macOf(peer, bytes, bytes.length - P2P_TAG_BYTES));
  }

  #macOf({ ueid, key }: Peer, bytes: Uint8Array, length: number): Uint8Array {
    const covered = new Uint8Array(MAX_P2P_MAC_MESSAGE_BYTES);
    return this.#cmac(key, covered.subarray(0, p2pMacMessage(ueid, bytes, length, covered)));
  }
}
