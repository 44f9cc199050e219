/** docs/wire-format.md against the code: every block, table and constant in it that a machine can read. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { createHash, createPublicKey, type JsonWebKey, verify } from "node:crypto";
import { crc32 } from "node:zlib";
import { encode, rfc8949EncodeOptions, type Tagged } from "cborg";
import { compactRules } from "../../../firmware/wire/compact-profiles.ts";
import { CompactCandidates } from "../../../firmware/wire/compact-rebuild.ts";
import { EXPECT, STATISTICS } from "../../../firmware/wire/compact-rules.ts";
import { STATISTICS_ROWS } from "../../../firmware/wire/compact-statistics.ts";
import { CompactEncoder, decodeCompact } from "../../../firmware/wire/compact-token.ts";
import {
  type Batch,
  encodeClaims,
  encodeTokenClaims,
  MAX_TOKEN_BYTES,
  parseBatchToken,
  parseClaims,
} from "../../../firmware/wire/eat-token.ts";
import { columnCount, missingFlag, type Profile } from "../../../firmware/wire/profile.ts";
import { KNOWN_PROFILES } from "../../../firmware/wire/profiles/known.ts";
import { WEATHER } from "../../../firmware/wire/profiles/weather.ts";
import { isTimeQuality, timeSourceName } from "../../../firmware/wire/time-quality.ts";
import { RandomStream } from "../../../host-sim/random-stream.ts";
import { chirpstackDownlink } from "../../../tools/receiver/chirpstack-source.ts";
import { SOURCES } from "../../../tools/receiver/service/sources.ts";
import { ttsDownlink } from "../../../tools/receiver/tts-source.ts";
import { counts } from "../../counts.ts";
import { readCddl, strictly } from "./cddl.ts";
import { blocks, projectText, tableAfter } from "./markdown.ts";
import { type SecondBatch, SecondDecoder } from "./second-decoder.ts";
import { HEX, hex, lorawanAnswers, printed, receive, receiveFrames, TEXT } from "./wire-document.ts";
import { BATCH, DEV_EUI, IDENTITY, RECEIVED_UNIX_MS, wireExamples } from "./wire-examples.ts";

const JSON_BLOCKS = blocks(TEXT, "json");
const FRAGMENTS = ["fragment-1", "fragment-2", "fragment-3", "fragment-4", "fragment-5", "fragment-all-1"];

function profileRows(profile: Profile): string[][] {
  return profile.fields.map(({ name, quantity, unit, scale, min, max, modulus }) => [
    name,
    quantity,
    unit,
    scale < 0.0001 ? scale.toFixed(5) : `${scale}`,
    `${min}`,
    `${max}`,
    `${modulus ?? ""}`,
  ]);
}

function nameOf(names: Readonly<Record<string, number>>, value: number): string {
  return Object.keys(names).find((name) => names[name] === value)!;
}

/** Readings as they were, windowed fields but for one multiple of their window. */
function assertSameReadings({ rows, windows }: SecondBatch, batch: Batch): void {
  equal(rows.length, batch.count);
  const flags = batch.columns[0];
  for (let f = -1; f < windows.length; f++) {
    const there = (_: number, i: number) => f < 0 || (flags[i] & missingFlag(f)) === 0;
    const original = [...batch.columns[f + 1].subarray(0, batch.count)];
    const found = rows.map((row) => row[f + 1]);
    const first = original.findIndex(there);
    const away = first < 0 ? 0 : original[first] - found[first];
    if (away !== 0) equal(Math.abs(away % windows[f]), 0);
    deepEqual(
      found.map((value, i) => (first >= 0 && i >= first ? value + away : value)),
      original,
    );
  }
}

/** Fields rest, walk or jump; some readings have flags. */
function randomBatch(profile: Profile, random: RandomStream): Batch {
  const fields = profile.fields.length;
  const count = 1 + random.below(64);
  const dt = [300, 60, 3600, 7, 80_000][random.below(5)];
  const timeQuality = [43, 48, 0, 139, 144, 42, 4 * 32 + 10 + random.below(22)][random.below(7)];
  const columns = Array.from({ length: fields + 1 }, () => new Int32Array(count));
  const reach = [1, 5, 300][random.below(3)];
  const flagged = [0, 0, 5, 60][random.below(4)];
  const lasts = profile.fields.map(({ min, max }) => min + random.below(max - min + 1));
  for (let i = 0; i < count; i++) {
    let flags = i === 0 ? 0 : columns[0][i - 1];
    if (random.below(100) < flagged) flags = random.below(2 ** fields) + random.below(2 ** fields) * 2 ** fields;
    columns[0][i] = flags;
    profile.fields.forEach(({ min, max }, f) => {
      const kind = random.below(16);
      if (kind === 0) lasts[f] = min + random.below(max - min + 1);
      else if (kind > 5) lasts[f] = Math.min(Math.max(lasts[f] + random.below(2 * reach + 1) - reach, min), max);
      const missing = (flags & missingFlag(f)) !== 0;
      columns[f + 1][i] = !missing ? lasts[f] : i === 0 ? 0 : columns[f + 1][i - 1];
    });
  }
  const t0 = (20_000_000 + random.below(50_000)) * dt;
  const bootCount = random.below(2 ** 32);
  return {
    profile,
    bootCount,
    seq: random.below(2 ** 32),
    t0,
    dt,
    timeQuality,
    wallTime: timeQuality !== 0,
    count,
    columns,
  };
}

describe("docs/wire-format.md: examples", () => {
  it("each hex block is what the code makes, and none is missing", () => {
    const made = wireExamples();
    deepEqual([...HEX.keys()].sort(), [...made.keys()].sort());
    for (const [name, bytes] of made) equal(hex(printed(name)), hex(bytes), name);
  });

  it("RFC 9679 4: the kid is the beginning of the SHA-256 of the printed thumbprint input", () => {
    const thumbprint = createHash("sha256").update(printed("thumbprint-input")).digest("hex");
    ok(TEXT.includes(`begins with the kid \`${thumbprint.slice(0, 16)}\``));
    const [, , headers] = [...(strictly(printed("thumbprint-input")) as Map<number, unknown>).values()] as Uint8Array[];
    const jwk = JSON.parse(JSON_BLOCKS.get("jwk")!);
    equal(Buffer.from(headers).toString("base64url"), jwk.x);
  });

  it("RFC 9052 4.4: node:crypto verifies the printed token with the printed JWK, and no other bytes", () => {
    const key = createPublicKey({ format: "jwk", key: JSON.parse(JSON_BLOCKS.get("jwk")!) as JsonWebKey });
    const [head, , payload, signature] = (strictly(printed("token")) as Tagged).value as Uint8Array[];
    const structure = encode(["Signature1", head, new Uint8Array(0), payload], rfc8949EncodeOptions);
    equal(createHash("sha256").update(structure).digest("hex"), hex(printed("digest")));
    const valid = (message: Uint8Array) => verify("sha256", message, { key, dsaEncoding: "ieee-p1363" }, signature);
    ok(valid(structure));
    structure[structure.length - 1] ^= 1;
    ok(!valid(structure));
    equal(hex(payload), hex(printed("claims")));
  });

  it("RFC 9711 4: the printed token decodes to the example's claims and encodes to itself; so do claims with uptime", () => {
    const token = parseBatchToken(printed("token"));
    ok(token.ok);
    const { seq, bootCount, t0, dt, count, timeQuality, hwmodel } = token.claims;
    deepEqual([seq, bootCount, t0, dt, count, timeQuality], [300, 7, 1_780_272_000, 300, 3, 42]);
    equal(Buffer.from(hwmodel).toString(), "example");
    for (const name of ["claims", "uptime-claims"]) {
      const parsed = parseClaims(printed(name));
      ok(parsed.ok, name);
      const again = new Uint8Array(MAX_TOKEN_BYTES);
      equal(hex(again.slice(0, encodeTokenClaims(parsed.claims, again))), hex(printed(name)));
    }
  });

  it("by MQTT: the receiver gives the printed readings and answers with the printed control message on its topic", () => {
    const { readings, refused, down } = receive((receiver) =>
      receiver.handleMqttToken(`groundtruth/${DEV_EUI}/token`, printed("token"), RECEIVED_UNIX_MS),
    );
    deepEqual(
      readings,
      JSON_BLOCKS.get("readings")!
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line)),
    );
    deepEqual(refused, []);
    deepEqual(down, [{ topic: `groundtruth/${DEV_EUI}/control`, body: printed("control-mqtt") }]);
  });

  it("RFC 9011 5.6.2: the printed fragments are the token; without the second the answer is the printed ACK", () => {
    const run = (names: readonly string[]) => receiveFrames(names.map((name) => [32, name]));
    const accepted = [33, hex(printed("control-history-first"))];
    const whole = run(FRAGMENTS);
    equal(whole.readings.length, 3);
    deepEqual(lorawanAnswers(whole.down), [accepted]);
    const torn = run(FRAGMENTS.filter((name) => name !== "fragment-2"));
    deepEqual(lorawanAnswers(torn.down), [[32, hex(printed("ack-missing"))]]);
    const repaired = run([...FRAGMENTS.filter((name) => name !== "fragment-2"), "ack-request", "fragment-2"]);
    deepEqual(lorawanAnswers(repaired.down), [
      [32, hex(printed("ack-missing"))],
      [32, hex(printed("ack-missing"))],
      accepted,
    ]);
    equal(new DataView(printed("fragment-all-1").buffer).getUint32(1), crc32(printed("token")));
    deepEqual(run(["fragment-1", "sender-abort"]).refused, ["sender-abort"]);
  });

  it("point to point: the receiver answers the printed uplink with the printed frame", () => {
    const { readings, refused, down } = receive((receiver) => {
      receiver.handleMqttToken(`groundtruth/${DEV_EUI}/token`, printed("token"), RECEIVED_UNIX_MS);
      for (const name of FRAGMENTS.slice(0, 5)) {
        const data = Buffer.from(printed(name)).toString("base64");
        const event = JSON.stringify({ deviceInfo: { devEui: DEV_EUI }, fPort: 32, data });
        receiver.handleChirpstackEvent(`application/a/device/${DEV_EUI}/event/up`, event, RECEIVED_UNIX_MS);
      }
      const topic = "groundtruth/p2p/0247540000000099/up";
      receiver.handleP2pFrame(topic, printed("p2p-uplink"), RECEIVED_UNIX_MS);
      receiver.handleP2pFrame(topic, printed("p2p-question"), RECEIVED_UNIX_MS);
    });
    deepEqual([readings.length, refused, down.length], [3, [], 3]);
    equal(down[1].topic, "groundtruth/p2p/0247540000000099/down");
    equal(hex(down[1].body as Uint8Array), hex(printed("p2p-answer")));
  });

  it("compact: the printed ones are rebuilt to the printed token", () => {
    const rules = compactRules(WEATHER)!;
    const known = BATCH.columns.slice(1).map((column) => column[0] + 1);
    const context = { entity: IDENTITY, profile: WEATHER, bootCount: 7, nextSeq: 300, known };
    for (const name of ["compact", "compact-key", "compact-escape"]) {
      const bytes = printed(name);
      const batch = decodeCompact(WEATHER, rules, bytes);
      ok(batch.ok);
      const candidates = new CompactCandidates(batch, { ...context, latestS: RECEIVED_UNIX_MS / 1000 });
      const claims = candidates.next();
      ok(claims !== undefined);
      const again = new Uint8Array(MAX_TOKEN_BYTES);
      equal(hex(again.slice(0, encodeClaims(claims, claims, again))), hex(printed("claims")));
      equal(hex(bytes.slice(batch.signatureOffset)), hex(printed("token").slice(-64)));
    }
  });
});

describe("docs/wire-format.md: a decoder of compact tokens that follows section 8", () => {
  it("reads the printed ones", () => {
    for (const name of ["compact", "compact-key", "compact-escape"]) {
      const batch = new SecondDecoder(TEXT, WEATHER.uri, printed(name)).decode();
      const isEscape = name === "compact-escape";
      deepEqual(
        [batch.escape, batch.bootCount, batch.seq, batch.slot, batch.dt, batch.timeQuality],
        [isEscape, 7, ...(isEscape ? [300, 5_934_240] : [300 % 16, 5_934_240 % 256]), 300, 42],
      );
      assertSameReadings(batch, BATCH);
    }
  });

  const runs = counts(300, 5_000);
  for (const profile of KNOWN_PROFILES) {
    it(`${profile.uri}: reads ${runs} random batches as the encoder was given them`, () => {
      const random = new RandomStream(1, `second decoder ${profile.uri}`);
      const rules = compactRules(profile)!;
      const into = new Uint8Array(8192);
      const encoder = new CompactEncoder(profile, rules, into);
      for (let run = 0; run < runs; run++) {
        const batch = randomBatch(profile, random);
        const key = random.below(2) === 0;
        const isEscape = random.below(3) === 0;
        encoder.start({ ...batch, key, escape: isEscape }, into.length);
        for (let i = 0; i < batch.count; i++) {
          const [flags, ...values] = batch.columns.map((column) => column[i]);
          ok(encoder.add({ flags, values: Int32Array.from(values) }));
        }
        const read = new SecondDecoder(
          TEXT,
          profile.uri,
          into.slice(0, encoder.length + 64).fill(0, encoder.length),
        ).decode();
        const { bootCount, seq, t0, dt, timeQuality } = batch;
        const whole = [bootCount, seq, t0 / dt];
        const header = isEscape ? whole : [bootCount % 8, seq % 16, (t0 / dt) % 256];
        deepEqual(
          [read.escape, read.bootCount, read.seq, read.slot, read.dt, read.timeQuality],
          [isEscape, ...header, dt, timeQuality],
        );
        assertSameReadings(read, batch);
        if (key || isEscape) ok(read.windows.every((window) => window === 0));
      }
    });
  }
});

describe("docs/wire-format.md: CDDL (RFC 8610)", () => {
  const rules = readCddl(blocks(TEXT, "cddl").get("")!);
  const fits = (rule: string, bytes: Uint8Array) => rules.get(rule)!(strictly(bytes));

  it("the printed token and claims are of its form", () => {
    ok(fits("token", printed("token")));
    ok(fits("wall-batch", printed("claims")) && !fits("uptime-batch", printed("claims")));
    ok(fits("uptime-batch", printed("uptime-claims")) && !fits("wall-batch", printed("uptime-claims")));
  });

  it("so are claims of every profile, with 1 and 64 readings", () => {
    for (const profile of KNOWN_PROFILES) {
      for (const count of [1, 64]) {
        const value = (c: number) => (c === 0 ? 0 : profile.fields[c - 1].max);
        const columns = Array.from({ length: columnCount(profile) }, (_, c) => new Int32Array(count).fill(value(c)));
        const into = new Uint8Array(2 * MAX_TOKEN_BYTES);
        const length = encodeClaims(IDENTITY, { ...BATCH, profile, count, columns }, into);
        ok(fits("claims", into.slice(0, length)), profile.uri);
      }
    }
  });

  it("so is every claim at its borders", () => {
    const borders: Partial<Batch & typeof IDENTITY>[] = [
      { dbgstat: 4, hwmodel: new Uint8Array(1), oemid: new Uint8Array(3).fill(255) },
      { dbgstat: 0, hwmodel: new Uint8Array(32) },
      { bootCount: 0, seq: 0 },
      { bootCount: 0xffffffff, seq: 0xffffffff },
      { dt: 1, t0: 1_000_000_000, count: 1 },
      { dt: 1, t0: 0x1ffffffff, count: 1 },
      { dt: 86_400, t0: 86_400 * 20_000 },
      { dt: 1, t0: 0, count: 1, timeQuality: 0, wallTime: false },
      { dt: 1, t0: 0x1ffffffff, count: 1, timeQuality: 0, wallTime: false },
    ];
    for (const border of borders) {
      const claims = { ...IDENTITY, ...BATCH, ...border };
      const into = new Uint8Array(MAX_TOKEN_BYTES);
      ok(fits("claims", into.slice(0, encodeClaims(claims, claims, into))), Object.keys(border).join());
    }
  });

  it("what differs in one claim is not, and neither does the code take it", () => {
    const claims = strictly(printed("claims")) as Map<number, unknown>;
    const batch = claims.get(-65538) as unknown[];
    const instead = (at: number, value: unknown) => batch.map((item, i) => (i === at ? value : item));
    const changes: [number, unknown][] = [
      [6, 999_999_999],
      [256, new Uint8Array(8)],
      [258, new Uint8Array(4)],
      [259, new Uint8Array(33)],
      [263, 5],
      [265, 1],
      [267, 2 ** 32],
      [-65537, -1],
      [6, 2 ** 33],
      [259, new Uint8Array(0)],
      [-65537, 2 ** 32],
      [-65538, instead(0, 999_999_999)],
      [-65538, instead(0, 2 ** 33)],
      [-65538, instead(1, 0)],
      [-65538, instead(1, 86_401)],
      [-65538, instead(2, 41)],
      [-65538, instead(2, 160)],
      [-65538, instead(3, [])],
      [-65538, instead(3, [[]])],
      [10, new Uint8Array(8)],
      [261, 1],
    ];
    for (const [key, value] of changes) {
      const bytes = encode(new Map(claims).set(key, value), rfc8949EncodeOptions);
      ok(!fits("claims", bytes), `claim ${key}`);
      ok(!parseClaims(bytes).ok, `claim ${key}`);
    }
    for (const key of claims.keys()) {
      const fewer = new Map(claims);
      fewer.delete(key);
      ok(!fits("claims", encode(fewer, rfc8949EncodeOptions)), `without ${key}`);
    }
  });

  it("known time qualities are those of the code", () => {
    for (let quality = 0; quality < 256; quality++)
      equal(fits("known", encode(quality)), quality !== 0 && isTimeQuality(quality), `${quality}`);
  });
});

describe("docs/wire-format.md: tables", () => {
  for (const profile of KNOWN_PROFILES) {
    it(`${profile.uri}: fields, and how they are coded in compact tokens`, () => {
      deepEqual(tableAfter(TEXT, `### \`${profile.uri}\``), profileRows(profile));
      const rules = compactRules(profile)!.fields.map((rule, f) => [
        profile.fields[f].name,
        nameOf(EXPECT, rule.expect),
        nameOf(STATISTICS, rule.statistics),
        `${rule.error}`,
        `${rule.windowBits}`,
        rule.of === undefined ? "" : profile.fields[rule.of].name,
        `${rule.ratio ?? ""}`,
      ]);
      deepEqual(tableAfter(TEXT, `\n\`${profile.uri}\`:`), rules);
    });
  }

  it("there is a table for each profile, and for no other", () => {
    const uris = [...TEXT.matchAll(/^### `(tag:[^`]+)`$/gm)].map(([, uri]) => uri);
    deepEqual(
      uris,
      KNOWN_PROFILES.map(({ uri }) => uri),
    );
  });

  it("sources of time", () => {
    const rows = tableAfter(TEXT, "### Time quality");
    deepEqual(
      rows.map(([number, name]) => [number, name]),
      [0, 1, 2, 3, 4].map((source) => [`${source}`, timeSourceName(source << 5)]),
    );
  });

  it("statistics of compact tokens", () => {
    const rows = STATISTICS_ROWS.map((count, i) => [`${i}`, nameOf(STATISTICS, i), `${count}`]);
    deepEqual(tableAfter(TEXT, "| number | statistics | rows |"), rows);
  });

  it("topics are those that the receiver listens to and answers on", () => {
    const topics = tableAfter(TEXT, "## 6. Topics").map(([topic]) => topic);
    const answers = [
      `groundtruth/{DevEUI}/control`,
      `groundtruth/p2p/{base}/down`,
      chirpstackDownlink("{application}", "{DevEUI}", 33, new Uint8Array(0)).topic,
      ttsDownlink("{application}", "{device}", 33, new Uint8Array(0)).topic,
    ];
    const listened = Object.values(SOURCES).map(({ filter }) => filter);
    const filters = topics.filter((topic) => !answers.includes(topic)).map((topic) => topic.replace(/\{\w+\}/g, "+"));
    deepEqual(filters.sort(), listened.sort());
    equal(topics.length, listened.length + answers.length);
  });

  it("constants are those of the sources", () => {
    const rows = tableAfter(TEXT, "## 10. Constants");
    ok(rows.length > 50);
    for (const [name, value, file] of rows) {
      const found = new RegExp(`const ${name}(?:: [^=]+)? = ([0-9a-fx_ *<+-]+);`).exec(projectText(file));
      ok(found !== null, `${file} has no ${name}`);
      // A number, or a product or a power of two as the sources write them.
      const numbers = found[1].replaceAll("_", "").split(/\*|<</).map(Number);
      const number = numbers.reduce((a, b) => (found[1].includes("<<") ? a * 2 ** b : a * b));
      equal(`${number}`, value, `${name} in ${file}`);
    }
  });
});
