import assert from "node:assert/strict";
import { loadAdapter, resetSdk, sdk } from "./moddable-fakes.ts";

const clock = { nowMs: () => sdk.time.nowMs };
/** 2026-08-01 00:00:00 UTC. */
const UNIX_S = 1_785_542_400;

/** A server's answer (RFC 5905 7.3) with a root delay of 1/32 s and a root dispersion of 1/64 s. */
function answer(unixS: number, fraction = 0, first = 0x24, stratum = 2): DataView {
  const packet = new DataView(new ArrayBuffer(48));
  packet.setUint8(0, first);
  packet.setUint8(1, stratum);
  packet.setUint32(4, 65_536 / 32);
  packet.setUint32(8, 65_536 / 64);
  packet.setUint32(40, (unixS + 2_208_988_800) % 2 ** 32);
  packet.setUint32(44, fraction);
  return packet;
}

describe("SNTP", () => {
  beforeEach(resetSdk);

  it("RFC 5905 6: seconds and fraction of the transmit time", async () => {
    const { sntpTimeMs } = await loadAdapter("sntp.ts");
    assert.equal(sntpTimeMs(answer(UNIX_S)), UNIX_S * 1000);
    assert.equal(sntpTimeMs(answer(UNIX_S, 2 ** 31)), UNIX_S * 1000 + 500);
  });

  it("RFC 5905 6: the second era, from 2036-02-07 on", async () => {
    const { sntpTimeMs } = await loadAdapter("sntp.ts");
    const afterS = 2_085_978_496 + 10;
    assert.equal(sntpTimeMs(answer(afterS)), afterS * 1000);
  });

  it("RFC 5905 7.3, 7.4: no answer is taken from an unsynchronised server, a kiss of death, another mode, or a short packet", async () => {
    const { sntpTimeMs } = await loadAdapter("sntp.ts");
    assert.equal(sntpTimeMs(answer(UNIX_S, 0, 0xe4)), undefined);
    assert.equal(sntpTimeMs(answer(UNIX_S, 0, 0x24, 0)), undefined);
    assert.equal(sntpTimeMs(answer(UNIX_S, 0, 0x24, 16)), undefined);
    assert.equal(sntpTimeMs(answer(UNIX_S, 0, 0x23)), undefined);
    assert.equal(sntpTimeMs(new DataView(new ArrayBuffer(47))), undefined);
  });

  it("states the time of the answer with half the round trip and the server's root distance as uncertainty", async () => {
    const { SntpClient } = await loadAdapter("sntp.ts");
    const sent: { bytes: number; first: number; to: string; port: number }[] = [];
    let readable: (packets: number) => void = () => {};
    let closed = 0;
    sdk.modules["embedded:io/socket/udp"] = class {
      constructor(options: { onReadable: (packets: number) => void }) {
        readable = options.onReadable;
      }
      write(packet: Uint8Array, to: string, port: number): void {
        sent.push({ bytes: packet.length, first: packet[0], to, port });
      }
      read(): ArrayBuffer {
        return answer(UNIX_S).buffer as ArrayBuffer;
      }
      close(): void {
        closed++;
      }
    };
    sdk.system.resolve = (host, callback) => callback(host, host === "time.example" ? "192.0.2.1" : undefined);
    const told: number[][] = [];
    const client = new SntpClient(clock);
    client.ask("nowhere.example", () => assert.fail("no address"));
    sdk.time.nowMs = 1000;
    client.ask("time.example", (...values: number[]) => told.push(values));
    sdk.time.nowMs = 1080;
    readable(1);
    readable(1);
    assert.deepEqual(sent, [{ bytes: 48, first: 0x23, to: "192.0.2.1", port: 123 }]);
    assert.deepEqual(told, [[UNIX_S * 1000 + 40, 1080, 40 + 15.625 + 15.625 + 1]]);
    assert.equal(closed, 1);
  });
});
