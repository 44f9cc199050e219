import assert from "node:assert/strict";
import { connect } from "node:net";
import { HttpTokens } from "../../../../../tools/receiver/service/http-tokens.ts";

const DEV_EUI = "70b3d57ed0000001";
const PATH = `/groundtruth/${DEV_EUI}/token`;

describe("tokens by HTTP", () => {
  let server: HttpTokens;
  let taken: { devEui: string; token: Uint8Array }[];
  beforeEach(async () => {
    taken = [];
    server = await HttpTokens.open({ host: "127.0.0.1", port: 0 }, (devEui, token, answer) => {
      taken.push({ devEui, token });
      if (token[0] === 1) answer.accepted(new Uint8Array([9, 9]));
      else if (token[0] === 2) answer.accepted(undefined);
      else if (token[0] === 3) answer.refused("store-busy", false);
      else if (token[0] === 4) answer.refused("node-unknown", false);
      else answer.refused("signature-invalid", true);
    });
  });
  afterEach(() => server.close());

  const send = (path: string, init: RequestInit): Promise<Response> =>
    fetch(`http://127.0.0.1:${server.port}${path}`, init);
  const post = (...bytes: number[]): Promise<Response> => send(PATH, { method: "POST", body: new Uint8Array(bytes) });

  /** Sends bytes as they are; everything that comes back. */
  function raw(...parts: string[]): Promise<string> {
    return new Promise((resolve) => {
      let text = "";
      const socket = connect(server.port, "127.0.0.1", () => {
        for (const part of parts) socket.write(part, "latin1");
      });
      socket.on("data", (chunk) => {
        text += chunk.toString("latin1");
      });
      socket.on("error", () => {});
      socket.on("close", () => resolve(text));
    });
  }

  it("answers with the acknowledgement, or without a body where there is none", async () => {
    const response = await post(1, 5);
    assert.equal(response.status, 200);
    assert.deepEqual(new Uint8Array(await response.arrayBuffer()), new Uint8Array([9, 9]));
    assert.equal((await (await post(2)).arrayBuffer()).byteLength, 0);
    assert.deepEqual(taken[0], { devEui: DEV_EUI, token: new Uint8Array([1, 5]) });
  });

  it("RFC 9110 15: says whether to come again", async () => {
    const busy = await post(3);
    assert.deepEqual(
      [busy.status, busy.headers.get("retry-after"), await busy.json()],
      [503, "1", { reason: "store-busy" }],
    );
    assert.equal((await post(4)).status, 404);
    const refused = await post(5);
    assert.deepEqual([refused.status, await refused.json()], [422, { reason: "signature-invalid" }]);
  });

  it("takes no other path, method or length", async () => {
    for (const path of ["/", "/groundtruth/70b3/token", `${PATH}/x`, `${PATH}?a=b`, "/groundtruth/../token"]) {
      assert.equal((await send(path, { method: "POST", body: "a" })).status, 404, path);
    }
    const get = await send(PATH, {});
    assert.deepEqual([get.status, get.headers.get("allow")], [405, "POST"]);
    assert.equal((await send(PATH, { method: "POST", body: new Uint8Array(1025) })).status, 413);
    assert.equal(taken.length, 0);
    assert.equal((await send(PATH, { method: "POST", body: new Uint8Array(1024) })).status, 422);
    assert.equal(taken.length, 1);
  });

  it("a body that does not say its length and does not end is cut at a token's length", async () => {
    const chunk = `400\r\n${"a".repeat(1024)}\r\n`;
    const answer = await raw(
      `POST ${PATH} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n`,
      chunk,
      chunk,
      "0\r\n\r\n",
    );
    assert.match(answer, /^HTTP\/1\.1 413 /);
    assert.equal(taken.length, 0);
  });

  it("what is not HTTP gets an answer and no harm is done", async () => {
    assert.match(await raw("\x00\x01\x02 not http\r\n\r\n"), /^HTTP\/1\.1 400 /);
    assert.match(await raw(`GET / HTTP/1.1\r\nX: ${"a".repeat(20_000)}\r\n\r\n`), /^HTTP\/1\.1 431 /);
    assert.equal((await post(1)).status, 200);
  });
});
