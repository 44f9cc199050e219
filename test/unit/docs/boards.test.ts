import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { boardPage } from "../../../tools/flashing/board-pages.ts";
import { boardNames } from "../../../tools/flashing/boards.ts";
import { FEATURES, REGION_INDEX, regionFiles } from "../../../tools/flashing/features.ts";

const ROOT = join(import.meta.dirname, "../../..");
const FOLDER = join(ROOT, "docs/boards");

describe("the boards' pages", () => {
  const names = boardNames(ROOT);

  for (const name of names) {
    it(`${name}: page and picture are what its manifest makes of them (npm run docs:boards)`, async () => {
      const { page, picture } = await boardPage(ROOT, name);
      assert.equal(readFileSync(join(ROOT, page.path), "utf8"), page.text);
      assert.equal(readFileSync(join(ROOT, picture.path), "utf8"), picture.text);
    });

    it(`${name}: says that it was not tried, and every text of its picture has room`, async () => {
      const { page, picture } = await boardPage(ROOT, name);
      assert.match(page.text, /Nothing of this firmware was run on this board/);
      // A block is 270 wide, its text begins 18 inside; a letter of 11.5 to 13 is at most 7 wide on average.
      for (const [, x, text] of picture.text.matchAll(/<text x="(568)"[^>]*>([^<]*)</g))
        assert.ok(Number(x) + 7 * text.length <= 568 + 252, text);
    });
  }

  it("are one a board, and nothing else", () => {
    const expected = names.flatMap((name) => [`${name}.md`, `${name}.svg`]);
    assert.deepEqual(readdirSync(FOLDER).sort(), [...expected, "README.md"].sort());
  });

  it("README.md lists every board, in its list and in its table of sizes, with links that lead somewhere", () => {
    const text = readFileSync(join(FOLDER, "README.md"), "utf8");
    for (const name of names) assert.equal(text.split(`(${name}.md)`).length - 1, 2, name);
    for (const [, target] of text.matchAll(/\]\(([^)#]+)\)/g)) assert.ok(existsSync(join(FOLDER, target)), target);
  });

  it("docs/building.md names every feature and every region", () => {
    const text = readFileSync(join(ROOT, "docs/building.md"), "utf8");
    for (const { name } of FEATURES) assert.ok(text.includes(`\`${name}\``), name);
    for (const name of regionFiles(readFileSync(join(ROOT, `${REGION_INDEX}.ts`), "utf8")))
      assert.ok(text.includes(`\`${name}\``), name);
  });
});
