/** The nodes that a base has heard, a bounded number, and the answer that waits for each. */
import { MAX_P2P_ANSWER_BYTES } from "../../wire/p2p-frame.ts";
import { P2P_BASE_NODES } from "../bounds.ts";

export interface P2pPeer {
  address: number;
  /** When its last frame ended; NEVER for an entry that is free. */
  heardMs: number;
  answer: Uint8Array;
  /** Of the answer that waits; 0 for none. */
  length: number;
  /** When the answer is to begin; NEVER: after the node's next frame. */
  dueMs: number;
}

export const NEVER = -1;

export class P2pPeers {
  #peers: P2pPeer[] = [];

  constructor() {
    for (let i = 0; i < P2P_BASE_NODES; i++)
      this.#peers.push({
        address: 0,
        heardMs: NEVER,
        answer: new Uint8Array(MAX_P2P_ANSWER_BYTES),
        length: 0,
        dueMs: NEVER,
      });
  }

  /** The node with this address, if it was heard. */
  of(address: number): P2pPeer | undefined {
    for (let i = 0; i < this.#peers.length; i++) {
      const peer = this.#peers[i];
      if (peer.heardMs !== NEVER && peer.address === address) return peer;
    }
    return undefined;
  }

  /** Makes room for a node: the entry of whom nothing was heard for the longest time is given up. */
  add(address: number): P2pPeer {
    let oldest = this.#peers[0];
    for (let i = 1; i < this.#peers.length; i++) if (this.#peers[i].heardMs < oldest.heardMs) oldest = this.#peers[i];
    oldest.address = address;
    oldest.length = 0;
    oldest.dueMs = NEVER;
    return oldest;
  }

  /** The one whose answer is due first. */
  firstDue(): P2pPeer | undefined {
    let first: P2pPeer | undefined;
    for (let i = 0; i < this.#peers.length; i++) {
      const peer = this.#peers[i];
      if (peer.dueMs !== NEVER && (first === undefined || peer.dueMs < first.dueMs)) first = peer;
    }
    return first;
  }
}
