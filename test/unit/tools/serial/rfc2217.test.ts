import assert from "node:assert/strict";
import fc from "fast-check";
import { OptionState } from "../../../../tools/serial/option-state.ts";
import {
  baudRateBytes,
  comPortCommand,
  parseBaudRate,
  TELNET,
  TELNET_OPTION,
  type TelnetEvent,
  TelnetReader,
  telnetData,
} from "../../../../tools/serial/rfc2217.ts";
import { counts } from "../../../counts.ts";

const { iac, sb, se, will, wont, do: DO, dont } = TELNET;

function dataOf(events: TelnetEvent[]): number[] {
  return events.flatMap((event) => (event.kind === "data" ? [...event.bytes] : []));
}

describe("Telnet (RFC 854) and COM port control (RFC 2217)", () => {
  it("RFC 854: a data byte 255 is doubled, and read back, in whatever pieces it comes", () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.integer({ min: 1, max: 7 }), (bytes, size) => {
        const stream = telnetData(bytes);
        const reader = new TelnetReader();
        const read: number[] = [];
        for (let at = 0; at < stream.length; at += size)
          read.push(...dataOf(reader.push(stream.subarray(at, at + size))));
        assert.deepEqual(read, [...bytes]);
      }),
      { numRuns: counts(200, 5000), seed: 6 },
    );
  });

  it("RFC 2217: a command is read back, a value with 255 in it too", () => {
    const reader = new TelnetReader();
    const events = reader.push(comPortCommand(1, Uint8Array.of(255, 0, 255, 7)));
    assert.deepEqual(events, [{ kind: "comPort", command: 1, value: Uint8Array.of(255, 0, 255, 7) }]);
  });

  it("keeps the order of data and commands", () => {
    const stream = [0x41, ...comPortCommand(12, Uint8Array.of(3)), 0x42, iac, will, 0, 0x43];
    const events = new TelnetReader().push(Uint8Array.from(stream));
    assert.deepEqual(
      events.map(({ kind }) => kind),
      ["data", "comPort", "data", "option", "data"],
    );
  });

  it("drops subnegotiations that are too long, empty, of another option, or cut short", () => {
    for (const inside of [new Array(300).fill(1), [], [44], [24, 1, 2]]) {
      const reader = new TelnetReader();
      const events = reader.push(Uint8Array.from([iac, sb, ...inside, iac, se, 0x41]));
      assert.deepEqual([dataOf(events), events.length], [[0x41], 1]);
    }
    const events = new TelnetReader().push(Uint8Array.from([iac, sb, 44, 1, iac, 0x10, 0x41]));
    assert.deepEqual(dataOf(events), [0x41]);
  });

  it("takes any bytes without throwing, and reads what follows", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(0, 1, 44, sb, se, will, dont, iac, 0x41)), (bytes) => {
        const reader = new TelnetReader();
        reader.push(Uint8Array.from(bytes));
        // Whatever state it is in: an end of a subnegotiation, and once more for an option that was waited for.
        reader.push(Uint8Array.of(0, iac, se, 0x41, iac, se));
        assert.deepEqual(dataOf(reader.push(Uint8Array.of(0x42))), [0x42]);
      }),
      { numRuns: counts(500, 20_000), seed: 6 },
    );
  });

  it("RFC 2217 SET-BAUDRATE: four bytes, the highest first; too few ask for the present rate", () => {
    assert.deepEqual([...baudRateBytes(921600)], [0, 14, 16, 0]);
    assert.equal(parseBaudRate(baudRateBytes(3_000_000)), 3_000_000);
    assert.equal(parseBaudRate(Uint8Array.of(1, 2)), 0);
  });
});

describe("Telnet options (RFC 1143)", () => {
  it("two sides come to an end, whoever begins", () => {
    for (const both of [true, false]) {
      const sides = [new OptionState(), new OptionState()];
      const queues: Uint8Array[][] = [sides[1].opening(), both ? sides[0].opening() : []];
      let steps = 0;
      for (; queues[0].length + queues[1].length > 0 && steps < 100; steps++) {
        const to = queues[0].length > 0 ? 0 : 1;
        const [, verb, option] = queues[to].shift()!;
        const answer = sides[to].answer(verb, option);
        if (answer !== undefined) queues[1 - to].push(answer);
      }
      assert.ok(steps < 20, `${steps} steps`);
      assert.deepEqual(
        sides.map(({ comPortAgreed }) => comPortAgreed),
        [true, true],
      );
    }
  });

  it("refuses what it does not want, once for each question, and answers no refusal of it", () => {
    const state = new OptionState();
    const echo = 1;
    assert.deepEqual([...state.answer(DO, echo)!], [iac, wont, echo]);
    assert.deepEqual([...state.answer(will, echo)!], [iac, dont, echo]);
  });

  it("knows a refusal of the COM port option", () => {
    const state = new OptionState();
    state.opening();
    state.answer(dont, TELNET_OPTION.comPort);
    assert.equal(state.comPortAgreed, false);
  });
});
