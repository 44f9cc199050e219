import { deepEqual, equal, ok } from "node:assert/strict";
import {
  CERTIFICATION_KEY,
  Certification,
  type CertificationCommand,
} from "../../../../firmware/core/lorawan/certification.ts";

const VERSION = Uint8Array.of(1, 2, 3, 4);

function commands(machine: Certification): CertificationCommand[] {
  const all: CertificationCommand[] = [];
  for (let command = machine.pollCommand(); command !== undefined; command = machine.pollCommand()) all.push(command);
  return all;
}

function tell(machine: Certification, payload: string, nowMs = 1_000, port = 224): CertificationCommand[] {
  const bytes = Buffer.from(payload, "hex");
  machine.handle({ kind: "downlink", port, payload: bytes, length: bytes.length }, nowMs);
  return commands(machine);
}

/** What goes out at the next opportunity. */
function uplink(machine: Certification, nowMs = 1_000, maxPayload = 242): string | undefined {
  machine.handle({ kind: "opportunity", maxPayload }, nowMs);
  const [send] = commands(machine);
  if (send === undefined) return undefined;
  ok(send.kind === "send");
  const bytes = Buffer.from(send.payload.slice(0, send.length)).toString("hex");
  return `${send.port} ${bytes}${send.confirmed ? " confirmed" : ""}`;
}

describe("FPort 224", () => {
  it("TS009-1.1.0 5: what asks for no answer is carried out once", () => {
    const machine = new Certification(VERSION);
    const kinds = (payload: string): string[] => tell(machine, payload).map(({ kind }) => kind);
    deepEqual(kinds("01"), ["reset"]);
    deepEqual(kinds("02"), ["join"]);
    deepEqual(tell(machine, "0400"), [{ kind: "setAdr", on: false }]);
    deepEqual(tell(machine, "0501"), [{ kind: "setDutyCycle", on: true }]);
    deepEqual(kinds("20"), ["requestLinkCheck"]);
    equal(uplink(machine), "1 01", "the request rides on an uplink of its own");
    deepEqual(kinds("21"), ["requestTime"]);
    equal(uplink(machine), "1 02");
    equal(uplink(machine), undefined);
  });

  it("TS009-1.1.0 5: other classes, beacons, ping slots, a continuous wave, unknown and cut commands are without effect", () => {
    const machine = new Certification(VERSION);
    const before = new Uint8Array(512);
    const length = machine.save(before, 0);
    for (const command of [
      "0301",
      "0302",
      "2203",
      "4001",
      "42",
      "43",
      "7d0a0028768464",
      "55",
      "04",
      "0402",
      "05",
      "060b",
      "06",
      "0703",
    ]) {
      deepEqual(tell(machine, command), [], command);
      equal(uplink(machine), undefined, command);
    }
    tell(machine, "0a");
    const after = new Uint8Array(512);
    // The frames were counted; reset the count, and forget that one came with this uplink.
    machine.handle({ kind: "sent", acknowledged: false }, 0);
    equal(machine.save(after, 0), length);
    deepEqual(after, before);
  });

  it("TS009-1.1.0 4.2.1: frames for the application count, acknowledgements too, each uplink's once", () => {
    const machine = new Certification(VERSION);
    const count = (): number => {
      tell(machine, "09");
      return Buffer.from(uplink(machine)!.slice(4), "hex").readUInt16LE(1);
    };
    tell(machine, "0a");
    equal(count(), 1);
    machine.handle({ kind: "sent", acknowledged: true }, 0);
    machine.handle({ kind: "sent", acknowledged: true }, 0);
    tell(machine, "aabb", 0, 10);
    machine.handle({ kind: "sent", acknowledged: false }, 0);
    equal(count(), 4, "one acknowledgement alone, one frame, two requests");
  });

  it("TS009-1.1.0 4.2.3: a new command drops the answer to the last; an answer is cut to what fits", () => {
    const machine = new Certification(VERSION);
    tell(machine, "00");
    tell(machine, "7f");
    equal(uplink(machine), "224 7f010203040100040002010004");
    tell(machine, "08ff00fe");
    equal(uplink(machine, 1_000, 3), "224 080001");
    tell(machine, `08${"41".repeat(241)}`);
    equal(uplink(machine)!.length, 4 + 2 * 242);
    tell(machine, "08");
    equal(uplink(machine, 1_000, 0), "-1 ", "where nothing fits, an empty frame");
  });

  it("TS009-1.1.0 5: own uplinks in the period, confirmed where asked; a refused one goes when it may", () => {
    const machine = new Certification(VERSION);
    equal(machine.pollTimeout(), undefined);
    tell(machine, "0601", 10_000);
    ok(machine.isInCharge);
    equal(machine.pollTimeout(), 15_000);
    equal(uplink(machine, 14_999), undefined);
    equal(uplink(machine, 15_000), "1 01");
    tell(machine, "0702");
    equal(uplink(machine, 20_000), "1 02 confirmed");
    machine.handle({ kind: "refused", untilMs: 60_000 }, 20_001);
    equal(machine.pollTimeout(), 60_000);
    equal(uplink(machine, 59_999), undefined);
    equal(uplink(machine, 60_000), "1 03 confirmed");
    tell(machine, "0600");
    ok(!machine.isInCharge);
    equal(machine.pollTimeout(), undefined);
  });

  it("TS009-1.1.0 5: switched off it stays off, through a restart and for ever", () => {
    const machine = new Certification(VERSION);
    const [store, reset] = tell(machine, "7e");
    ok(store.kind === "store" && reset.kind === "reset");
    equal(store.key, CERTIFICATION_KEY);
    deepEqual(tell(machine, "00"), []);
    equal(uplink(machine), undefined);
    const flash = store.value.slice(0, store.length);
    const next = new Certification(VERSION);
    next.loadPersistent((_key, into) => {
      into.set(flash);
      return flash.length;
    });
    tell(next, "00");
    equal(uplink(next), undefined);
    equal(next.pollTimeout(), undefined);
  });

  it("saved and restored it goes on; a damaged state is refused", () => {
    const machine = new Certification(VERSION);
    tell(machine, "0603", 5_000);
    tell(machine, "0702", 5_000);
    tell(machine, "08a0a1", 6_000);
    const bytes = new Uint8Array(512);
    const end = machine.save(bytes, 7);
    const next = new Certification(VERSION);
    equal(next.restore(bytes, 7, 6_000), end);
    equal(uplink(next, 6_000), "224 08a1a2 confirmed");
    equal(next.pollTimeout(), 26_000);
    bytes[12] ^= 1;
    equal(new Certification(VERSION).restore(bytes, 7, 6_000), -1);
  });
});
