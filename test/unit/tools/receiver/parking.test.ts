import assert from "node:assert/strict";
import { MAX_PARKED, MAX_PARKED_OF_NODE, PARKED_MS, type Parked, Parking } from "../../../../tools/receiver/parking.ts";

type Item = { bytes: Uint8Array };

function entry(devEui: string, number: number, receivedUnixMs = 0, tries = 0): Parked<Item> {
  const signature = new Uint8Array(64);
  new DataView(signature.buffer).setUint32(0, number);
  return { devEui, signature, reason: "value-unknown", receivedUnixMs, tries, item: { bytes: signature.slice(0, 8) } };
}

describe("parked tokens", () => {
  it("gives a node's tokens back in the order of their coming, once", () => {
    const parking = new Parking<Item>();
    for (const number of [3, 1, 2]) parking.park(entry("a", number));
    parking.park(entry("b", 9));
    assert.deepEqual(
      parking.take("a").map(({ signature }) => signature[3]),
      [3, 1, 2],
    );
    assert.deepEqual([parking.take("a").length, parking.sizeOf("a"), parking.size], [0, 0, 1]);
  });

  it("the same token in another form takes the place of the first, and its tries go on", () => {
    const parking = new Parking<Item>();
    parking.park(entry("a", 1, 0, 5));
    parking.park({ ...entry("a", 1, 7), item: { bytes: new Uint8Array(3) } });
    const [{ tries, receivedUnixMs, item }] = parking.take("a");
    assert.deepEqual([tries, receivedUnixMs, item.bytes.length], [5, 7, 3]);
  });

  it("bounds a node's share: its oldest goes, by name", () => {
    const parking = new Parking<Item>();
    parking.park(entry("b", 1));
    for (let i = 0; i < MAX_PARKED_OF_NODE; i++) assert.deepEqual(parking.park(entry("a", i)), []);
    assert.deepEqual(parking.park(entry("a", 999)), [{ devEui: "a", reason: "parked-too-many" }]);
    assert.equal(parking.sizeOf("a"), MAX_PARKED_OF_NODE);
    assert.equal(parking.sizeOf("b"), 1);
    assert.equal(parking.take("a")[0].signature[3], 1);
  });

  it("bounds all together: the oldest of all goes", () => {
    const parking = new Parking<Item>();
    for (let i = 0; i < MAX_PARKED; i++) parking.park(entry(`${i % 512}`, i));
    assert.deepEqual(parking.park(entry("new", 1)), [{ devEui: "0", reason: "parked-too-many" }]);
    assert.equal(parking.size, MAX_PARKED);
  });

  it("lets go of what has waited too long, by what it waited for", () => {
    const parking = new Parking<Item>();
    parking.park(entry("a", 1, 1000));
    parking.park(entry("a", 2, 2000));
    assert.equal(parking.expiresAtMs, 1000 + PARKED_MS);
    assert.deepEqual(parking.expire(1000 + PARKED_MS), [{ devEui: "a", reason: "value-unknown" }]);
    assert.equal(parking.sizeOf("a"), 1);
    parking.remove("a", entry("a", 2).signature);
    assert.deepEqual([parking.size, parking.expiresAtMs], [0, undefined]);
  });
});
