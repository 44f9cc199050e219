/** Writes the console's answers and its log lines: JSON-RPC 2.0 in a frame. Secrets have no way in here: it is given the facts only. */
import { CONSOLE_VERSION, closeFrame, FRAME_JSON_AT, FRAME_OVERHEAD_BYTES } from "../../wire/console-line.ts";
import { JsonWriter } from "../../wire/json-writer.ts";
import type { ConsoleFacts } from "./console-events.ts";

/** An identity with every field at its longest takes about 900 bytes, health 24 counters. */
const ANSWER_BYTES_MAX = 1280;
/** A line of the log: 240 characters, of which each may need an escape. */
const LOG_BYTES_MAX = 640;
const LOG_TEXT_MAX = 240;
const LOG_SOURCE_MAX = 16;

/** One frame at a time; `length` is that of the last one. */
export class ConsoleAnswers {
  readonly bytes = new Uint8Array(ANSWER_BYTES_MAX + FRAME_OVERHEAD_BYTES);
  length = 0;
  readonly logBytes = new Uint8Array(LOG_BYTES_MAX + FRAME_OVERHEAD_BYTES);
  logLength = 0;
  #writer = new JsonWriter(this.bytes.subarray(0, FRAME_JSON_AT + ANSWER_BYTES_MAX));
  #logWriter = new JsonWriter(this.logBytes.subarray(0, FRAME_JSON_AT + LOG_BYTES_MAX));

  /** `id` -1: it is not known. */
  error(id: number, code: number, reason: string, detail: string): void {
    const writer = this.begin(id).name("error").open();
    writer.name("code").integer(code).name("message").text(reason);
    if (detail !== "") writer.name("data").open().name("what").text(detail).close();
    writer.close();
    this.finish();
  }

  /** A result without content: it is done. */
  done(id: number): void {
    this.begin(id).name("result").open().close();
    this.finish();
  }

  identity(id: number, facts: ConsoleFacts): void {
    const { firmware, configuration, euis } = facts;
    const writer = this.begin(id).name("result").open();
    writer.name("console").integer(CONSOLE_VERSION);
    writer.name("hardwareId").hex(facts.hardwareId);
    writer.name("chip").text(facts.chip).name("model").text(facts.model);
    writer.name("firmware").open().name("name").text(firmware.name).name("version").text(firmware.version).close();
    writer.name("locked").flag(facts.locked);
    writer.name("alg").integer(facts.algorithm);
    this.bytesOrNothing("publicKey", facts.publicKey);
    this.bytesOrNothing("kid", facts.kid);
    this.bytesOrNothing("devEui", configuration?.devEui ?? euis?.subarray(0, 8));
    this.bytesOrNothing("joinEui", configuration?.joinEui ?? euis?.subarray(8));
    writer.name("appKey").flag(facts.hasAppKey).name("receiverKey").flag(facts.hasReceiverKey);
    this.bytesOrNothing("owner", facts.owner);
    writer.name("configuration").integer(configuration?.length ?? 0);
    writer.close();
    this.finish();
  }

  publicKey(id: number, facts: ConsoleFacts): void {
    this.begin(id).name("result").open();
    this.key(facts);
    this.#writer.close();
    this.finish();
  }

  proof(id: number, facts: ConsoleFacts, signature: Uint8Array): void {
    this.begin(id).name("result").open();
    this.key(facts);
    this.#writer.name("signature").hex(signature).close();
    this.finish();
  }

  health(id: number, counters: Readonly<Record<string, number>>): void {
    const writer = this.begin(id).name("result").open();
    for (const name of Object.keys(counters)) writer.name(name).integer(counters[name]);
    writer.close();
    this.finish();
  }

  /** A notification; `atMs` on the clock's scale. */
  log(atMs: number, level: string, source: string, text: string): void {
    const writer = this.#logWriter.begin(FRAME_JSON_AT).open().name("jsonrpc").text("2.0").name("method").text("log");
    writer.name("params").open().name("ms").integer(atMs).name("level").text(level);
    writer.name("source").text(printable(source, LOG_SOURCE_MAX)).name("text").text(printable(text, LOG_TEXT_MAX));
    writer.close().close();
    this.logLength = closeFrame(this.logBytes, writer.offset);
  }

  private key({ algorithm, publicKey, kid }: ConsoleFacts): void {
    this.#writer.name("alg").integer(algorithm);
    this.bytesOrNothing("publicKey", publicKey);
    this.bytesOrNothing("kid", kid);
  }

  private bytesOrNothing(name: string, value: Uint8Array | undefined): void {
    this.#writer.name(name);
    if (value === undefined) this.#writer.nothing();
    else this.#writer.hex(value);
  }

  private begin(id: number): JsonWriter {
    const writer = this.#writer.begin(FRAME_JSON_AT).open().name("jsonrpc").text("2.0").name("id");
    return id < 0 ? writer.nothing() : writer.integer(id);
  }

  private finish(): void {
    this.#writer.close();
    this.length = closeFrame(this.bytes, this.#writer.offset);
  }
}

/** Of at most `maxLength` characters, each of which takes two bytes of JSON at most. */
function printable(text: string, maxLength: number): string {
  let result = "";
  for (let i = 0; i < text.length && i < maxLength; i++) {
    const code = text.charCodeAt(i);
    result += code >= 0x20 && code < 0x7f ? text[i] : "?";
  }
  return result;
}
