/**
 * The device's half of an attestation alone, as XS runs it: batches with their compact coder, and the fragments that go on the air. A made-up
 * day of weather at DR0 of EU868, every token acknowledged after its last frame. Prints a line about the frames, the same on every engine; and
 * where the engine can measure, what the two machines take in RAM at rest and at work, a line of JSON a moment.
 */
import { Attester } from "../../firmware/core/attester.ts";
import type { AttesterCommand } from "../../firmware/core/attester-events.ts";
import { LorawanUplink } from "../../firmware/core/uplink/lorawan-uplink.ts";
import type { SymmetricCrypto } from "../../firmware/ports/crypto.ts";
import { MAX_TOKEN_BYTES, type NodeIdentity } from "../../firmware/wire/batch.ts";
import { CompactCoder } from "../../firmware/wire/compact-coder.ts";
import { compactRules } from "../../firmware/wire/compact-profiles.ts";
import { CONTROL_FPORT, LORAWAN_TAG_BYTES, writeAckMessage } from "../../firmware/wire/control-message.ts";
import { crc32 } from "../../firmware/wire/crc32.ts";
import { WEATHER } from "../../firmware/wire/profiles/weather.ts";
import { newReading, readingRecordBytes, writeReading } from "../../firmware/wire/reading-record.ts";
import { TIME_SOURCE } from "../../firmware/wire/time-quality.ts";
import { TOKEN_RECORD_HEADER_BYTES, tokenRecordKeyRow, tokenRecordKind } from "../../firmware/wire/token-record.ts";
import type { XsHost } from "./entry.ts";

const READINGS = 288;
const STEP_S = 300;
const START_S = 1_750_464_000;
const MAX_PAYLOAD = 51;
const FRAME_BUDGET = 4;
const TIME_QUALITY = (TIME_SOURCE.deviceTime << 5) | 11;

const nothing = (): void => {};
/** Every MAC is zeros, so that this file can acknowledge without a key. */
const CIPHERS: SymmetricCrypto = { aesEncryptBlock: nothing, cmac: nothing, deriveKey: nothing };
const UEID = new Uint8Array([2, 0, 0, 0, 0, 0, 0, 0, 1]);
const IDENTITY: NodeIdentity = {
  ueid: UEID,
  oemid: new Uint8Array(3),
  hwmodel: new Uint8Array(8),
  dbgstat: 0,
  kid: new Uint8Array(8),
  alg: -7,
};

/** Both machines with what stands between them: a journal of readings made on demand, and an outbox of one token. */
class DeviceHalf {
  readonly coder = new CompactCoder(WEATHER, compactRules(WEATHER)!);
  readonly attester = new Attester({
    identity: IDENTITY,
    profile: WEATHER,
    policy: { readings: 64, frames: FRAME_BUDGET },
    coder: this.coder,
    hash: { sha256: nothing },
    digests: true,
    about: { firmware: { name: "groundtruth", version: "0" }, protection: 0 },
  });
  readonly uplink = new LorawanUplink({ ueid: UEID, ciphers: CIPHERS, profile: WEATHER, coder: this.coder });
}

/** Plays the two machines' surroundings. Its own memory is counted before theirs. */
class Surroundings {
  half: DeviceHalf | undefined;
  #reading = newReading(WEATHER.fields.length);
  #record = new Uint8Array(readingRecordBytes(WEATHER.fields.length));
  #token = new Uint8Array(TOKEN_RECORD_HEADER_BYTES + MAX_TOKEN_BYTES);
  #signature = new Uint8Array(64).fill(1);
  #message = new Uint8Array(16);
  #random = 1;
  tokens = 0;
  frames = 0;
  bytes = 0;
  /** CRC-32 over the CRC-32 of each frame. */
  check = 0;
  /** Called after each frame. */
  onFrame: () => void = nothing;

  /** Takes the readings before `next`, and sends what becomes of them. */
  run(next: number): void {
    const { attester } = this.half!;
    const nowMs = next * STEP_S * 1000;
    attester.handle({ kind: "journal", next }, nowMs);
    for (let command = attester.pollCommand(); command !== undefined; command = attester.pollCommand()) {
      this.#carryOut(command, nowMs);
    }
  }

  start(): void {
    const { attester } = this.half!;
    const logs = { journalOldest: 0, journalNext: 0, outboxNext: 0, listed: 0, listDay: 0 };
    attester.handle({ kind: "start", bootCount: 1, ...logs, changesKey: false }, 0);
    const wallOffsetMs = START_S * 1000;
    attester.handle({ kind: "present", wallOffsetMs, timeQuality: TIME_QUALITY, frameBytes: MAX_PAYLOAD }, 0);
  }

  #carryOut(command: AttesterCommand, nowMs: number): void {
    const { attester } = this.half!;
    switch (command.kind) {
      case "readRecord":
        this.#measure(command.number);
        writeReading(this.#reading, this.#record);
        attester.handle({ kind: "record", bytes: this.#record, length: this.#record.length }, nowMs);
        return;
      case "contents":
        attester.handle({ kind: "digest", firstSeq: 0, digest: new Uint8Array(32) }, nowMs);
        return;
      case "sign":
        attester.handle({ kind: "signed", signature: this.#signature }, nowMs);
        return;
      case "append":
        this.#token.set(command.record.subarray(0, command.length));
        attester.handle({ kind: "appended", number: command.seq }, nowMs);
        this.#send(command.seq, command.length, nowMs);
        return;
      default:
        return;
    }
  }

  /** Weather of a kind: each value walks. */
  #measure(number: number): void {
    const reading = this.#reading;
    reading.profileVersion = WEATHER.version;
    reading.bootCount = 1;
    reading.intervalS = STEP_S;
    reading.timeQuality = TIME_QUALITY;
    reading.uptimeS = number * STEP_S;
    reading.wallS = START_S + number * STEP_S;
    for (let f = 0; f < WEATHER.fields.length; f++) {
      const { min, max } = WEATHER.fields[f];
      this.#random = (Math.imul(this.#random, 1_664_525) + 1_013_904_223) >>> 0;
      const step = (this.#random >>> 29) - 3;
      const before = number === 0 ? Math.floor((min + max) / 2) : reading.values[f];
      reading.values[f] = Math.min(Math.max(before + step, min), max);
    }
  }

  #send(seq: number, length: number, nowMs: number): void {
    const { uplink } = this.half!;
    const record = this.#token;
    const token = record.subarray(TOKEN_RECORD_HEADER_BYTES);
    const about = { recordKind: tokenRecordKind(record), keyRow: tokenRecordKeyRow(record) };
    const order = { tries: 0, inOrder: true, wallS: Math.floor(nowMs / 1000) + START_S };
    uplink.handle({ kind: "timeLearned" }, nowMs);
    const bytes = length - TOKEN_RECORD_HEADER_BYTES;
    uplink.handle({ kind: "token", seq, bytes: token, length: bytes, ...about, ...order }, nowMs);
    while (uplink.wantsToSend(nowMs)) {
      uplink.handle({ kind: "opportunity", maxPayload: MAX_PAYLOAD, asksTime: false }, nowMs);
      const command = uplink.pollCommand();
      if (command?.kind !== "send") break;
      const frame = command.payload.slice(0, command.length);
      const both = new Uint8Array(8);
      new DataView(both.buffer).setUint32(0, this.check);
      new DataView(both.buffer).setUint32(4, crc32(frame, 0, frame.length));
      this.check = crc32(both, 0, 8);
      this.frames++;
      this.bytes += command.length;
      this.onFrame();
      uplink.handle({ kind: "sent", more: false }, nowMs);
    }
    this.tokens++;
    const ack = writeAckMessage(seq, new Uint8Array(16), LORAWAN_TAG_BYTES, this.#message);
    uplink.handle({ kind: "downlink", port: CONTROL_FPORT, payload: this.#message, length: ack }, nowMs);
    while (uplink.pollCommand() !== undefined) {
      // The acknowledgement, for the outbox.
    }
  }
}

interface Figures {
  readonly liveSlotBytes: number;
  readonly liveChunkBytes: number;
  readonly peakStackSlots: number;
}

/** `argument` is not looked at. */
export default function attest(_argument: string, host: XsHost): number {
  const read = (): Figures | undefined =>
    host.measure === undefined ? undefined : (JSON.parse(host.measure()) as Figures);
  // What making and measuring leave behind by themselves is not the machines': it is done once before.
  const around = new Surroundings();
  around.half = new DeviceHalf();
  around.half = undefined;
  read();
  const before = read();
  around.half = new DeviceHalf();
  const tell = (moment: string): void => {
    const after = read();
    if (before === undefined || after === undefined) return;
    const slotBytes = after.liveSlotBytes - before.liveSlotBytes;
    const chunkBytes = after.liveChunkBytes - before.liveChunkBytes;
    host.print(JSON.stringify({ moment, slotBytes, chunkBytes, stackSlots: after.peakStackSlots }));
  };
  tell("at rest");
  around.start();
  around.run(20);
  tell("amid a batch");
  let told = false;
  around.onFrame = () => {
    if (told || around.tokens < 3) return;
    told = true;
    tell("amid its frames");
  };
  around.run(READINGS);
  tell("after a day");
  const check = around.check.toString(16).padStart(8, "0");
  host.print(`${around.tokens} tokens, ${around.frames} frames, ${around.bytes} bytes, check ${check}`);
  return around.tokens > 3 ? 0 : 1;
}
