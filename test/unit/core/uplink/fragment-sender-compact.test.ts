/** The fragment sender with compact tokens (RuleID 20, FPorts 20, 30 and 31) against the receiver's own reassembly, saved and restored at each step. */
import assert from "node:assert/strict";
import { COMPACT_ACK_REQUESTS_MAX } from "../../../../firmware/core/bounds.ts";
import { FragmentSender } from "../../../../firmware/core/uplink/fragment-sender.ts";
import { WHOLE_COMPACT_FPORT } from "../../../../firmware/core/uplink/outgoing-datagram.ts";
import { crc32 } from "../../../../firmware/wire/crc32.ts";
import {
  COMPACT_RULE,
  newParityFrame,
  PARITY_FPORT,
  type ParityRule,
  parseParityFrame,
} from "../../../../firmware/wire/parity-frame.ts";
import { newFragment, parseFragment, TOKEN_FPORT, tileCount } from "../../../../firmware/wire/schc-fragment.ts";
import { MISSING_BYTES, writeSlotEnded, writeSlotMissing } from "../../../../firmware/wire/slot-answer.ts";
import { MAX_SLOT_BYTES, newSlotFragment, parseSlotFragment } from "../../../../firmware/wire/slot-fragment.ts";
import { RandomStream } from "../../../../host-sim/random-stream.ts";
import { FragmentPorts } from "../../../../tools/receiver/fragment-ports.ts";
import { counts } from "../../../counts.ts";
import { throughSavedState } from "../saved-state.ts";

const SEQ = 70_001;

function datagramOf(length: number, salt = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 37 + (i >> 3) + salt) & 0xff);
}

class Link {
  sender: FragmentSender;
  ports = new FragmentPorts();
  nowMs = 0;
  datagram: Uint8Array;
  received: Uint8Array[] = [];
  frames: string[] = [];
  downlinks = 0;
  lost: (up: boolean) => boolean = () => false;
  maxPayload: () => number = () => 51;
  more = false;
  confirms = true;
  #new: () => FragmentSender;
  #rule: ParityRule;

  constructor(length: number, downlinks = true, rule: ParityRule = COMPACT_RULE, aheadPercent?: number) {
    this.#new = () => new FragmentSender({ downlinks, ...(aheadPercent === undefined ? {} : { aheadPercent }) });
    this.#rule = rule;
    this.sender = this.#new();
    this.datagram = datagramOf(length);
    if (!downlinks) this.lost = (up) => !up;
    this.start(false);
  }

  start(resumed: boolean, missing?: Uint8Array): void {
    this.sender.start(this.datagram, this.datagram.length, this.#rule, SEQ, resumed, missing);
  }

  #cycle(): void {
    this.sender = throughSavedState(this.sender, this.#new);
    this.sender.reload(this.datagram, this.datagram.length);
  }

  /** Sends until the sender rests. Returns how it ended. */
  run(): string {
    for (let steps = 0; steps < 500 && !this.sender.idle; steps++) {
      if (!this.sender.wantsToSend) {
        this.nowMs = this.sender.pollTimeout() as number;
        this.sender.handleTimeout(this.nowMs);
        continue;
      }
      this.#cycle();
      const length = this.sender.nextFrame(this.maxPayload());
      assert.ok(length > 0, "nothing fits");
      const frame = this.sender.frame.slice(0, length);
      const { port } = this.sender;
      this.frames.push(describeFrame(port, frame));
      this.#cycle();
      if (!this.lost(true)) this.#deliver(port, frame);
      this.sender.sent(this.nowMs, this.more);
      this.#cycle();
    }
    assert.equal(this.sender.idle, true, "it comes to an end");
    if (this.sender.takeFailed()) return "failed";
    return this.sender.takeDone() ? "done" : "confirmed";
  }

  #deliver(port: number, frame: Uint8Array): void {
    this.ports.handle(port, frame, this.nowMs);
    let answered = false;
    for (let command = this.ports.pollCommand(); command !== undefined; command = this.ports.pollCommand()) {
      // At 40 % loss so many answers in a row are lost now and then.
      if (command.kind === "dropped") assert.equal(command.reason, "too-many-acknowledgements");
      if (command.kind === "datagram") this.received.push(command.bytes.slice());
      if (answered) continue;
      answered = true;
      this.downlinks++;
      if (this.lost(false)) continue;
      if (command.kind === "datagram" && this.confirms) this.sender.confirmed();
      if (command.kind === "reply") this.sender.received(command.port, command.frame, command.frame.length);
      if (command.kind === "parity") {
        this.sender.requestParity(command.rule, command.firstParity, command.tiles, command.check);
      }
    }
  }
}

function describeFrame(port: number, frame: Uint8Array): string {
  if (port === WHOLE_COMPACT_FPORT) return "whole";
  if (port === PARITY_FPORT) {
    const parity = newParityFrame();
    assert.ok(parseParityFrame(frame, frame.length, parity), parity.reason);
    if (parity.tiles === 0) return "header";
    return `p${parity.firstParity}+${parity.tiles}${parity.hasHeader ? "" : "!"}`;
  }
  if (port === TOKEN_FPORT) {
    const fragment = newFragment();
    assert.ok(parseFragment(frame, frame.length, fragment), fragment.reason);
    return fragment.kind === "regular" ? `${fragment.firstTile}+${fragment.tiles}` : fragment.kind;
  }
  const fragment = newSlotFragment();
  assert.ok(parseSlotFragment(frame, frame.length, fragment), fragment.reason);
  assert.equal(fragment.slot, SEQ % 4);
  const tiles = `${fragment.firstTile}+${tileCount(fragment.payloadLength)}`;
  return fragment.kind === "regular" ? tiles : fragment.kind === "all-1" ? `all-1 ${tiles}` : "ask";
}

function bitsOf(tiles: readonly number[]): Uint8Array {
  const bits = new Uint8Array(MISSING_BYTES);
  for (const tile of tiles) bits[tile >>> 3] |= 0x80 >>> (tile & 7);
  return bits;
}

function answer(kind: "complete" | "abort" | readonly number[], slot = SEQ % 4): Uint8Array {
  const into = new Uint8Array(9);
  if (typeof kind !== "string") return into.slice(0, writeSlotMissing(slot, bitsOf(kind), into, 0));
  return into.slice(0, writeSlotEnded(slot, kind === "abort", into, 0));
}

describe("fragment sender, compact tokens (RuleID 20)", () => {
  it("sends a token that fits one frame as it is, on FPort 30", () => {
    const link = new Link(190);
    link.maxPayload = () => 222;
    assert.equal(link.run(), "confirmed");
    assert.deepEqual(link.frames, ["whole"]);
    assert.deepEqual(link.received, [link.datagram]);
    assert.equal(link.downlinks, 1);
  });

  it("the All-1 takes as many of the last tiles as fit: EU868 DR0, DR3", () => {
    const slow = new Link(165);
    assert.equal(slow.run(), "confirmed");
    assert.deepEqual(slow.frames, ["0+5", "5+5", "10+5", "all-1 15+2"]);
    const fast = new Link(165);
    fast.maxPayload = () => 115;
    assert.equal(fast.run(), "confirmed");
    assert.deepEqual(fast.frames, ["0+11", "all-1 11+6"]);
    for (const link of [slow, fast]) assert.deepEqual([link.received, link.downlinks], [[link.datagram], 1]);
  });

  it("US915 DR0, 11 bytes: a tile a frame; a last tile that does not fit beside length and check goes before the All-1", () => {
    for (const [length, last] of [
      [34, ["all-1 3+1"]],
      [35, ["3+1", "all-1 4+0"]],
      [40, ["3+1", "all-1 4+0"]],
    ] as const) {
      const link = new Link(length);
      link.maxPayload = () => 11;
      assert.equal(link.run(), "confirmed");
      assert.deepEqual(link.frames, ["0+1", "1+1", "2+1", ...last]);
      assert.deepEqual(link.received, [link.datagram]);
    }
  });

  it("packs the tiles to each frame's room when the data rate changes within the token", () => {
    const rooms = [51, 11, 115];
    const link = new Link(300);
    link.maxPayload = () => rooms[Math.min(link.frames.length, 2)];
    assert.equal(link.run(), "confirmed");
    assert.deepEqual(link.frames, ["0+5", "5+1", "6+11", "17+11", "all-1 28+2"]);
  });

  it("sends again what the answer says is missing, and is not asked to end: the last of it is answered", () => {
    const link = new Link(165);
    link.lost = (up) => up && (link.frames.length === 1 || link.frames.length === 3);
    assert.equal(link.run(), "confirmed");
    assert.deepEqual(link.frames, ["0+5", "5+5", "10+5", "all-1 15+2", "0+5", "10+5"]);
    assert.equal(link.downlinks, 2);
  });

  it("missing tiles that lie apart go as parity tiles where that takes fewer frames", () => {
    const link = new Link(164);
    link.maxPayload = () => (link.frames.length < 17 ? 11 : 51);
    link.lost = (up) => up && [3, 7, 11].includes(link.frames.length);
    assert.equal(link.run(), "confirmed");
    assert.deepEqual(link.frames.slice(-2), ["all-1 16+1", "p0+3"]);
    assert.deepEqual(link.received, [link.datagram]);
  });

  it("is set aside when nothing is answered; resumed, it sends its last frame and then what is missing", () => {
    const link = new Link(165);
    link.lost = (up) => up && [2, 4].includes(link.frames.length);
    assert.equal(link.run(), "done");
    assert.equal(link.sender.takeDone(), false);
    link.frames = [];
    link.lost = () => false;
    link.start(true);
    assert.equal(link.run(), "confirmed");
    assert.deepEqual(link.frames, ["all-1 15+2", "5+5"]);
  });

  it("resumed with what the receiver lacks it sends just that; what fits no tile of it counts as not said", () => {
    for (const [missing, frames] of [
      [
        [5, 6, 7, 8, 9, 15, 16, 62],
        ["5+5", "all-1 15+2"],
      ],
      [[40], ["all-1 15+2", "5+5"]],
    ] as const) {
      const again = new Link(165);
      again.lost = (up) => up && [2, 4].includes(again.frames.length);
      again.run();
      again.lost = () => false;
      again.frames = [];
      again.start(true, bitsOf(missing));
      assert.equal(again.run(), "confirmed");
      assert.deepEqual(again.frames, frames);
    }
  });

  it("resumed in one frame it goes as a whole again", () => {
    const link = new Link(165);
    link.maxPayload = () => 222;
    link.lost = () => true;
    assert.equal(link.run(), "done");
    link.lost = () => false;
    link.start(true);
    assert.equal(link.run(), "confirmed");
    assert.deepEqual(link.frames, ["whole", "whole"]);
  });

  it("where a frame is a small part of the token it asks by parity tiles, a few times", () => {
    const link = new Link(164);
    link.maxPayload = () => 11;
    link.lost = (up) => up && link.frames.length >= 17;
    assert.equal(link.run(), "done");
    assert.deepEqual(
      link.frames.slice(17),
      Array.from({ length: COMPACT_ACK_REQUESTS_MAX }, (_, i) => `p${i}+1!`),
    );
  });

  it("such a tile counts: the receiver asks for one tile less", () => {
    const link = new Link(164);
    link.maxPayload = () => 11;
    link.lost = (up) => up && [1, 5, 17].includes(link.frames.length);
    assert.equal(link.run(), "confirmed");
    // The All-1 was lost, too: the first parity tile stands for tile 0.
    assert.deepEqual(link.frames.slice(17), ["p0+1!", "4+1", "all-1 16+1"]);
  });

  it("fetches what the network holds for it, a few times", () => {
    const link = new Link(165);
    link.more = true;
    link.lost = (up) => !up;
    assert.equal(link.run(), "done");
    assert.deepEqual(link.frames.slice(4), Array<string>(COMPACT_ACK_REQUESTS_MAX).fill("ask"));
  });

  it("ends as the receiver says: complete or nothing missing, set aside; abort, failed; another slot's is not for it", () => {
    for (const [kind, slot, ends] of [
      ["complete", SEQ % 4, "done"],
      [[], SEQ % 4, "done"],
      ["abort", SEQ % 4, "failed"],
      ["abort", 2, undefined],
    ] as const) {
      const link = new Link(165);
      link.sender.nextFrame(51);
      const frame = answer(kind, slot);
      const ignored = link.sender.received(COMPACT_RULE, frame, frame.length);
      assert.equal(ignored, ends === undefined ? "no-answer-for-it" : undefined);
      assert.equal(link.sender.idle, ends !== undefined);
      if (ends === "done") assert.equal(link.sender.takeDone(), true);
      if (ends === "failed") assert.equal(link.sender.takeFailed(), true);
    }
  });

  it("gives up without a word, and ignores answers after", () => {
    const link = new Link(165);
    link.sender.nextFrame(51);
    link.sender.abort();
    assert.equal(link.sender.wantsToSend, false);
    assert.equal(link.sender.takeFailed(), true);
    const frame = answer([3]);
    assert.equal(link.sender.received(COMPACT_RULE, frame, frame.length), "no-datagram");
    assert.equal(link.sender.requestParity(COMPACT_RULE, 0, 1, crc32(link.datagram, 0, 165)), "no-datagram");
    assert.equal(link.sender.lacks(frame, 0, frame.length), "no-datagram");
  });

  it("a frame that was refused goes again", () => {
    const { sender } = new Link(100);
    const first = sender.frame.slice(0, sender.nextFrame(51));
    sender.refused();
    sender.sent(0, false);
    assert.deepEqual(sender.frame.slice(0, sender.nextFrame(51)), first);
  });
});

describe("fragment sender, parity tiles", () => {
  it("makes those that are asked for, under either rule, and nothing else", () => {
    for (const rule of [COMPACT_RULE, TOKEN_FPORT] as const) {
      const link = new Link(165, true, rule);
      link.sender.nextFrame(51);
      const check = crc32(link.datagram, 0, 165);
      assert.equal(link.sender.requestParity(rule, 9, 6, check ^ 1), "parity-of-another");
      const other = rule === COMPACT_RULE ? TOKEN_FPORT : COMPACT_RULE;
      assert.equal(link.sender.requestParity(other, 9, 6, check), "parity-of-another");
      assert.equal(link.sender.requestParity(rule, 9, 6, check), undefined);
      link.lost = () => true;
      link.frames = [];
      assert.notEqual(link.run(), "confirmed");
      assert.deepEqual(link.frames.slice(0, 2), ["p9+4", "p13+2"]);
    }
  });

  it("asks again from the All-1 where frames cannot name the tile that is wanted", () => {
    const link = new Link(165);
    link.maxPayload = () => 11;
    assert.equal(link.sender.requestParity(COMPACT_RULE, 40, 2, crc32(link.datagram, 0, 165)), undefined);
    link.lost = (up) => up && link.frames.length > 1;
    link.run();
    assert.equal(link.frames[0], "all-1 17+0");
  });

  it("whole tokens: a receiver that has parity tiles asks for as many as are missing still", () => {
    const link = new Link(500, true, TOKEN_FPORT);
    link.lost = (up) => up && [2, 3, 4, 12].includes(link.frames.length);
    // After the All-1's bitmap the sender is asked for parity by the operator, say; then one of its frames is lost.
    const check = crc32(link.datagram, 0, 500);
    const { lost } = link;
    link.lost = (up) => {
      if (up && link.frames.length === 11) link.sender.requestParity(TOKEN_FPORT, 0, 15, check);
      return lost(up);
    };
    assert.equal(link.run(), "confirmed");
    assert.deepEqual(link.received, [link.datagram]);
  });

  it("without downlinks goes ahead of any request, and any half of it all is enough", () => {
    const link = new Link(165, false, COMPACT_RULE, 100);
    assert.equal(link.run(), "done");
    assert.deepEqual(link.frames, ["0+5", "5+5", "10+5", "all-1 15+2", "p0+4", "p4+4", "p8+4", "p12+4", "p16+4"]);
    const torn = new Link(165, false, COMPACT_RULE, 100);
    torn.lost = (up) => !up || torn.frames.length <= 4;
    assert.equal(torn.run(), "done");
    assert.deepEqual(torn.received, [torn.datagram]);
  });

  it("frames hold about as many tiles each then: one of parity tiles makes up for any one of them", () => {
    for (let lost = 1; lost <= 3; lost++) {
      const link = new Link(165, false, COMPACT_RULE, 50);
      link.maxPayload = () => 115;
      link.lost = (up) => !up || link.frames.length === lost;
      assert.equal(link.run(), "done");
      assert.deepEqual(link.frames, ["0+9", "all-1 9+8", "p0+10"]);
      assert.deepEqual(link.received.slice(0, 1), [link.datagram]);
    }
  });

  it("a token in one frame goes twice", () => {
    const link = new Link(165, false, COMPACT_RULE, 100);
    link.maxPayload = () => 222;
    assert.equal(link.run(), "done");
    assert.deepEqual(link.frames, ["whole", "whole"]);
  });

  it("in fragments after all, when the frames become shorter in between", () => {
    const link = new Link(165, false, COMPACT_RULE, 100);
    link.maxPayload = () => (link.frames.length === 0 ? 222 : 51);
    assert.equal(link.run(), "done");
    assert.deepEqual(link.frames.slice(0, 3), ["whole", "0+5", "5+5"]);
  });

  it("in 11 bytes with the header in the middle and at the end: the All-1 may be lost", () => {
    const link = new Link(164, false, COMPACT_RULE, 100);
    link.maxPayload = () => 11;
    link.lost = (up) => !up || link.frames.length % 2 === 1;
    assert.equal(link.run(), "done");
    assert.deepEqual(
      link.frames.filter((frame) => frame === "header" || frame.startsWith("all-1")),
      ["all-1 16+1", "header", "header"],
    );
    assert.equal(link.frames[link.frames.length - 1], "header");
  });

  it("whole tokens too: statements of a node that hears nothing", () => {
    const link = new Link(400, false, TOKEN_FPORT, 50);
    link.lost = (up) => !up || [2, 9].includes(link.frames.length);
    assert.equal(link.run(), "done");
    assert.deepEqual(link.received, [link.datagram]);
  });
});

describe("fragment sender and reassembly, seeded losses", () => {
  const ROOMS = [11, 51, 51, 115, 222, 242];
  const runs = counts(400, 20_000);
  it(`${runs} compact tokens at 0 to 40 % loss and any data rates: resumed until they are confirmed, whole and right`, function () {
    this.timeout(0);
    let resumes = 0;
    for (let seed = 0; seed < runs; seed++) {
      const dice = new RandomStream(seed, "compact");
      const link = new Link(1 + (dice.u32() % MAX_SLOT_BYTES));
      const loss = dice.unit() * 0.4;
      link.lost = () => dice.unit() < loss;
      link.maxPayload = () => ROOMS[dice.u32() % ROOMS.length];
      for (let ended = link.run(); ended !== "confirmed"; ended = link.run()) {
        assert.equal(ended, "done", `seed ${seed}`);
        assert.ok(++resumes < 20 * runs, `seed ${seed}`);
        link.start(true);
      }
      assert.ok(link.received.length > 0);
      for (const bytes of link.received) assert.deepEqual(bytes, link.datagram, `seed ${seed}`);
    }
    assert.ok(resumes < 3 * runs, `${resumes}`);
  });

  it(`${runs} tokens of either rule without downlinks: what arrives is right, and without loss all of it`, function () {
    this.timeout(0);
    let arrived = 0;
    for (let seed = 0; seed < runs; seed++) {
      const dice = new RandomStream(seed, "ahead");
      const rule = dice.u32() % 2 === 0 ? COMPACT_RULE : TOKEN_FPORT;
      const link = new Link(1 + (dice.u32() % MAX_SLOT_BYTES), false, rule);
      const loss = seed % 4 === 0 ? 0 : 0.15;
      link.lost = (up) => !up || dice.unit() < loss;
      const room = ROOMS[dice.u32() % ROOMS.length];
      link.maxPayload = () => room;
      assert.equal(link.run(), "done");
      if (loss === 0) assert.ok(link.received.length > 0, `seed ${seed}`);
      if (link.received.length > 0) arrived++;
      for (const bytes of link.received) assert.deepEqual(bytes, link.datagram, `seed ${seed}`);
    }
    assert.ok(arrived > 0.93 * runs, `${arrived} of ${runs}`);
  });

  it("any downlinks at any time leave it able to finish", () => {
    for (let seed = 0; seed < counts(500, 20_000); seed++) {
      const dice = new RandomStream(seed, "hostile");
      const rule = seed % 2 === 0 ? COMPACT_RULE : TOKEN_FPORT;
      const link = new Link(1 + (dice.u32() % 600), true, rule);
      const check = crc32(link.datagram, 0, link.datagram.length);
      let left = 30;
      link.lost = (up) => {
        if (up && left-- > 0) {
          const bytes = Uint8Array.from({ length: dice.u32() % 12 }, () => dice.u32() & 0xff);
          if (dice.u32() % 3 === 0) link.sender.requestParity(rule, dice.u32() % 64, 1 + (dice.u32() % 64), check);
          else link.sender.received(rule, bytes, bytes.length);
        }
        return true;
      };
      link.run();
    }
  });
});
