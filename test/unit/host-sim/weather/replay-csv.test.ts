/** The reader of recorded weather: what it takes, and how it refuses everything else. */
import assert from "node:assert/strict";
import { RandomStream } from "../../../../host-sim/random-stream.ts";
import { describeCsvError, parseReplayCsv, type ReplayTable } from "../../../../host-sim/weather/replay-csv.ts";
import { counts } from "../../../counts.ts";

function table(text: string, mapping?: string): ReplayTable {
  const result = parseReplayCsv(text, mapping);
  if (!result.ok) assert.fail(describeCsvError(result.error));
  return result.table;
}

function refusal(text: string, mapping?: string): string {
  const result = parseReplayCsv(text, mapping);
  return result.ok ? "taken" : describeCsvError(result.error);
}

const T = "time_utc,air_temperature_degC,battery_V";

describe("replay CSV (RFC 4180)", () => {
  it("reads columns by their default names, in any order, and skips the others", () => {
    const read = table(
      "x,battery_V,time_utc,air_temperature_degC\na,12.5,2024-01-01T00:00:00Z,-1.5\nb,,2024-01-01T00:05:00Z,+2e1\n",
    );
    assert.deepEqual([...read.unixMs], [Date.UTC(2024, 0, 1), Date.UTC(2024, 0, 1, 0, 5)]);
    assert.equal(read.intervalMs, 300_000);
    assert.deepEqual([...read.columns.keys()], ["temperature", "battery"]);
    assert.deepEqual([...read.columns.get("temperature")!], [-1.5, 20]);
    assert.deepEqual([...read.columns.get("battery")!], [12.5, Number.NaN]);
  });

  it("takes CR, LF and CRLF, a byte order mark, quotes, spaces around a cell, blank lines, a last line without an end", () => {
    for (const end of ["\n", "\r\n", "\r"]) {
      const text = `\uFEFF"time_utc", air_temperature_degC ,"a ""b"", c"${end}${end}2024-01-01 00:00Z,"1.5","x,y"${end} 2024-01-01T00:01Z , NaN,`;
      assert.deepEqual([...table(text).columns.get("temperature")!], [1.5, Number.NaN]);
    }
  });

  it("RFC 2.4, 2.6, 2.7: quotes that do not close, or have text behind them, are named with their line", () => {
    assert.equal(refusal(`${T}\n2024-01-01T00:00:00Z,"1,2`), "line 2: quote-not-closed");
    assert.equal(refusal(`${T}\n2024-01-01T00:00:00Z,"1"2,3`), "line 2: text-behind-quote");
    assert.equal(refusal(`${T}\n2024-01-01T00:00:00Z,1`), "line 2: too-few-cells");
    assert.equal(refusal(`${T}\n\n2024-01-01T00:00:00Z,1,2,3`), "line 3: too-many-cells");
  });

  it("ISO 8601: times with and without seconds, fraction and offset", () => {
    for (const [text, unixMs] of [
      ["2024-02-29T23:59:59Z", Date.UTC(2024, 1, 29, 23, 59, 59)],
      ["2024-02-29 23:59", Date.UTC(2024, 1, 29, 23, 59)],
      ["2000-01-01T00:00:00.25Z", Date.UTC(2000, 0, 1) + 250],
      ["2024-06-01T02:30:00+05:30", Date.UTC(2024, 4, 31, 21)],
      ["2024-06-01T02:30:00-09:30", Date.UTC(2024, 5, 1, 12)],
      ["1970-01-01T00:00:00Z", 0],
      ["2199-12-31T23:59:59.999999999Z", Date.UTC(2199, 11, 31, 23, 59, 59, 999)],
    ] as const) {
      assert.deepEqual([...table(`${T}\n${text},1,2`).unixMs], [unixMs], text);
    }
    // Every day for 230 years, against the calendar of the engine.
    const days = Array.from({ length: 84_000 }, (_, day) => new Date(day * 86_400_000).toISOString());
    assert.deepEqual(
      [...table(`${T}\n${days.map((day) => `${day},1,2`).join("\n")}`).unixMs],
      days.map((_, day) => day * 86_400_000),
    );
  });

  it("ISO 8601: what is no time is named", () => {
    for (const text of [
      "",
      "now",
      "2023-02-29T00:00:00Z",
      "2100-02-29T00:00:00Z",
      "2024-13-01T00:00:00Z",
      "2024-00-01T00:00:00Z",
      "2024-04-31T00:00:00Z",
      "2024-01-00T00:00:00Z",
      "2024-01-01T24:00:00Z",
      "2024-01-01T00:60:00Z",
      "2024-01-01T00:00:60Z",
      "2024-01-01T00:00:00+15:00",
      "1969-12-31T23:59:59Z",
      "2200-01-01T00:00:00Z",
      "2024-01-01T00:00:00Zx",
      "2024-1-1T00:00:00Z",
      "1717200000",
    ]) {
      assert.equal(refusal(`${T}\n${text},1,2`), "line 2, column time_utc: time-not-understood", text);
    }
  });

  it("refuses times that stand still or go back", () => {
    const row = "2024-01-01T00:01:00Z,1,2";
    assert.equal(refusal(`${T}\n${row}\n${row}`), "line 3, column time_utc: time-not-ascending");
    assert.equal(refusal(`${T}\n${row}\n2024-01-01T00:00:00Z,1,2`), "line 3, column time_utc: time-not-ascending");
  });

  it("refuses what is no number, and what no weather shows (the -9999 of many stations)", () => {
    for (const cell of [
      "x",
      "1,5",
      "0x10",
      "Infinity",
      "1e999",
      "--1",
      "1.2.3",
      ".",
      "1e",
      "١",
      "1 2",
      "9".repeat(33),
    ]) {
      const quoted = `"${cell}"`;
      assert.equal(
        refusal(`${T}\n2024-01-01T00:00:00Z,${quoted},2`),
        "line 2, column air_temperature_degC: number-not-understood",
        cell,
      );
    }
    for (const cell of ["-9999", "-100.1", "71", "1e10"]) {
      assert.equal(
        refusal(`${T}\n2024-01-01T00:00:00Z,${cell},2`),
        "line 2, column air_temperature_degC: value-not-plausible",
      );
    }
  });

  it("names a header that does not fit", () => {
    assert.equal(refusal(""), "line 1, column time_utc: no-time-column");
    assert.equal(refusal("a,b\n1,2"), "line 1, column time_utc: no-time-column");
    assert.equal(refusal("time_utc,b\n2024-01-01T00:00:00Z,2"), "line 1: no-known-column");
    assert.equal(refusal(T), "line 1: no-rows");
    assert.equal(refusal(`${T},battery_V\n`), "line 1, column battery_V: column-twice");
    assert.equal(refusal(`${T}${",x".repeat(300)}\n`), "line 1: too-many-columns");
    assert.equal(refusal(`${T}${"x".repeat(20_000)}\n`), "line 1: line-too-long");
    assert.equal(refusal("time_utc,rain_accumulation_mm,rain_total_mm\n"), "line 1: rain-and-rain-total");
  });

  it("maps columns by the user's names, and names a mapping that does not fit", () => {
    const text = "when,air_temp,rh,wind_speed_mps\n2024-01-01T00:00:00Z,1,50,3\n";
    const read = table(text, "time=when, temperature = air_temp,humidity=rh");
    assert.deepEqual([...read.columns.keys()], ["temperature", "humidity", "windSpeed"]);
    assert.equal(refusal(text, "time=when,temperature"), "mapping, column temperature: mapping-not-understood");
    assert.equal(refusal(text, "time=when,temperature="), "mapping, column temperature=: mapping-not-understood");
    assert.equal(refusal(text, "time=when,heat=air_temp"), "mapping, column heat=air_temp: unknown-quantity");
    assert.equal(refusal(text, "time=when,time=when"), "mapping, column time=when: quantity-twice");
    assert.equal(refusal(text, "time=when,temperature=t"), "line 1, column t: unknown-column");
    assert.equal(refusal(text, "temperature=air_temp"), "line 1, column time_utc: no-time-column");
  });

  it("makes the rain of each row from a running total that begins anew", () => {
    const rows = ["5", "5.2", "", "5.8", "0.4", "0.4"].map((total, i) => `2024-01-01T00:0${i}:00Z,${total}`);
    const read = table(`time_utc,rain_accumulation_mm\n${rows.join("\n")}`, "rainTotal=rain_accumulation_mm");
    const rain = [...read.columns.get("rain")!].map((mm) => Math.round(mm * 1000) / 1000);
    assert.deepEqual(rain, [0, 0.2, Number.NaN, 0.6, 0.4, 0]);
  });

  it("is quick with blank lines and with lines without commas, however many", () => {
    const begin = process.cpuUsage();
    assert.equal(refusal(`${T}\n${"\n".repeat(2_000_000)}`), "line 2000001: no-rows");
    assert.equal(refusal(`time_utc\n${"2024\n".repeat(1_000_000)}`), "line 1: no-known-column");
    const ms = process.cpuUsage(begin).user / 1000;
    assert.ok(ms < 5000, `${ms} ms`);
  });

  it("never throws, whatever the text: random text and damaged tables", () => {
    const random = new RandomStream(1, "hostile csv");
    const alphabet = 'time_utc,battery_V\n\r"-+.:TZ0123456789 eENa\u0000\uFEFFé😀;\t=';
    const good = `${T}\n${Array.from({ length: 9 }, (_, i) => `2024-01-01T00:0${i}:00Z,${i}.5,"12.${i}"`).join("\n")}`;
    let taken = 0;
    for (let i = 0; i < counts(20_000, 500_000); i++) {
      let text = "";
      if (i % 2 === 0) {
        for (let n = random.below(60); n > 0; n--) text += alphabet[random.below(alphabet.length)];
      } else {
        const at = random.below(good.length);
        const insert = random.below(2) === 0 ? "" : alphabet[random.below(alphabet.length)];
        text = good.slice(0, at) + insert + good.slice(at + random.below(3));
      }
      const result = parseReplayCsv(text, random.below(4) === 0 ? text.slice(0, 20) : "");
      if (result.ok) taken++;
      else assert.match(result.error.reason, /^[a-z]+(-[a-z]+)+$/);
    }
    assert.ok(taken > 100, `${taken} taken`);
  });
});
