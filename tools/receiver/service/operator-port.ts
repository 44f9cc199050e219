/**
 * Where an operator asks a running receiver, on a port of its own. Node.js only. Whoever reaches it can make nodes spend downlinks: it listens on
 * this machine unless told otherwise.
 *
 *   POST /nodes/{devEui}/challenge     body: a nonce of 8 to 64 bytes (over LoRa 16 at most), or nothing: then one is made
 *     202  it will be asked; the body is as of GET      403  a web page asks      404  node unknown      409  no key for it, or it hears nothing
 *     413, 422  the nonce
 *   GET  /nodes/{devEui}/challenge     how it goes on
 *     200  {"node","nonce","state":"waiting"|"sent"|"answered"|"expired","asked","attempts","answer"?}      404  nothing was asked
 *   GET  /nodes/{devEui}               what is known of the node: its account, digests, key, boot
 */
import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { MAX_NONCE_BYTES } from "../../../firmware/wire/statements.ts";
import type { Challenge } from "../challenges.ts";
import { bytesToHex } from "../hex.ts";
import { isoSeconds } from "../reading-output.ts";
import type { Receiver } from "../receiver.ts";
import { closeServer, type HttpAddress, listen } from "./http-tokens.ts";

/** What fits every transport. */
const NONCE_BYTES = 16;
const PATH = /^\/nodes\/([0-9a-fA-F]{16})(\/challenge)?$/;

export class OperatorPort {
  readonly #server: Server;
  readonly #receiver: Receiver;

  private constructor(receiver: Receiver) {
    this.#receiver = receiver;
    const limits = { headersTimeout: 5_000, requestTimeout: 10_000, maxHeaderSize: 8192 };
    this.#server = createServer(limits, (request, response) => this.#handle(request, response));
    this.#server.maxConnections = 64;
  }

  /** Listens; fails when the address cannot be had. */
  static async open(address: HttpAddress, receiver: Receiver): Promise<OperatorPort> {
    const port = new OperatorPort(receiver);
    await listen(port.#server, address);
    return port;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  close(): Promise<void> {
    return closeServer(this.#server);
  }

  #handle(request: IncomingMessage, response: ServerResponse): void {
    const path = PATH.exec(request.url ?? "");
    if (path === null) {
      answer(response, 404, { reason: "path-unknown" });
      return;
    }
    const devEui = path[1].toLowerCase();
    if (path[2] === undefined) this.#node(request, response, devEui);
    else if (request.method === "POST" && request.headers.origin !== undefined) {
      // A page that a browser on this machine shows: the operator's own tools send no Origin (RFC 6454 7).
      answer(response, 403, { reason: "asked-by-a-web-page" });
    } else if (request.method === "POST") this.#ask(request, response, devEui);
    else if (request.method === "GET") this.#challenge(response, devEui, 200);
    else answer(response.setHeader("Allow", "GET, POST"), 405, { reason: "method-neither-get-nor-post" });
  }

  #node(request: IncomingMessage, response: ServerResponse, devEui: string): void {
    const known = this.#receiver.knownOf(devEui);
    if (request.method !== "GET") answer(response.setHeader("Allow", "GET"), 405, { reason: "method-not-get" });
    else if (known === undefined) answer(response, 404, { reason: "node-unknown" });
    else {
      const { key, fromSeq } = known.keys.newest;
      answer(response, 200, {
        node: devEui,
        ...known.account.summary(),
        digests: known.digests.counts,
        key: { kid: bytesToHex(key.kid), fromSeq },
        boot: known.contexts.latestBoot ?? null,
        parked: this.#receiver.intake.parking.sizeOf(devEui),
      });
    }
  }

  #ask(request: IncomingMessage, response: ServerResponse, devEui: string): void {
    const chunks: Buffer[] = [];
    let length = 0;
    request.on("data", (chunk: Buffer) => {
      length += chunk.length;
      if (length <= MAX_NONCE_BYTES) chunks.push(chunk);
    });
    request.on("error", () => {}); // the client has gone: nobody to answer
    request.on("end", () => {
      if (length > MAX_NONCE_BYTES) {
        answer(response, 413, { reason: "nonce-length" });
        return;
      }
      const nonce = new Uint8Array(length === 0 ? randomBytes(NONCE_BYTES) : Buffer.concat(chunks));
      const reason = this.#receiver.challenge(devEui, nonce, Date.now());
      if (reason === undefined) this.#challenge(response, devEui, 202);
      else answer(response, reason === "node-unknown" ? 404 : reason.startsWith("no-") ? 409 : 422, { reason });
    });
  }

  #challenge(response: ServerResponse, devEui: string, status: number): void {
    const challenge = this.#receiver.challengeOf(devEui);
    if (challenge === undefined) answer(response, 404, { reason: "nothing-asked" });
    else answer(response, status, challengeObject(devEui, challenge));
  }
}

function challengeObject(devEui: string, challenge: Challenge): object {
  const { nonce, state, askedUnixMs, attempts, answeredUnixMs, answer: said } = challenge;
  const head = { node: devEui, nonce: bytesToHex(nonce), state, asked: iso(askedUnixMs), attempts };
  if (said === undefined || answeredUnixMs === undefined) return head;
  const { bootCount, uptimeS, wallS, seq } = said;
  const time = wallS === 0 ? null : isoSeconds(wallS);
  return { ...head, answer: { received: iso(answeredUnixMs), seq, bootCount, uptime: uptimeS, time } };
}

function iso(unixMs: number): string {
  return new Date(unixMs).toISOString();
}

function answer(response: ServerResponse, status: number, content: object): void {
  const body = `${JSON.stringify(content)}\n`;
  response
    .writeHead(status, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body) })
    .end(body);
}
