/**
 * A capture of the air: pcap (draft-ietf-opsawg-pcap) with a LoRaTap header, version 0, before each frame (link type 270). Bytes only; who
 * writes the file is not this one's business. Version 0, because the tshark of Debian 12 (4.0.17) knows no other: it takes the 20 bytes that
 * version 1 adds for the beginning of the frame.
 *
 *   LoRaTap 0   version 1 | padding 1 | length 2 | frequency 4 (Hz) | bandwidth 1 (125 kHz steps) | SF 1 |
 *               packet RSSI 1 | maximum RSSI 1 | current RSSI 1 | SNR 1 (quarters, two's complement) | sync word 1     (big-endian)
 *
 * An RSSI is written as dBm + 139 whatever the SNR, which is how tshark and the tools around it read it; the format's description wants
 * quarters of a decibel below an SNR of 0.
 */
import type { LoraModulation } from "../../firmware/ports/radio.ts";

const LINK_TYPE_LORATAP = 270;
const PCAP_HEADER_BYTES = 24;
const RECORD_HEADER_BYTES = 16;
const LORATAP_BYTES = 15;
const RSSI_OFFSET_DB = 139;
const NOT_KNOWN = 255;
/** A LoRa frame of 255 bytes with its header. */
const SNAPSHOT_BYTES = 270;

function clamp(value: number, low: number, high: number): number {
  return value < low ? low : value > high ? high : value;
}

/** Turns frames into the bytes of a pcap file, in the order of the calls. */
export class Capture {
  #write: (bytes: Uint8Array) => void;
  #record = new Uint8Array(RECORD_HEADER_BYTES + LORATAP_BYTES + 255);
  #view = new DataView(this.#record.buffer);
  /** Frames written so far. */
  frames = 0;

  /** `write` gets the file's bytes piece by piece and must copy what it keeps; the file's header comes at once. */
  constructor(write: (bytes: Uint8Array) => void) {
    this.#write = write;
    const header = new DataView(new ArrayBuffer(PCAP_HEADER_BYTES));
    header.setUint32(0, 0xa1b2c3d4);
    header.setUint16(4, 2);
    header.setUint16(6, 4);
    header.setUint32(16, SNAPSHOT_BYTES);
    header.setUint32(20, LINK_TYPE_LORATAP);
    write(new Uint8Array(header.buffer));
  }

  /**
   * Adds a frame of up to 255 bytes. `unixMs` may have a fraction (microseconds). RSSI in dBm and SNR in dB, where a receiver measured them.
   */
  add(unixMs: number, modulation: LoraModulation, frame: Uint8Array, rssiDbm?: number, snrDb?: number): void {
    const view = this.#view;
    const unixUs = Math.floor(unixMs * 1000 + 0.5);
    const unixS = Math.floor(unixUs / 1_000_000);
    const length = LORATAP_BYTES + frame.length;
    view.setUint32(0, unixS);
    view.setUint32(4, unixUs - unixS * 1_000_000);
    view.setUint32(8, length);
    view.setUint32(12, length);
    let at = RECORD_HEADER_BYTES;
    view.setUint16(at, 0);
    view.setUint16(at + 2, LORATAP_BYTES);
    view.setUint32(at + 4, modulation.frequencyHz);
    view.setUint8(at + 8, modulation.bandwidthHz / 125_000);
    view.setUint8(at + 9, modulation.spreadingFactor);
    view.setUint8(
      at + 10,
      rssiDbm === undefined ? NOT_KNOWN : clamp(Math.floor(rssiDbm + 0.5) + RSSI_OFFSET_DB, 0, 254),
    );
    view.setUint8(at + 11, NOT_KNOWN);
    view.setUint8(at + 12, NOT_KNOWN);
    view.setInt8(at + 13, snrDb === undefined ? 0 : clamp(Math.floor(snrDb * 4 + 0.5), -128, 127));
    view.setUint8(at + 14, modulation.syncWord);
    at += LORATAP_BYTES;
    this.#record.set(frame, at);
    this.frames++;
    this.#write(this.#record.subarray(0, at + frame.length));
  }
}
