/** `groundtruth plan` from outside: the table, JSON, the chart, exit codes, and what it refuses. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { groundtruth, groundtruthSoon, type Outcome } from "./simulation.ts";

interface Batch {
  closes: "readings" | "frames";
  at: number;
  readings: number;
  tokenBytes: number;
  frames: number;
  tokensPerDay: number;
  airtimeSPerDay: number;
  dutyCycleShare?: number;
  downlinksPerDay: number;
  creditsPerDay: number;
  joulesPerDay: number;
  mahPerDay: number;
  batteryDays?: number;
  meanAgeS: number;
  worstAgeS: number;
  breaks: string[];
}

interface PlanFile {
  asked: Record<string, unknown>;
  tokenLengths: { kind: string; batches: number; text: string };
  statements: { digestBytes: number; bootBytes: number };
  plans: {
    link: { region: string; dataRate: number; maxPayload: number };
    limits: { name: string; value: number }[];
    recommended: number | null;
    leastAirtime: number | null;
    unkept: string[];
    batches: Batch[];
  }[];
}

function json({ out, err }: Outcome): PlanFile {
  assert.equal(err, "");
  return JSON.parse(out);
}

describe("groundtruth plan", () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "groundtruth-plan-"));
  });
  after(() => rmSync(folder, { recursive: true }));

  it("prints a table, what is recommended and why, where the figures come from, and what to try next", () => {
    const { status, out, err } = groundtruth("plan", "--region", "EU868", "--dr", "0", "--interval", "300");
    assert.deepEqual([status, err], [0, ""]);
    const lines = out.split("\n");
    assert.match(lines[0], /^EU868 DR0 \(SF12, 125 kHz\), weather every 5 min, network own, loss 0 %, deep sleep$/);
    assert.match(lines[2], /^ +batch +bytes +frames +air s\/day +duty % +B\/reading +mAh\/day +mean age +oldest$/);
    const rows = lines.slice(3, lines.indexOf("", 3));
    assert.ok(rows.length >= 15);
    // Aligned: without the words behind it each row is as long as the head.
    for (const row of rows) assert.equal(row.replace(/ {2}(breaks .*|recommended)$/, "").length, lines[2].length, row);
    assert.equal(rows.filter((row) => row.endsWith("recommended")).length, 1);
    assert.match(out, /\nrecommended: \d+ readings in a token; readings arrive .+ old on the average, .+ at most\n/);
    assert.match(out, /\n {2}keeps duty cycle: 1 % of any hour; takes 0\.\d+ %\n/);
    assert.match(out, /\ntoken lengths: generated weather, 240 batches/);
    assert.match(
      out,
      /\nNext:\n {2}npx groundtruth simulate --region EU868 --data-rate 0 --sample-interval 300 --batch \d+\n/,
    );
  });

  it("--json: the same figures, every length, and nothing else", () => {
    const file = json(groundtruth("plan", "--dr", "0", "--battery", "2000", "--json"));
    assert.deepEqual([file.asked.region, file.asked.dataRate, file.asked.sampleInterval], ["EU868", 0, 300]);
    assert.deepEqual([file.tokenLengths.kind, file.tokenLengths.batches], ["generated", 240]);
    const [plan] = file.plans;
    assert.equal(file.plans.length, 1);
    assert.deepEqual([plan.link.region, plan.link.dataRate, plan.link.maxPayload], ["EU868", 0, 51]);
    assert.deepEqual(plan.limits, [{ name: "dutyCycle", value: 0.01 }]);
    const fixed = plan.batches.filter(({ closes }) => closes === "readings");
    assert.deepEqual(
      fixed.map(({ at }) => at),
      Array.from({ length: 64 }, (_, i) => i + 1),
    );
    for (const batch of plan.batches) {
      assert.ok(batch.readings >= 1 && batch.readings <= 64);
      assert.ok(Math.abs(batch.tokensPerDay * batch.readings - 288) < 1e-6);
      assert.ok(batch.tokenBytes > 64 && batch.frames >= 1 && batch.airtimeSPerDay > 0);
      assert.ok(Math.abs(batch.joulesPerDay - batch.mahPerDay * 3.6 * 3.3) < 1e-6);
      assert.ok(Math.abs(batch.batteryDays! * batch.mahPerDay - 2000) < 1e-6);
      assert.ok(batch.meanAgeS > 0 && batch.meanAgeS <= batch.worstAgeS);
      assert.equal(batch.breaks.includes("dutyCycle"), batch.dutyCycleShare! > 1);
    }
    const recommended = plan.batches[plan.recommended!];
    const keeping = plan.batches.filter(({ breaks }) => breaks.length === 0);
    assert.equal(recommended.worstAgeS, Math.min(...keeping.map(({ worstAgeS }) => worstAgeS)));
    assert.deepEqual(plan.unkept, []);
  });

  it("--all-dr: a plan for each data rate; the faster, the less airtime", () => {
    const { plans } = json(groundtruth("plan", "--region", "US915", "--all-dr", "--json"));
    assert.deepEqual(
      plans.map(({ link }) => link.dataRate),
      [0, 1, 2, 3, 4],
    );
    const airtimes = plans.map(({ batches }) => batches[35].airtimeSPerDay);
    assert.deepEqual(
      airtimes,
      [...airtimes].sort((a, b) => b - a),
    );
    const { out } = groundtruth("plan", "--region", "US915", "--all-dr");
    for (const name of ["DR0", "DR1", "DR2", "DR3", "DR4"]) assert.match(out, new RegExp(`\n +${name} `));
  });

  it("limits that no batch keeps: exit code 1, each of them with what comes nearest, and a way out", () => {
    const { status, out, err } = groundtruth("plan", "--dr", "0", "--network", "ttn");
    assert.deepEqual([status, err], [1, ""]);
    assert.match(
      out,
      /\nlimits that no batch keeps:\n {2}fair use: 30 s of airtime a day; takes [\d.]+ s at best, with /,
    );
    assert.match(out, /\n {2}fair use: 10 downlinks a day; takes [\d.]+ at best, with /);
    assert.match(out, /\nNext:\n {2}--no-sleep keeps them at DR\d\n/);
  });

  it("what --no-sleep promises there holds", () => {
    const { out } = groundtruth("plan", "--dr", "0", "--network", "ttn");
    const [, dataRate] = /--no-sleep keeps them at DR(\d)/.exec(out)!;
    assert.equal(groundtruth("plan", "--dr", dataRate, "--network", "ttn", "--no-sleep").status, 0);
  });

  it("limits that no batch keeps together: exit code 1", () => {
    const { status, out } = groundtruth(
      ...["plan", "--region", "US915", "--dr", "0", "--network", "helium", "--credits", "200", "--latency", "3600"],
    );
    assert.equal(status, 1);
    assert.match(out, /\nlimits that no batch keeps together:\n {2}age .+\n {2}data credits: 200 a day; takes /);
  });

  it("--svg: a chart of the figures, the same bytes each time; a path that cannot be written is exit code 2", () => {
    const path = join(folder, "plan.svg");
    const draw = (): string => {
      assert.equal(groundtruth("plan", "--dr", "5", "--svg", path).status, 0);
      return readFileSync(path, "utf8");
    };
    const svg = draw();
    assert.ok(svg.startsWith("<?xml ") && svg.endsWith("</svg>\n"));
    assert.match(svg, />EU868 DR5: how many readings in a token\?</);
    assert.equal(draw(), svg);
    const { status, err } = groundtruth("plan", "--svg", join(folder, "none", "plan.svg"));
    assert.equal(status, 2);
    assert.match(err, /^error: cannot write the chart: .+\n {2}where: --svg .+\n {2}next: {2}name another file\n$/);
  });

  it("--replay: the file's own weather", () => {
    const path = join(folder, "weather.csv");
    const rows = Array.from({ length: 80 }, (_, i) => {
      const time = new Date(1_700_000_100_000 + i * 300_000).toISOString();
      return `${time},${(10 + Math.sin(i / 9) * 4).toFixed(1)},${60 + (i % 7)},1003.${i % 10}`;
    });
    writeFileSync(path, `when,t,h,p\n${rows.join("\n")}\n`);
    const columns = "time=when,temperature=t,humidity=h,pressure=p";
    const file = json(groundtruth("plan", "--replay", path, "--columns", columns, "--json"));
    assert.deepEqual([file.tokenLengths.kind, file.tokenLengths.batches], ["recorded", 17]);
    const generated = json(groundtruth("plan", "--json"));
    assert.ok(file.plans[0].batches[35].tokenBytes < generated.plans[0].batches[35].tokenBytes);
    const { status, err } = groundtruth("plan", "--replay", path, "--columns", columns, "--interval", "3600");
    assert.equal(status, 2);
    assert.match(
      err,
      /^error: the file has no 64 readings in a row, one every 3600 s\n {2}where: --replay .+\n {2}next: {2}.+\n$/,
    );
  });

  describe("what it refuses", () => {
    const REFUSED: [line: string, message: RegExp][] = [
      ["--region XX000", /--region/],
      ["--dr 9", /--data-rate/],
      ["--dr 1.5", /--data-rate/],
      ["--interval 0", /--sample-interval/],
      ["--profile sea", /--profile/],
      ["--readings 65", /--readings/],
      ["--readings 12 --frames 2", /--readings/],
      ["--loss 1", /--loss/],
      ["--battery x", /--battery/],
      ["--network pigeon", /--network/],
      ["--nonsense", /--nonsense/],
      ["--dr 3 --all-dr", /where: --dr\n/],
      ["--credits 100", /add --network helium/],
      ["--copies 2", /where: --copies/],
      ["--years 2", /add --battery MAH/],
      ["--columns time=t", /add --replay FILE/],
      ["--replay nowhere.csv", /cannot read the file/],
      ["--replay x.csv --profile energy", /leave --profile out/],
      ["--no-dwell", /EU868 has no limit of 400 ms/],
      ["--region AS923-1 --dr 1", /name one of 2, 3, 4, 5, 6, or add --no-dwell/],
      ["--region US915 --dr 5", /name one of 0, 1, 2, 3, 4, or --all-dr/],
      ["--frames 1", /not even one reading fits 1 frame of 51 bytes/],
    ];
    let outcomes: Outcome[];
    before(async () => {
      outcomes = await Promise.all(REFUSED.map(([line]) => groundtruthSoon("plan", ...line.split(" "))));
    });

    REFUSED.forEach(([line, message], index) => {
      it(`${line}: exit code 2, a message that says what to do, and nothing on standard output`, () => {
        const { status, out, err } = outcomes[index];
        assert.deepEqual([status, out], [2, ""]);
        assert.match(err, message);
      });
    });
  });
});
