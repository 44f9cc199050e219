/**
 * What the modelled ATECC608 does with a command packet that arrived whole: Info, Read of the configuration zone, Random, Nonce in
 * pass-through mode, GenKey, Sign of an external digest, Counter. Everything else is a parse error here. A random number comes from the
 * seeded stream; a signature has its nonce by RFC 6979, so that runs repeat (the chip draws it at random), and s as it falls, high or low.
 */
import { p256 } from "@noble/curves/nist.js";
import type { RandomStream } from "../random-stream.ts";
import { ATECC608_SLOTS, type Atecc608Memory } from "./atecc608-memory.ts";

export const STATUS = Object.freeze({
  success: 0x00,
  parse: 0x03,
  eccFault: 0x05,
  execution: 0x0f,
  afterWake: 0x11,
  watchdog: 0xee,
  crc: 0xff,
});

/** Longest execution in milliseconds at the three clock dividers, by opcode (as the maker's library waits when it does not poll). */
const LONGEST_MS: { readonly [opcode: number]: readonly number[] } = Object.freeze({
  2: [5, 5, 5],
  22: [20, 20, 20],
  27: [23, 23, 23],
  36: [25, 25, 25],
  48: [5, 5, 5],
  64: [115, 215, 653],
  65: [115, 220, 665],
});

/** What is lost in sleep, and kept in idle. */
export interface Atecc608Buffers {
  tempKey: Uint8Array | undefined;
  messageDigest: Uint8Array | undefined;
}

/** A result: what to answer, and what changes when the time of the execution is over. */
export interface Outcome {
  /** Data, or one status byte. */
  answer: Uint8Array;
  commit?: () => void;
  /** What remains of it where the power fails in between. */
  cut?: () => void;
}

/** Longest execution of an opcode in milliseconds; 1 for what the chip only refuses. */
export function longestExecutionMs(opcode: number, clockDivider: number): number {
  return LONGEST_MS[opcode]?.[clockDivider] ?? 1;
}

export class Atecc608Execution {
  #memory: Atecc608Memory;
  #random: RandomStream;

  constructor(memory: Atecc608Memory, random: RandomStream) {
    this.#memory = memory;
    this.#random = random;
  }

  /** Runs a packet: opcode, mode, parameter (2), data. */
  run(packet: Uint8Array, buffers: Atecc608Buffers): Outcome {
    const mode = packet[1];
    const parameter = packet[2] | (packet[3] << 8);
    const data = packet.subarray(4);
    if (packet[0] === 0x16) return this.#nonce(mode, parameter, data, buffers);
    if (data.length > 0) return status(STATUS.parse);
    switch (packet[0]) {
      case 0x02:
        return this.#read(mode, parameter);
      case 0x1b:
        return mode > 1 || parameter !== 0 ? status(STATUS.parse) : { answer: this.#randomBytes() };
      case 0x24:
        return this.#counter(mode, parameter);
      case 0x30:
        return mode !== 0 ? status(STATUS.parse) : { answer: this.#memory.config.slice(4, 8) };
      case 0x40:
        return this.#genKey(mode, parameter);
      case 0x41:
        return this.#sign(mode, parameter, buffers);
      default:
        return status(STATUS.parse);
    }
  }

  /** The configuration zone, by words of 4 bytes or blocks of 32. The other zones are not modelled. */
  #read(mode: number, address: number): Outcome {
    if (mode !== 0x00 && mode !== 0x80) return status(STATUS.parse);
    const length = mode === 0x80 ? 32 : 4;
    const start = length === 32 ? ((address >>> 3) & 3) * 32 : (address & 0x1f) * 4;
    return { answer: this.#memory.config.slice(start, start + length) };
  }

  #randomBytes(): Uint8Array {
    const bytes = new Uint8Array(32);
    if (this.#memory.isConfigLocked) this.#random.fill(bytes);
    else for (let i = 0; i < 32; i++) bytes[i] = (i & 2) === 0 ? 0xff : 0x00;
    return bytes;
  }

  #nonce(mode: number, parameter: number, data: Uint8Array, buffers: Atecc608Buffers): Outcome {
    const isDigest = mode === 0x43;
    if ((mode !== 0x03 && !isDigest) || parameter !== 0 || data.length !== 32) return status(STATUS.parse);
    const value = data.slice();
    return status(STATUS.success, () => {
      if (isDigest) buffers.messageDigest = value;
      else buffers.tempKey = value;
    });
  }

  #genKey(mode: number, slot: number): Outcome {
    const memory = this.#memory;
    if ((mode !== 0x00 && mode !== 0x04) || slot >= ATECC608_SLOTS) return status(STATUS.parse);
    if (!memory.isConfigLocked || !memory.holdsPrivateKey(slot)) return status(STATUS.execution);
    if (mode === 0x00) {
      const key = memory.keys.get(slot);
      if (key === undefined || !memory.mayComputePublicKey(slot)) return status(STATUS.execution);
      return { answer: publicKeyOf(key) };
    }
    if (!memory.mayCreateKey(slot)) return status(STATUS.execution);
    const created = new Uint8Array(32);
    do this.#random.fill(created);
    while (!p256.utils.isValidSecretKey(created));
    return { answer: publicKeyOf(created), commit: () => void memory.keys.set(slot, created) };
  }

  #sign(mode: number, slot: number, buffers: Atecc608Buffers): Outcome {
    const memory = this.#memory;
    if ((mode !== 0x80 && mode !== 0xa0) || slot >= ATECC608_SLOTS) return status(STATUS.parse);
    const digest = mode === 0xa0 ? buffers.messageDigest : buffers.tempKey;
    const key = memory.keys.get(slot);
    const isAllowed = memory.isConfigLocked && memory.isDataLocked && memory.maySignExternal(slot);
    if (!isAllowed || digest === undefined || key === undefined) return status(STATUS.execution);
    const forget = (): void => {
      if (mode === 0xa0) buffers.messageDigest = undefined;
      else buffers.tempKey = undefined;
    };
    return { answer: p256.sign(digest, key, { prehash: false, lowS: false, format: "compact" }), commit: forget };
  }

  #counter(mode: number, counter: number): Outcome {
    const memory = this.#memory;
    if (mode > 1 || counter > 1) return status(STATUS.parse);
    if (!memory.isConfigLocked || (mode === 1 && memory.isExhausted(counter))) return status(STATUS.execution);
    const value = memory.counters[counter] + mode;
    const answer = new Uint8Array([value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24]);
    if (mode === 0) return { answer };
    return {
      answer,
      commit: () => memory.count(counter, 1),
      // No count is lost, and in some power cuts there is one more than one (data sheet, Counter).
      cut: () => memory.count(counter, this.#random.below(3)),
    };
  }
}

function status(value: number, commit?: () => void): Outcome {
  return { answer: new Uint8Array([value]), commit };
}

function publicKeyOf(key: Uint8Array): Uint8Array {
  return p256.getPublicKey(key, false).slice(1);
}
