/** The values of `groundtruth receive`'s options, from text. */
import { InvalidArgumentError } from "commander";
import { type Partition, parsePartition } from "../receiver/partition.ts";
import type { HttpAddress } from "../receiver/service/http-tokens.ts";

/** A broker's URL. */
export function parseUrl(text: string): string {
  const url = URL.parse(text);
  if (url === null || !["mqtt:", "mqtts:", "ws:", "wss:"].includes(url.protocol) || url.hostname === "") {
    throw new InvalidArgumentError("A URL as mqtt://broker.example:1883 or mqtts://broker.example is needed.");
  }
  if (url.password !== "") {
    throw new InvalidArgumentError(
      "Everyone on this machine can read a password here: put USER:PASSWORD into a file, for --mqtt-login.",
    );
  }
  return text;
}

/** `PORT`, `HOST:PORT` or `[IPv6]:PORT`. */
export function parseAddress(text: string): HttpAddress {
  const match = /^(?:(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s/]+)):)?(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) throw new InvalidArgumentError("A port, or HOST:PORT, is needed.");
  return { host: match[1] ?? match[2] ?? "127.0.0.1", port };
}

/** The beginning of topics that we publish to; not among those that we listen to. */
export function parsePrefix(text: string): string {
  if (
    !/^[^+#\s/][^+#\s]{0,199}$/.test(text) ||
    text.endsWith("/") ||
    /^(groundtruth|application|v3|\$.*)(\/|$)/.test(text)
  ) {
    throw new InvalidArgumentError(
      "The beginning of a topic is needed, without wildcards, and not of the topics that receivers listen to.",
    );
  }
  return text;
}

/** The name of a group: it becomes part of topics and of the client's name. */
export function parseGroup(text: string): string {
  if (!/^[0-9A-Za-z_-]{1,32}$/.test(text))
    throw new InvalidArgumentError("Letters, digits, - and _ are needed, 32 at most.");
  return text;
}

export function parsePart(text: string): Partition {
  const partition = parsePartition(text);
  if (partition === undefined) throw new InvalidArgumentError("A part as 1/2 or 3/3 is needed, of 64 at most.");
  return partition;
}
