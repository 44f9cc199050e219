/** `groundtruth simulate` when it cannot do what it is asked: exit code 2, and a message that says what, where and what next. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { groundtruth, groundtruthSoon, type Outcome } from "./simulation.ts";

describe("groundtruth simulate: what it refuses", () => {
  const USAGE = [
    "--nodes 0",
    "--nodes 1.5",
    "--hours 1 --days 1",
    "--days -1",
    "--seed x",
    "--region XX000",
    "--data-rate 6",
    "--uplink pigeon",
    "--sample-interval 0",
    "--batch 0",
    "--loss 1",
    "--engine v8",
    "--columns temperature=t",
    "--mqtt mqtt://127.0.0.1:1",
    "--replay nowhere.csv",
    "--nonsense",
    "unasked",
  ];
  const HEADER = "time_utc,air_temperature_degC,pressure_hPa";
  const GOOD_ROW = "2024-01-01T00:00:00Z,1,1000";
  const REPLAYS: { name: string; lines: string[]; columns?: string; message: string }[] = [
    {
      name: "a cell that is no number",
      lines: [HEADER, GOOD_ROW, "2024-01-01T00:01:00Z,warm,1000"],
      message: "line 3, column air_temperature_degC: number-not-understood",
    },
    {
      name: "times that stand still",
      lines: [HEADER, GOOD_ROW, GOOD_ROW],
      message: "line 3, column time_utc: time-not-ascending",
    },
    { name: "a row cut short", lines: [HEADER, "2024-01-01T00:01:00Z,1"], message: "line 2: too-few-cells" },
    {
      name: "no column that is known",
      lines: ["when,what", "1,2"],
      message: "line 1, column time_utc: no-time-column",
    },
    { name: "an empty file", lines: [], message: "line 1, column time_utc: no-time-column" },
    {
      name: "--columns and a name that it does not have",
      lines: [HEADER, GOOD_ROW],
      columns: "humidity=rh",
      message: "line 1, column rh: unknown-column",
    },
    {
      name: "--columns that cannot be read",
      lines: [HEADER, GOOD_ROW],
      columns: "humidity",
      message: "mapping, column humidity: mapping-not-understood",
    },
  ];
  let folder: string;
  let usage: Outcome[];
  let replays: Outcome[];
  const fileOf = (index: number): string => join(folder, `${index}.csv`);

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "groundtruth-refusals-"));
    usage = await Promise.all(
      USAGE.map((line) => groundtruthSoon("simulate", "--hours", "1", ...line.split(" "), "--json")),
    );
    replays = await Promise.all(
      REPLAYS.map(({ lines, columns }, index) => {
        writeFileSync(fileOf(index), lines.join("\n"));
        const mapping = columns === undefined ? [] : ["--columns", columns];
        return groundtruthSoon("simulate", "--replay", fileOf(index), ...mapping, "--out", join(folder, "out"));
      }),
    );
  });
  after(() => rmSync(folder, { recursive: true }));

  USAGE.forEach((line, index) => {
    it(`${line}: exit code 2, a message that names it, and nothing on standard output`, () => {
      const { status, out, err } = usage[index];
      assert.equal(status, 2);
      assert.equal(out, "");
      assert.ok(err.includes(line === "unasked" ? "too many arguments" : line.split(" ")[0]), err);
    });
  });

  REPLAYS.forEach(({ name, message, columns }, index) => {
    it(`--replay with ${name}: exit code 2, line and column, and the output folder stays as it was`, () => {
      const { status, out, err } = replays[index];
      assert.equal(status, 2);
      assert.equal(out, "");
      const where = message.startsWith("mapping") ? `--columns ${columns}` : `--replay ${fileOf(index)}, line `;
      assert.ok(err.startsWith(`error: the replayed file cannot be used: ${message}\n  where: ${where}`), err);
      assert.match(err, /\n {2}next: {2}.+\n$/);
      assert.ok(!existsSync(join(folder, "out")));
    });
  });

  it("--out that cannot be written: exit code 2, and the folder's name", () => {
    const { status, err } = groundtruth("simulate", "--hours", "1", "--out", fileOf(0));
    assert.equal(status, 2);
    assert.ok(err.includes(`where: --out ${fileOf(0)}\n`), err);
  });
});
