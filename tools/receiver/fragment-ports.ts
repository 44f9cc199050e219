/**
 * What comes from one node in frames, put together: FPort 20 (compact tokens in fragments, four at a time), 30 (a compact token in one frame), 31 (parity
 * tiles of either) and 32 (whole tokens in fragments). Memory is bounded whatever is sent: four slots of 1.3 KB, 5.3 KB for RuleID 32, and one frame.
 */
import {
  COMPACT_RULE,
  newParityFrame,
  PARITY_FPORT,
  type ParityRule,
  parseParityFrame,
} from "../../firmware/wire/parity-frame.ts";
import { TOKEN_FPORT } from "../../firmware/wire/schc-fragment.ts";
import { MAX_SLOT_ANSWER_BYTES, writeSlotMissing } from "../../firmware/wire/slot-answer.ts";
import { MAX_SLOT_BYTES, newSlotFragment, parseSlotFragment, SLOTS } from "../../firmware/wire/slot-fragment.ts";
import { Reassembler } from "./reassembler.ts";
import { type SlotFrame, type SlotOutcome, SlotReassembler } from "./slot-reassembler.ts";

/** FPort of a compact token in one frame. */
export const WHOLE_COMPACT_FPORT = 30;

/** The shortest that a downlink may have to be (RP002-1.0.4: AS923 with dwell time). */
const ANSWER_BYTES_MIN = 11;

/** So long a token in one frame is given out again for an ACK REQ. */
const WHOLE_REPEAT_MS = 600_000;

export type FragmentPortsCommand =
  /**
   * A datagram whose check was right: `rule` 20 a compact token, 32 a whole one. `window` is for the answer that ends it: the slot, or
   * the last tile's window; undefined for a token in one frame. `repeated`: it was given out before.
   */
  | { kind: "datagram"; rule: ParityRule; bytes: Uint8Array; window: number | undefined; repeated: boolean }
  /** To be sent to the node. */
  | { kind: "reply"; port: ParityRule; frame: Uint8Array }
  /** Parity tiles to be asked for (wire/parity-request.ts); who cannot sends `instead` on port `rule`. */
  | { kind: "parity"; rule: ParityRule; firstParity: number; tiles: number; check: number; instead: Uint8Array }
  /** What had come so far was dropped, or a frame was refused. */
  | { kind: "dropped"; reason: string };

/** The FPorts that `handle` takes. */
export function isFragmentPort(port: number): boolean {
  return port === COMPACT_RULE || port === WHOLE_COMPACT_FPORT || port === PARITY_FPORT || port === TOKEN_FPORT;
}

export class FragmentPorts {
  #slots: (SlotReassembler | undefined)[] = new Array(SLOTS).fill(undefined);
  #whole: Reassembler | undefined;
  /** The last token in one frame. */
  #single: Uint8Array | undefined;
  #singleUntilMs = 0;
  /** Lengths of the last two frames: a downlink takes as much as the uplink that it answers, in every region. */
  #lengths = [0, 0];
  #fragment = newSlotFragment();
  #parity = newParityFrame();
  #commands: FragmentPortsCommand[] = [];

  /** A frame came in on one of the fragment ports. */
  handle(port: number, frame: Uint8Array, nowMs: number): void {
    this.#lengths = [this.#lengths[1], frame.length];
    if (port === COMPACT_RULE) this.#handleFragment(frame, nowMs);
    else if (port === WHOLE_COMPACT_FPORT) this.#handleSingle(frame, nowMs);
    else if (port === PARITY_FPORT) this.#handleParity(frame, nowMs);
    else if (port === TOKEN_FPORT) {
      this.#whole ??= new Reassembler();
      this.#whole.handle(frame, nowMs);
      this.#takeWhole();
    } else this.#refuse("port-unknown");
  }

  /** Lets what is unfinished expire. */
  handleTimeout(nowMs: number): void {
    for (let slot = 0; slot < SLOTS; slot++) {
      const reassembler = this.#slots[slot];
      if (reassembler === undefined) continue;
      reassembler.handleTimeout(nowMs);
      this.#takeDropped(reassembler);
      if (reassembler.expiresMs === undefined) this.#slots[slot] = undefined;
    }
    this.#whole?.handleTimeout(nowMs);
    this.#takeWhole();
    if (this.#whole?.pollTimeout() === undefined) this.#whole = undefined;
    if (nowMs >= this.#singleUntilMs) this.#single = undefined;
  }

  /** When `handleTimeout` has something to do. */
  pollTimeout(): number | undefined {
    let next = this.#whole?.pollTimeout();
    if (this.#single !== undefined) next = Math.min(next ?? Infinity, this.#singleUntilMs);
    for (const slot of this.#slots) {
      const expiresMs = slot?.expiresMs;
      if (expiresMs !== undefined) next = Math.min(next ?? Infinity, expiresMs);
    }
    return next;
  }

  pollCommand(): FragmentPortsCommand | undefined {
    return this.#commands.shift();
  }

  #handleFragment(frame: Uint8Array, nowMs: number): void {
    const fragment = this.#fragment;
    if (!parseSlotFragment(frame, frame.length, fragment)) {
      this.#refuse(`fragment-${fragment.reason}`);
      return;
    }
    const { kind, slot, firstTile, payloadOffset, length, check } = fragment;
    if (kind === "ack-request") {
      this.#answerQuestion(slot, nowMs);
      return;
    }
    const payload = frame.subarray(payloadOffset);
    const isLast = kind === "all-1";
    this.#toSlot(
      slot,
      { kind: isLast ? "all-1" : "tiles", first: firstTile, payload, length, check: isLast ? check : -1 },
      nowMs,
    );
  }

  #answerQuestion(slot: number, nowMs: number): void {
    const reassembler = this.#slots[slot];
    if (reassembler?.expiresMs !== undefined) this.#take(slot, reassembler, reassembler.handleAckRequest(nowMs));
    else if (this.#single !== undefined && nowMs < this.#singleUntilMs) {
      this.#commands.push({
        kind: "datagram",
        rule: COMPACT_RULE,
        bytes: this.#single,
        window: undefined,
        repeated: true,
      });
    } else this.#take(slot, undefined, new SlotReassembler().handleAckRequest(nowMs));
  }

  #handleSingle(frame: Uint8Array, nowMs: number): void {
    if (frame.length === 0) {
      this.#refuse("compact-empty");
      return;
    }
    // Fragments of the same token that came before are not needed any more.
    for (let slot = 0; slot < SLOTS; slot++)
      if (this.#slots[slot]?.takeWhole(frame) === true) this.#slots[slot] = undefined;
    const bytes = frame.slice();
    const repeated = this.#single !== undefined && sameBytes(this.#single, bytes);
    this.#single = bytes;
    this.#singleUntilMs = nowMs + WHOLE_REPEAT_MS;
    this.#commands.push({ kind: "datagram", rule: COMPACT_RULE, bytes, window: undefined, repeated });
  }

  #handleParity(frame: Uint8Array, nowMs: number): void {
    const parity = this.#parity;
    if (!parseParityFrame(frame, frame.length, parity)) {
      this.#refuse(parity.reason);
      return;
    }
    const { rule, slot, hasHeader, firstParity, payloadOffset } = parity;
    const payload = frame.subarray(payloadOffset);
    const length = hasHeader ? parity.datagramLength : 0;
    const check = hasHeader ? parity.check : -1;
    if (rule === TOKEN_FPORT) {
      this.#whole ??= new Reassembler();
      this.#whole.handleParity(firstParity, payload, length, check, nowMs);
      this.#takeWhole();
    } else if (length > MAX_SLOT_BYTES) this.#refuse("parity-datagram-length");
    else this.#toSlot(slot, { kind: "parity", first: firstParity, payload, length, check }, nowMs);
  }

  #toSlot(slot: number, frame: SlotFrame, nowMs: number): void {
    let reassembler = this.#slots[slot];
    if (reassembler === undefined) {
      reassembler = new SlotReassembler();
      this.#slots[slot] = reassembler;
    }
    const isNew = !reassembler.isCollecting;
    const outcome = reassembler.handle(frame, nowMs);
    this.#take(slot, reassembler, outcome);
    // The sender has gone on without knowing what is missing of an earlier token: this frame's windows are the first to tell it.
    if (outcome.kind !== "nothing" || !isNew || !reassembler.isCollecting) return;
    const others = this.#answer(undefined, slot);
    if (others.length > 0) this.#commands.push({ kind: "reply", port: COMPACT_RULE, frame: others });
  }

  #take(slot: number, reassembler: SlotReassembler | undefined, outcome: SlotOutcome): void {
    if (reassembler !== undefined) this.#takeDropped(reassembler);
    if (outcome.kind === "datagram") {
      const { bytes, repeated } = outcome;
      this.#commands.push({ kind: "datagram", rule: COMPACT_RULE, bytes, window: slot, repeated });
    } else if (outcome.kind === "missing") {
      this.#commands.push({ kind: "reply", port: COMPACT_RULE, frame: this.#answer(slot) });
    }
  }

  /** What is missing of the compact tokens under way, to stand behind `before` bytes of an acknowledgement with history; may be empty. */
  missing(before: number): Uint8Array {
    return this.#answer(undefined, undefined, before);
  }

  /**
   * What is missing of all that is under way, but nothing of slot `but`; that of `slot` in front, though nothing be under way there. Slots for which the
   * downlink has no room are left to a later one.
   */
  #answer(slot: number | undefined, but: number | undefined = slot, before = 0): Uint8Array {
    const room = Math.max(ANSWER_BYTES_MIN, ...this.#lengths) - before;
    const frame = new Uint8Array(MAX_SLOT_ANSWER_BYTES);
    let length = 0;
    if (slot !== undefined) {
      length = writeSlotMissing(slot, (this.#slots[slot] ?? new SlotReassembler()).missing(), frame, length);
    }
    for (let other = 0; other < SLOTS; other++) {
      const reassembler = this.#slots[other];
      if (other === but || reassembler === undefined || !reassembler.isCollecting) continue;
      const end = writeSlotMissing(other, reassembler.missing(), frame, length);
      if (end <= room) length = end;
    }
    return frame.subarray(0, length);
  }

  #takeDropped(reassembler: SlotReassembler): void {
    if (reassembler.dropped !== "") this.#refuse(reassembler.dropped);
    reassembler.dropped = "";
  }

  #takeWhole(): void {
    const whole = this.#whole;
    if (whole === undefined) return;
    for (let command = whole.pollCommand(); command !== undefined; command = whole.pollCommand()) {
      if (command.kind === "datagram") this.#commands.push({ ...command, rule: TOKEN_FPORT });
      else if (command.kind === "reply") this.#commands.push({ ...command, port: TOKEN_FPORT });
      else if (command.kind === "parity") this.#commands.push({ ...command, rule: TOKEN_FPORT });
      else this.#commands.push(command);
    }
  }

  #refuse(reason: string): void {
    this.#commands.push({ kind: "dropped", reason });
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
