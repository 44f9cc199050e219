/**
 * Tokens by HTTP. Node.js only.
 *
 *   POST /groundtruth/{devEui}/token      body: the token's bytes
 *     200  accepted, now or before; body: the final acknowledgement (control-message.ts), none without a shared key
 *     404  node unknown     405, 404  another method or path     408, 413  body too slow, too long
 *     422  refused for good; body: {"reason":"..."}
 *     503  not now: come again after Retry-After
 *
 * The answer waits for the store's commit. Everything is bounded: connections, the time for a request, and its length.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { MAX_TOKEN_BYTES } from "../../../firmware/wire/eat-token.ts";
import type { TokenAnswer } from "../receiver.ts";

/** Handles a token; `answer` is called once. */
export type TakeToken = (devEui: string, token: Uint8Array, answer: TokenAnswer) => void;

export interface HttpAddress {
  host: string;
  port: number;
}

const MAX_CONNECTIONS = 1024;
const HEADERS_MS = 5_000;
const REQUEST_MS = 10_000;
const PATH = /^\/groundtruth\/([0-9a-fA-F]{16})\/token$/;

export class HttpTokens {
  /** Requests by status. */
  readonly statuses = new Map<number, number>();
  readonly #server: Server;

  private constructor(take: TakeToken) {
    this.#server = createServer(
      {
        headersTimeout: HEADERS_MS,
        requestTimeout: REQUEST_MS,
        connectionsCheckingInterval: 1_000,
        maxHeaderSize: 8192,
      },
      (request, response) => this.#handle(request, response, take),
    );
    this.#server.maxConnections = MAX_CONNECTIONS;
  }

  /** Listens; fails when the address cannot be had. */
  static async open(address: HttpAddress, take: TakeToken): Promise<HttpTokens> {
    const tokens = new HttpTokens(take);
    await listen(tokens.#server, address);
    return tokens;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  close(): Promise<void> {
    return closeServer(this.#server);
  }

  #handle(request: IncomingMessage, response: ServerResponse, take: TakeToken): void {
    const path = PATH.exec(request.url ?? "");
    if (path === null) this.#answer(response, 404, "path-unknown");
    else if (request.method !== "POST") this.#answer(response.setHeader("Allow", "POST"), 405, "method-not-post");
    else if (Number(request.headers["content-length"] ?? 0) > MAX_TOKEN_BYTES) this.#tooLong(response);
    else this.#read(request, response, path[1].toLowerCase(), take);
  }

  #read(request: IncomingMessage, response: ServerResponse, devEui: string, take: TakeToken): void {
    const chunks: Buffer[] = [];
    let length = 0;
    request.on("data", (chunk: Buffer) => {
      length += chunk.length;
      if (length <= MAX_TOKEN_BYTES) chunks.push(chunk);
      else if (!response.headersSent) this.#tooLong(response);
    });
    request.on("error", () => {}); // the client has gone: nobody to answer
    request.on("end", () => {
      if (response.headersSent) return;
      take(devEui, new Uint8Array(Buffer.concat(chunks)), {
        accepted: (control) => {
          this.#count(200);
          const length = control?.length ?? 0;
          response
            .writeHead(200, { "Content-Type": "application/octet-stream", "Content-Length": length })
            .end(control);
        },
        refused: (reason, forGood) => {
          if (reason === "node-unknown") this.#answer(response, 404, reason);
          else if (forGood) this.#answer(response, 422, reason);
          else this.#answer(response.setHeader("Retry-After", "1"), 503, reason);
        },
      });
    });
  }

  #tooLong(response: ServerResponse): void {
    this.#answer(response.setHeader("Connection", "close"), 413, "token-too-long");
  }

  #answer(response: ServerResponse, status: number, reason: string): void {
    this.#count(status);
    const body = `${JSON.stringify({ reason })}\n`;
    response.writeHead(status, { "Content-Type": "application/json", "Content-Length": body.length }).end(body);
  }

  #count(status: number): void {
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
  }
}

/** Listens; fails when the address cannot be had. */
export function listen(server: Server, { host, port }: HttpAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.removeListener("error", reject);
      resolve();
    });
  });
}

/** Lets requests that are under way end, and no others begin. */
export function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), 2_000);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
    server.closeIdleConnections();
  });
}
