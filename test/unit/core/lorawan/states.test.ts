import { deepEqual, ok } from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { STATE, TRANSITIONS } from "../../../../firmware/core/lorawan/states.ts";

const FOLDER = new URL("../../../../firmware/core/lorawan/", import.meta.url);

describe("the LoRaWAN machine's states", () => {
  it("TS001-1.0.4 3.3: the drawing at the top of states.ts shows the very transitions of the table", () => {
    const source = readFileSync(new URL("states.ts", FOLDER), "utf8");
    const header = source.slice(0, source.indexOf("*/"));
    const drawn = new Set<string>();
    for (const line of header.split("\n")) {
      // A chain: state --why--> state --why--> state
      for (const [, from, to] of line.matchAll(/(?=\b(\w+) --[^>]*--> (\w+))/g)) drawn.add(`${from} ${to}`);
    }
    const names = Object.keys(STATE);
    const tabled = TRANSITIONS.flatMap((targets, from) => targets.map((to) => `${names[from]} ${names[to]}`));
    ok(drawn.size > 8, "the drawing was found");
    deepEqual([...drawn].sort(), tabled.sort());
    deepEqual(Object.values(STATE), [...names.keys()], "states are numbered as they stand");
  });

  it("no file of the stack has over 400 lines", () => {
    const long: string[] = [];
    for (const folder of [".", "region"]) {
      for (const name of readdirSync(new URL(`${folder}/`, FOLDER))) {
        if (!name.endsWith(".ts")) continue;
        const lines = readFileSync(new URL(`${folder}/${name}`, FOLDER), "utf8").split("\n").length - 1;
        if (lines > 400) long.push(`${name}: ${lines}`);
      }
    }
    deepEqual(long, []);
  });
});
