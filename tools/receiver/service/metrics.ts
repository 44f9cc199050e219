/** Metrics in Prometheus' text format 0.0.4, at `GET /metrics`. Node.js only. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { closeServer, type HttpAddress, listen } from "./http-tokens.ts";

export interface Metric {
  name: string;
  kind: "counter" | "gauge";
  help: string;
  /** Without labels: one sample under "". Otherwise by the labels' text, as `reason="signature-invalid"`. */
  samples: ReadonlyMap<string, number> | number;
}

/** The text of a scrape. */
export function metricsText(metrics: readonly Metric[]): string {
  let text = "";
  for (const { name, kind, help, samples } of metrics) {
    text += `# HELP ${name} ${help}\n# TYPE ${name} ${kind}\n`;
    if (typeof samples === "number") text += `${name} ${samples}\n`;
    else for (const [labels, value] of samples) text += `${name}{${labels}} ${value}\n`;
  }
  return text;
}

/** One label with its value. */
export function label(name: string, value: string): string {
  return `${name}="${value.replace(/[\\"\n]/g, (character) => (character === "\n" ? "\\n" : `\\${character}`))}"`;
}

export class MetricsServer {
  readonly #server: Server;

  private constructor(metrics: () => readonly Metric[]) {
    this.#server = createServer({ requestTimeout: 5_000, headersTimeout: 5_000 }, (request, response) => {
      if (request.url !== "/metrics" || request.method !== "GET") {
        response.writeHead(404, { "Content-Type": "text/plain" }).end("GET /metrics\n");
        return;
      }
      response.writeHead(200, { "Content-Type": "text/plain; version=0.0.4" }).end(metricsText(metrics()));
    });
    this.#server.maxConnections = 64;
  }

  /** Listens; fails when the address cannot be had. */
  static async open(address: HttpAddress, metrics: () => readonly Metric[]): Promise<MetricsServer> {
    const server = new MetricsServer(metrics);
    await listen(server.#server, address);
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  close(): Promise<void> {
    return closeServer(this.#server);
  }
}
