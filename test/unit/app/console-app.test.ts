import assert from "node:assert/strict";
import { createPublicKey, verify } from "node:crypto";
import { KEY_SLOT } from "../../../firmware/wire/key-slot.ts";
import { PowerCut } from "../../../host-sim/chips/power-rail.ts";
import { RandomStream } from "../../../host-sim/random-stream.ts";
import { frameOf } from "../../../tools/console/client.ts";
import { counts } from "../../counts.ts";
import {
  APP_KEY,
  CONFIGURATION,
  ConsoleBench,
  framesOf,
  HARDWARE_ID_TEXT,
  LORAWAN,
  RECEIVER_KEY,
} from "./console-bench.ts";

const OWNER = `${"11".repeat(32)}${"22".repeat(32)}`;
const CHALLENGE = "5a".repeat(32);
const METHODS = [
  "identify",
  "prove",
  "generateKey",
  "writeLorawan",
  "writeReceiverKey",
  "writeOwner",
  "writeConfiguration",
  "health",
  "followLog",
  "lock",
  "factoryReset",
];

describe("device console", () => {
  let bench: ConsoleBench;

  beforeEach(() => {
    bench = new ConsoleBench();
  });

  describe("sets a board up", () => {
    it("identify: a new board has nothing", () => {
      assert.deepEqual(bench.ask("identify"), {
        console: 1,
        hardwareId: HARDWARE_ID_TEXT,
        chip: "ESP32-S3",
        model: "bench",
        firmware: { name: "groundtruth", version: "0.1.0" },
        locked: false,
        alg: -7,
        publicKey: null,
        kid: null,
        devEui: null,
        joinEui: null,
        appKey: false,
        receiverKey: false,
        owner: null,
        configuration: 0,
      });
    });

    it("generateKey: makes the key once and tells its public half", () => {
      const made = bench.ask("generateKey");
      const { publicKey, kid } = bench.ask("identify");
      assert.deepEqual(made, { alg: -7, publicKey, kid });
      assert.match(String(publicKey), /^[0-9a-f]{128}$/);
      assert.equal(bench.refusal("generateKey"), "-32002 key-exists");
    });

    it("generateKey: refuses a random source that is stuck, and makes nothing", () => {
      bench = new ConsoleBench({ fill: (bytes) => void bytes.fill(0x42) });
      assert.equal(bench.refusal("generateKey"), "-32007 weak-random");
      assert.ok(!bench.keys.hasKey(KEY_SLOT.attestation));
    });

    it("prove: signs label, hardware identifier and challenge with the node's key", () => {
      assert.equal(bench.refusal("prove", { challenge: CHALLENGE }), "-32003 no-key");
      bench.ask("generateKey");
      const { publicKey, signature } = bench.ask("prove", { challenge: CHALLENGE });
      const message = Buffer.concat([
        Buffer.from("groundtruth console proof 1\n"),
        Buffer.from(HARDWARE_ID_TEXT + CHALLENGE, "hex"),
      ]);
      const [x, y] = [0, 64].map((at) =>
        Buffer.from(String(publicKey).slice(at, at + 64), "hex").toString("base64url"),
      );
      const key = createPublicKey({ key: { kty: "EC", crv: "P-256", x, y }, format: "jwk" });
      const bytes = Buffer.from(String(signature), "hex");
      assert.ok(verify("sha256", message, { key, dsaEncoding: "ieee-p1363" }, bytes));
    });

    it("writeLorawan, writeReceiverKey: puts keys into their slots and never tells them", () => {
      bench.ask("writeLorawan", LORAWAN);
      bench.ask("writeReceiverKey", { key: RECEIVER_KEY });
      const identity = bench.ask("identify");
      assert.deepEqual([identity.devEui, identity.joinEui], [LORAWAN.devEui, LORAWAN.joinEui]);
      assert.deepEqual([identity.appKey, identity.receiverKey], [true, true]);
      // FIPS 197's AES, on RFC 4493's key: the slot holds it.
      const mac = new Uint8Array(16);
      bench.keys.cmac(KEY_SLOT.appKey, new Uint8Array(0), 0, mac);
      assert.equal(Buffer.from(mac).toString("hex"), "bb1d6929e95937287fa37d129b756746");
      assert.ok(bench.keys.hasKey(KEY_SLOT.receiver));
    });

    it("keys are replaced on demand only", () => {
      bench.ask("writeLorawan", LORAWAN);
      bench.ask("writeReceiverKey", { key: RECEIVER_KEY });
      bench.ask("writeOwner", { publicKey: OWNER });
      const other = { ...LORAWAN, devEui: "70b3d57ed0000002" };
      assert.equal(bench.refusal("writeLorawan", other), "-32002 key-exists");
      assert.equal(bench.refusal("writeLorawan", { ...other, replace: false }), "-32002 key-exists");
      assert.equal(bench.refusal("writeLorawan", { ...other, replace: 1 }), "-32602 bad-parameter replace");
      assert.equal(bench.refusal("writeReceiverKey", { key: APP_KEY }), "-32002 key-exists");
      assert.equal(bench.refusal("writeOwner", { publicKey: OWNER }), "-32002 key-exists");
      assert.equal(bench.ask("identify").devEui, LORAWAN.devEui);
      bench.ask("writeLorawan", { ...other, replace: true });
      assert.equal(bench.ask("identify").devEui, other.devEui);
    });

    it("writeOwner: keeps the owner's public key", () => {
      bench.ask("writeOwner", { publicKey: OWNER });
      bench.reset();
      assert.equal(bench.ask("identify").owner, OWNER);
    });

    it("writeConfiguration: keeps the text as it came", () => {
      bench.ask("writeConfiguration", { configuration: CONFIGURATION });
      assert.equal(Buffer.from(bench.configuration ?? []).toString(), JSON.stringify(CONFIGURATION));
      const { configuration, devEui } = bench.ask("identify");
      assert.deepEqual([configuration, devEui], [JSON.stringify(CONFIGURATION).length, LORAWAN.devEui]);
      bench.unfit = "sampleIntervalS";
      assert.equal(
        bench.refusal("writeConfiguration", { configuration: CONFIGURATION }),
        "-32602 bad-parameter sampleIntervalS",
      );
    });

    it("health: the node's counters and the console's own", () => {
      bench.feed(Buffer.from("\x1egt1 damaged\n"));
      assert.deepEqual(bench.ask("health"), { uptimeMs: 1000, linesRefused: 1, sensorErrors: 3 });
    });

    it("all of it survives a reset", () => {
      bench.setUp();
      const before = bench.ask("identify");
      bench.reset();
      assert.deepEqual(bench.ask("identify"), before);
      assert.ok(bench.app.isSetUp);
    });
  });

  describe("refuses", () => {
    const cases: [string, object | undefined, string][] = [
      ["reboot", undefined, "-32601 unknown-method"],
      ["toString", undefined, "-32601 unknown-method"],
      ["identify", [], "-32602 bad-parameter params"],
      ["identify", { extra: 1 }, "-32602 bad-parameter params"],
      ["prove", undefined, "-32602 bad-parameter challenge"],
      ["prove", { challenge: "5a" }, "-32602 bad-parameter challenge"],
      ["writeLorawan", { ...LORAWAN, devEui: "70b3d57ed00000" }, "-32602 bad-parameter devEui"],
      ["writeLorawan", { ...LORAWAN, devEui: "00".repeat(8) }, "-32602 bad-parameter devEui"],
      ["writeLorawan", { ...LORAWAN, joinEui: "x".repeat(16) }, "-32602 bad-parameter joinEui"],
      ["writeLorawan", { ...LORAWAN, appKey: "00".repeat(16) }, "-32602 bad-parameter appKey"],
      ["writeReceiverKey", { key: "ff".repeat(16) }, "-32602 bad-parameter key"],
      ["writeReceiverKey", { key: 5 }, "-32602 bad-parameter key"],
      ["writeOwner", { publicKey: "00".repeat(64) }, "-32602 bad-parameter publicKey"],
      ["writeConfiguration", {}, "-32602 bad-parameter configuration"],
      ["writeConfiguration", { configuration: "text" }, "-32602 bad-parameter configuration"],
      ["writeConfiguration", { configuration: { ...CONFIGURATION, devEui: 1 } }, "-32602 bad-parameter devEui"],
      ["writeConfiguration", { configuration: { ...CONFIGURATION, joinEui: "" } }, "-32602 bad-parameter joinEui"],
      ["writeConfiguration", { configuration: { ...CONFIGURATION, uplink: 1 } }, "-32602 bad-parameter uplink"],
      [
        "writeConfiguration",
        { configuration: { ...CONFIGURATION, note: "x".repeat(1700) } },
        "-32602 bad-parameter configuration",
      ],
      ["followLog", { seconds: 3601 }, "-32602 bad-parameter seconds"],
      ["followLog", { seconds: 1.5 }, "-32602 bad-parameter seconds"],
      ["lock", {}, "-32602 bad-parameter hardwareId"],
      ["lock", { hardwareId: "246f28fffe7ad885" }, "-32005 wrong-board"],
      ["factoryReset", { hardwareId: "246f28fffe7ad885" }, "-32005 wrong-board"],
    ];
    for (const [method, params, refusal] of cases) {
      it(`${method} ${JSON.stringify(params)?.slice(0, 60)}: ${refusal}`, () => {
        const before = bench.ask("identify");
        assert.equal(bench.refusal(method, params), refusal);
        assert.deepEqual(bench.ask("identify"), before);
      });
    }

    it("JSON-RPC 2.0 4: what is no request is told so, with its id where it has one", () => {
      const base = { jsonrpc: "2.0", id: 9, method: "identify" };
      const invalid = { code: -32600, message: "invalid-request" };
      for (const [message, id] of [
        [{ ...base, jsonrpc: "1.0" }, 9],
        [{ id: 9, method: "identify" }, 9],
        [{ ...base, method: 1 }, 9],
        [{ ...base, extra: 1 }, 9],
        [{ ...base, id: "nine" }, null],
        [{ ...base, id: null }, null],
        [{ ...base, id: -1 }, null],
        [{ ...base, id: 1.5 }, null],
      ] as const) {
        assert.deepEqual(
          bench.feed(frameOf(message)),
          [{ jsonrpc: "2.0", id, error: invalid }],
          JSON.stringify(message),
        );
      }
    });

    it("JSON-RPC 2.0 5.1: lines that are no good get an error without id", () => {
      const reasons = (bytes: Uint8Array): unknown[] =>
        bench.feed(bytes).map(({ id, error }) => [id, error?.code, error?.message]);
      assert.deepEqual(reasons(frameOf([1])), [[null, -32700, "not-an-object"]]);
      assert.deepEqual(reasons(Buffer.from("\x1egt1 {} 00000000\n")), [[null, -32700, "line-damaged"]]);
      assert.deepEqual(reasons(Buffer.from(`\x1egt1 ${"x".repeat(3000)}\n`)), [[null, -32700, "line-too-long"]]);
    });

    it("JSON-RPC 2.0 4.1: says nothing to notifications and answers, its own echo included", () => {
      const answer = frameOf({ jsonrpc: "2.0", method: "factoryReset", params: { hardwareId: HARDWARE_ID_TEXT } });
      assert.deepEqual(bench.feed(answer), []);
      bench.ask("identify");
      assert.deepEqual(bench.feed(bench.sent), []);
      assert.deepEqual(bench.feed(Buffer.from("plain text\r\n")), []);
    });

    it("busy: a second request while the first one is worked on", () => {
      bench.ask("generateKey");
      const prove = frameOf({ jsonrpc: "2.0", id: 50, method: "prove", params: { challenge: CHALLENGE } });
      const identify = frameOf({ jsonrpc: "2.0", id: 51, method: "identify" });
      const answers = bench.feed(Buffer.concat([prove, identify, prove]));
      assert.deepEqual(
        answers.map(({ id, error }) => [id, error?.message]),
        [
          [51, "busy"],
          [50, undefined],
        ],
      );
    });
  });

  it("the same line again gets the same answer and is not done twice", () => {
    const line = frameOf({ jsonrpc: "2.0", id: 70, method: "generateKey" });
    const [first] = bench.feed(line);
    const [second] = bench.feed(line);
    assert.deepEqual(second, first);
    assert.ok(first.result);
    // With something else in between it is a request like any other.
    bench.ask("identify");
    assert.equal(bench.feed(line)[0].error?.message, "key-exists");
  });

  describe("lock", () => {
    const hardwareId = HARDWARE_ID_TEXT;

    it("is refused until the node has all that it needs", () => {
      const lock = (): string => bench.refusal("lock", { hardwareId });
      assert.equal(lock(), "-32006 incomplete key");
      bench.ask("generateKey");
      assert.equal(lock(), "-32006 incomplete receiverKey");
      bench.ask("writeReceiverKey", { key: RECEIVER_KEY });
      assert.equal(lock(), "-32006 incomplete configuration");
      bench.ask("writeConfiguration", { configuration: CONFIGURATION });
      assert.equal(lock(), "-32006 incomplete appKey");
      bench.ask("writeLorawan", { ...LORAWAN, devEui: "70b3d57ed0000002" });
      assert.equal(lock(), "-32006 incomplete devEui");
      bench.ask("writeLorawan", { ...LORAWAN, joinEui: "0000000000000001", replace: true });
      assert.equal(lock(), "-32006 incomplete joinEui");
      bench.ask("writeLorawan", { ...LORAWAN, replace: true });
      bench.ask("lock", { hardwareId });
    });

    it("a node without LoRaWAN needs no AppKey", () => {
      bench.ask("generateKey");
      bench.ask("writeReceiverKey", { key: RECEIVER_KEY });
      bench.ask("writeConfiguration", { configuration: { ...CONFIGURATION, uplink: "wifi" } });
      bench.ask("lock", { hardwareId });
    });

    it("leaves identify and prove, also after a reset; all else is refused", () => {
      bench.setUp().ask("lock", { hardwareId });
      for (const again of [false, true]) {
        if (again) bench.reset();
        assert.equal(bench.ask("identify").locked, true);
        assert.ok(bench.ask("prove", { challenge: CHALLENGE }).signature);
        for (const method of METHODS) {
          if (["identify", "prove", "factoryReset"].includes(method)) continue;
          assert.equal(bench.refusal(method, { hardwareId }), "-32001 locked", method);
        }
      }
    });

    it("a factory reset destroys the keys and begins anew", () => {
      const fresh = bench.ask("identify");
      bench.setUp().ask("lock", { hardwareId });
      const { publicKey } = bench.ask("identify");
      bench.ask("factoryReset", { hardwareId });
      assert.deepEqual([bench.restarts, bench.forgotten], [1, 1]);
      bench.reset();
      assert.deepEqual(bench.ask("identify"), fresh);
      for (const slot of Object.values(KEY_SLOT)) assert.ok(!bench.keys.hasKey(slot));
      const flash = new Uint8Array(bench.flash.size);
      bench.flash.read(0, flash);
      assert.ok(!Buffer.from(flash).includes(Buffer.from(APP_KEY, "hex")), "the AppKey is not in flash any more");
      assert.notEqual(bench.ask("generateKey").publicKey, publicKey);
    });

    it("a factory reset that loses its power is finished at the next start, or was never begun", () => {
      let finished = 0;
      let untouched = 0;
      for (let operation = 1; operation < 60; operation++) {
        bench = new ConsoleBench().setUp();
        bench.ask("lock", { hardwareId });
        const before = bench.ask("identify");
        bench.power.cutAfter(operation);
        try {
          bench.ask("factoryReset", { hardwareId });
        } catch (error) {
          assert.ok(error instanceof PowerCut, String(error));
        }
        bench.reset();
        const after = bench.ask("identify");
        if (after.locked) {
          assert.deepEqual(after, before);
          untouched++;
        } else {
          assert.deepEqual([after.publicKey, after.appKey, after.receiverKey, after.owner], [null, false, false, null]);
          finished++;
        }
      }
      assert.ok(finished > 20 && untouched <= 1, `${finished} finished, ${untouched} untouched`);
    });
  });

  describe("followLog", () => {
    it("puts the log into frames for as long as it is asked to", () => {
      assert.equal(bench.app.log("info", "node", "plain"), false);
      bench.ask("followLog", { seconds: 10 });
      const from = bench.sent.length;
      assert.equal(bench.app.log("warn", "sensor", 'a "quoted" \u00e4 line'), true);
      const [line] = framesOf(bench.sent.subarray(from));
      const params = { ms: 1000, level: "warn", source: "sensor", text: 'a "quoted" ? line' };
      assert.deepEqual(line, { jsonrpc: "2.0", method: "log", params });
      bench.world.run(10_000_000);
      assert.equal(bench.app.log("info", "node", "late"), false);
    });

    it("cuts a long line, whatever it holds, and ends when told to", () => {
      bench.ask("followLog", { seconds: 100 });
      const from = bench.sent.length;
      assert.ok(bench.app.log("error", '"'.repeat(500), '"'.repeat(5000)));
      const [line] = framesOf(bench.sent.subarray(from));
      assert.equal(line.params?.text, '"'.repeat(240));
      bench.ask("followLog", { seconds: 0 });
      assert.equal(bench.app.log("info", "node", "x"), false);
    });
  });

  describe("hostile input", () => {
    it("never says a secret, whatever is asked", () => {
      bench.setUp();
      bench.refusal("writeLorawan", { ...LORAWAN, joinEui: "" });
      bench.ask("prove", { challenge: CHALLENGE });
      for (const method of METHODS) {
        if (method !== "factoryReset") bench.request(method, { hardwareId: HARDWARE_ID_TEXT });
        bench.request(method, {});
        bench.request(method);
      }
      bench.refusal("writeLorawan", LORAWAN);
      bench.feed(frameOf({ jsonrpc: "2.0", id: 1, method: "writeReceiverKey", params: { [RECEIVER_KEY]: 1 } }));
      const said = bench.sent.toString("latin1").toLowerCase();
      for (const secret of [APP_KEY, RECEIVER_KEY, "correct-horse"]) assert.ok(!said.includes(secret), secret);
    });

    it("any bytes: no crash, only frames come back, nothing is changed", () => {
      bench.setUp();
      const before = bench.ask("identify");
      const random = new RandomStream(9, "console fuzz");
      const words = [
        "\x1egt1 ",
        '{"jsonrpc":"2.0",',
        '"id":1,',
        '"method":"lock"',
        "}",
        "\n",
        '"params":{',
        " 00000000\n",
      ];
      for (let round = 0; round < counts(300, 10_000); round++) {
        const parts: Uint8Array[] = [];
        for (let i = 0; i < 20; i++) {
          const noise = new Uint8Array(random.below(12));
          random.fill(noise);
          parts.push(random.below(2) === 0 ? noise : Buffer.from(words[random.below(words.length)], "latin1"));
        }
        bench.feed(Buffer.concat(parts));
      }
      bench.feed(Buffer.from("\n"));
      assert.deepEqual(bench.ask("identify"), before);
    });

    it("well-framed nonsense: every answer is a result or an error with code and reason", () => {
      const random = new RandomStream(10, "console fuzz");
      const values = [
        null,
        true,
        0,
        -1,
        1e300,
        "",
        "00".repeat(16),
        "ff".repeat(8),
        [],
        [[]],
        {},
        { a: { b: {} } },
        CONFIGURATION,
      ];
      const names = [
        "challenge",
        "devEui",
        "joinEui",
        "appKey",
        "key",
        "publicKey",
        "configuration",
        "seconds",
        "replace",
      ];
      const pick = <T>(list: readonly T[]): T => list[random.below(list.length)];
      for (let round = 0; round < counts(3000, 50_000); round++) {
        const params: Record<string, unknown> = {};
        for (let n = random.below(4); n > 0; n--) params[pick(names)] = pick(values);
        const method = pick(METHODS.filter((each) => each !== "factoryReset"));
        const message = { jsonrpc: "2.0", id: round, method, params: random.below(8) === 0 ? pick(values) : params };
        const answers = bench.feed(frameOf(message));
        assert.equal(answers.length, 1, JSON.stringify(message));
        const [{ id, result, error }] = answers;
        assert.equal(id, round);
        assert.ok(result !== undefined || (error !== undefined && error.code < 0 && /^[a-z-]+$/.test(error.message)));
      }
      assert.equal(bench.ask("identify").locked, false);
    });
  });
});
