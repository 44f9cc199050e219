/**
 * The uplink in hand: builds the frame (TS001-1.0.4 4.3, 6.2.5) with what waits to ride on it, keeps its bytes for repeats, and knows its time
 * on air. Answers to MAC commands go before requests of our own, those before the application's bytes (chapter 5, table 15).
 */
import type { FrameCodec } from "../../wire/lorawan-codec.ts";
import {
  type DataHeader,
  FHDR_BYTES,
  MAX_FOPTS_BYTES,
  MAX_FRAME_BYTES,
  MIC_BYTES,
  NO_PORT,
} from "../../wire/lorawan-frame.ts";
import { CID, writeCommand } from "../../wire/mac-commands.ts";
import type { StateReader, StateWriter } from "../../wire/state-record.ts";
import { timeOnAirUs } from "../../wire/time-on-air.ts";
import { wantsAdrAck } from "./adr.ts";
import type { MacAnswers } from "./answers.ts";
import { newModulation } from "./modulation.ts";
import type { Region } from "./region/region.ts";
import type { Session } from "./session.ts";

/** What the uplink is for. */
export const PURPOSE = Object.freeze({ data: 0, join: 1, answers: 2 } as const);

const MHDR_BYTES = 1;
const FPORT_BYTES = 1;
/** FPort of a frame whose payload is MAC commands. */
const MAC_PORT = 0;

export class Uplink {
  readonly #region: Region;
  readonly #session: Session;
  readonly #answers: MacAnswers;
  readonly #codec: FrameCodec;
  readonly frame = new Uint8Array(MAX_FRAME_BYTES);
  /** Of the frame, when it is asked for; scratch for times on air before. */
  readonly modulation = newModulation(true);
  readonly #header: DataHeader = {
    uplink: true,
    confirmed: false,
    devAddr: 0,
    adr: false,
    adrAckReq: false,
    ack: false,
    fPending: false,
    fCnt: 0,
    fPort: NO_PORT,
  };
  purpose: number = PURPOSE.data;
  length = 0;
  confirmed = false;
  channel = 0;
  frequencyHz = 0;
  dataRate = 0;
  airtimeMs = 0;
  /** How often the frame was sent, the first time included. */
  transmissions = 0;
  /** When its last symbol left. */
  endMs = 0;
  /** DevNonce of a join request. */
  devNonce = 0;
  /** The next uplinks ask for these. */
  wantsTime = false;
  wantsLinkCheck = false;
  /** This uplink asked for these. */
  asksTime = false;
  asksLinkCheck = false;
  /** A confirmed downlink waits for its acknowledgement. */
  owesAck = false;

  constructor(region: Region, session: Session, answers: MacAnswers, codec: FrameCodec) {
    this.#region = region;
    this.#session = session;
    this.#answers = answers;
    this.#codec = codec;
  }

  get isJoin(): boolean {
    return this.purpose === PURPOSE.join;
  }

  /** Bytes that an application may send in the next uplink. */
  maxPayload(): number {
    return Math.max(this.frameBytes() - this.fOptsLength(), 0);
  }

  /** Bytes that an application may send in an uplink without MAC commands. */
  frameBytes(): number {
    return this.#session.maxMacPayload(this.#session.dataRate) - FHDR_BYTES - FPORT_BYTES;
  }

  /** True when the answers need a frame of their own: FOpts would cut them. */
  get hasLongAnswers(): boolean {
    return this.#answers.length > MAX_FOPTS_BYTES;
  }

  private fOptsLength(): number {
    const answers = this.#answers.fitting(MAX_FOPTS_BYTES);
    const requests = (this.wantsTime ? 1 : 0) + (this.wantsLinkCheck ? 1 : 0);
    return Math.min(answers + requests, MAX_FOPTS_BYTES);
  }

  /** Bytes of the frame that `buildData` would make. */
  dataLength(port: number, payloadLength: number): number {
    const portBytes = port === NO_PORT ? 0 : FPORT_BYTES;
    return MHDR_BYTES + FHDR_BYTES + this.fOptsLength() + portBytes + payloadLength + MIC_BYTES;
  }

  /** Time on air, rounded up to whole milliseconds. */
  airtimeOf(dataRate: number, length: number): number {
    this.modulate(dataRate);
    return Math.ceil(timeOnAirUs(this.modulation, length) / 1000);
  }

  /** Sets `modulation` up for `dataRate`. */
  modulate(dataRate: number): void {
    const { spreadingFactor, bandwidthHz } = this.#region.dataRates[dataRate]!;
    this.modulation.spreadingFactor = spreadingFactor;
    this.modulation.bandwidthHz = bandwidthHz;
  }

  /** An application's frame, under the counter that the session has next. */
  buildData(port: number, payload: Uint8Array, length: number, confirmed: boolean, adr: boolean): void {
    const fOpts = this.#codec.scratch;
    let fOptsLength = this.#answers.copy(fOpts, MAX_FOPTS_BYTES);
    this.asksTime = this.wantsTime && fOptsLength < MAX_FOPTS_BYTES;
    if (this.asksTime) fOptsLength = writeCommand(fOpts, fOptsLength, CID.deviceTime);
    this.asksLinkCheck = this.wantsLinkCheck && fOptsLength < MAX_FOPTS_BYTES;
    if (this.asksLinkCheck) fOptsLength = writeCommand(fOpts, fOptsLength, CID.linkCheck);
    this.build(PURPOSE.data, port, payload, length, fOptsLength, confirmed, adr);
  }

  /** A frame with nothing but the answers, as the payload of FPort 0. */
  buildAnswers(adr: boolean): void {
    const room = this.#session.maxMacPayload(this.#session.dataRate) - FHDR_BYTES - FPORT_BYTES;
    this.asksTime = false;
    this.asksLinkCheck = false;
    this.build(PURPOSE.answers, MAC_PORT, this.#answers.bytes, this.#answers.fitting(room), 0, false, adr);
  }

  /** Bytes of the frame that `buildAnswers` would make. */
  answersLength(): number {
    const room = this.#session.maxMacPayload(this.#session.dataRate) - FHDR_BYTES - FPORT_BYTES;
    return MHDR_BYTES + FHDR_BYTES + FPORT_BYTES + this.#answers.fitting(room) + MIC_BYTES;
  }

  private build(
    purpose: number,
    port: number,
    payload: Uint8Array,
    length: number,
    fOptsLength: number,
    confirmed: boolean,
    adr: boolean,
  ): void {
    const header = this.#header;
    const session = this.#session;
    header.confirmed = confirmed;
    header.devAddr = session.devAddr;
    header.adr = adr;
    header.adrAckReq = adr && wantsAdrAck(session);
    header.ack = this.owesAck;
    header.fCnt = session.fCntUp++;
    header.fPort = port;
    this.length = this.#codec.writeData(header, this.#codec.scratch, fOptsLength, payload, length, this.frame);
    this.purpose = purpose;
    this.confirmed = confirmed;
    this.transmissions = 0;
    this.owesAck = false;
    this.#answers.keepSticky();
  }

  /** Where and how the next transmission goes out. */
  aim(channel: number, frequencyHz: number, dataRate: number, airtimeMs: number): void {
    this.channel = channel;
    this.frequencyHz = frequencyHz;
    this.dataRate = dataRate;
    this.airtimeMs = airtimeMs;
  }

  buildJoinRequest(joinEui: Uint8Array, devEui: Uint8Array, devNonce: number): void {
    this.length = this.#codec.writeJoinRequest(joinEui, devEui, devNonce, this.frame);
    this.purpose = PURPOSE.join;
    this.devNonce = devNonce;
    this.confirmed = false;
    this.transmissions = 0;
    this.asksTime = false;
    this.asksLinkCheck = false;
  }

  save(writer: StateWriter): void {
    writer.u8(this.purpose);
    writer.u8(this.length);
    writer.bytes(this.frame, this.length);
    writer.bool(this.confirmed);
    writer.u8(this.channel);
    writer.u32(this.frequencyHz);
    writer.u8(this.dataRate);
    writer.u32(this.airtimeMs);
    writer.u8(this.transmissions);
    writer.time(this.endMs);
    writer.u16(this.devNonce);
    writer.bool(this.wantsTime);
    writer.bool(this.wantsLinkCheck);
    writer.bool(this.asksTime);
    writer.bool(this.asksLinkCheck);
    writer.bool(this.owesAck);
  }

  restore(reader: StateReader): void {
    this.purpose = reader.u8();
    this.length = reader.u8();
    reader.bytes(this.frame, this.length);
    this.confirmed = reader.bool();
    this.channel = reader.u8();
    this.frequencyHz = reader.u32();
    this.dataRate = reader.u8();
    this.airtimeMs = reader.u32();
    this.transmissions = reader.u8();
    this.endMs = reader.time() ?? 0;
    this.devNonce = reader.u16();
    this.wantsTime = reader.bool();
    this.wantsLinkCheck = reader.bool();
    this.asksTime = reader.bool();
    this.asksLinkCheck = reader.bool();
    this.owesAck = reader.bool();
  }
}
