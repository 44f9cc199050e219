/**
 * The device console: JSON-RPC 2.0 over the lines of wire/console-line.ts. It sets a board up (key, LoRaWAN credentials, receiver's key, owner's key,
 * configuration), tells who it is, proves it, and locks. No secret is ever read back. It lives as long as the node is awake; nothing of it is kept.
 *
 *     idle --request--> working (one command for the application) --done, signed, health--> idle, answered
 *      ^ |                 '--another request: "busy"
 *      '-' refused: an error
 *
 * Locked: identify, prove and factoryReset alone are obeyed. Whoever did not hear the answer to a request that changes something may send the very
 * same line again and gets the same answer; it is not done twice. What is no request (an answer, a notification) is passed over in silence, so that a
 * port that echoes does not make the node talk to itself.
 */
import { ConsoleLineReader, LINE } from "../../wire/console-line.ts";
import {
  CHALLENGE_BYTES,
  HARDWARE_ID_BYTES,
  PROOF_MESSAGE_BYTES,
  writeProofMessage,
} from "../../wire/console-proof.ts";
import { configurationFacts } from "./configuration-facts.ts";
import { ConsoleAnswers } from "./console-answers.ts";
import { EUI_BYTES, equalBytes, isUniform, missingForLock } from "./console-checks.ts";
import { errorCode, NOT_A_LINE } from "./console-errors.ts";
import type { ConsoleCommand, ConsoleEvent, ConsoleFacts } from "./console-events.ts";
import { ConsoleRequest, FRAME } from "./console-request.ts";

/** Following the log ends by itself: a tool that was unplugged cannot say so. */
const FOLLOW_MAX_S = 3600;
const AES_KEY_BYTES = 16;
const OWNER_KEY_BYTES = 64;

/** The parameters that each method may have. */
const METHODS: Readonly<Record<string, readonly string[]>> = Object.freeze({
  identify: [],
  prove: ["challenge"],
  generateKey: [],
  writeLorawan: ["devEui", "joinEui", "appKey", "replace"],
  writeReceiverKey: ["key", "replace"],
  writeOwner: ["publicKey", "replace"],
  writeConfiguration: ["configuration"],
  health: [],
  followLog: ["seconds"],
  lock: ["hardwareId"],
  factoryReset: ["hardwareId"],
});
const WHEN_LOCKED: readonly string[] = Object.freeze(["identify", "prove", "factoryReset"]);

export class Console {
  /** Lines that were no good: damaged, cut, too long, of another version. */
  linesRefused = 0;
  #facts: ConsoleFacts;
  #lines = new ConsoleLineReader();
  #request = new ConsoleRequest(this.#lines.bytes);
  #answers = new ConsoleAnswers();
  #message = new Uint8Array(PROOF_MESSAGE_BYTES);
  #command: ConsoleCommand | undefined;
  #isWorking = false;
  /** The line holds a key or a password, and is wiped when its work is done, which is before another byte comes. */
  #bringsSecret = false;
  /** The request that is being worked on, or was last. */
  #id = -1;
  #crc = 0;
  /** Its answer stands in the buffer, and it changed something. */
  #mayRepeat = false;
  #followsUntilMs = -1;

  constructor(facts: ConsoleFacts) {
    this.#facts = facts;
  }

  handle(event: ConsoleEvent, nowMs: number): void {
    switch (event.kind) {
      case "byte":
        this.takeByte(event.byte, nowMs);
        break;
      case "log":
        if (!this.follows(nowMs)) break;
        this.#answers.log(nowMs, event.level, event.source, event.text);
        this.#command = { kind: "send", bytes: this.#answers.logBytes, length: this.#answers.logLength };
        break;
      default:
        this.#isWorking = false;
        if (this.#bringsSecret) this.#lines.wipe();
        if (event.kind === "done") this.finish(event.reason);
        else if (event.kind === "signed") this.#answers.proof(this.#id, this.#facts, event.signature);
        else if (event.kind === "keyMade") this.#answers.publicKey(this.#id, this.#facts);
        else this.#answers.health(this.#id, event.counters);
        this.#mayRepeat = event.kind === "keyMade" || (event.kind === "done" && event.reason === undefined);
        this.send();
    }
  }

  /** To be carried out before the next event. */
  pollCommand(): ConsoleCommand | undefined {
    const command = this.#command;
    this.#command = undefined;
    return command;
  }

  /** A tool follows the log: its lines go out in frames. */
  follows(nowMs: number): boolean {
    return nowMs < this.#followsUntilMs;
  }

  private takeByte(byte: number, nowMs: number): void {
    const found = this.#lines.push(byte);
    if (found === LINE.frame) {
      this.takeFrame(nowMs);
    } else if (found === LINE.refused) {
      this.linesRefused++;
      this.refuseLine(this.#lines.reason);
    }
  }

  private takeFrame(nowMs: number): void {
    const request = this.#request;
    const found = request.read(this.#lines);
    if (found !== FRAME.notForUs) this.takeFound(found, nowMs);
    if (!this.#isWorking) this.#lines.wipe();
  }

  private takeFound(found: number, nowMs: number): void {
    const request = this.#request;
    const { id, crc } = request;
    const isRepeated = found === FRAME.request && id === this.#id && crc === this.#crc;
    if (found === FRAME.unreadable) this.refuseLine(request.reason);
    else if (found === FRAME.invalid) this.refuseFor(id, "invalid-request");
    else if (this.#isWorking) {
      // The answer to the same line is on its way.
      if (!isRepeated) this.refuseFor(id, "busy");
    } else if (isRepeated && this.#mayRepeat) {
      this.send();
    } else {
      this.#id = id;
      this.#crc = crc;
      this.#mayRepeat = false;
      this.takeRequest(nowMs);
    }
  }

  private takeRequest(nowMs: number): void {
    const { method } = this.#request;
    const allowed = Object.keys(METHODS).includes(method) ? METHODS[method] : undefined;
    if (allowed === undefined) this.refuse("unknown-method");
    else if (this.#facts.locked && !WHEN_LOCKED.includes(method)) this.refuse("locked");
    else if (!this.#request.readParameters(allowed)) this.refuse("bad-parameter", "params");
    else this.perform(method, nowMs);
  }

  private perform(method: string, nowMs: number): void {
    switch (method) {
      case "identify":
        this.#answers.identity(this.#id, this.#facts);
        this.send();
        break;
      case "prove":
        this.prove();
        break;
      case "generateKey":
        if (this.#facts.publicKey === undefined) this.work({ kind: "generateKey" });
        else this.refuse("key-exists");
        break;
      case "writeLorawan":
        this.writeLorawan();
        break;
      case "writeReceiverKey":
        this.writeReceiverKey();
        break;
      case "writeOwner":
        this.writeOwner();
        break;
      case "writeConfiguration":
        this.writeConfiguration();
        break;
      case "health":
        this.work({ kind: "readHealth" });
        break;
      case "followLog":
        this.followLog(nowMs);
        break;
      case "lock":
        this.lock();
        break;
      case "factoryReset":
        if (this.namesThisBoard()) this.work({ kind: "erase" });
        break;
    }
  }

  private prove(): void {
    const challenge = this.#request.hex("challenge", CHALLENGE_BYTES);
    if (challenge === undefined) {
      this.refuseParameter("challenge");
    } else if (this.#facts.publicKey === undefined) {
      this.refuse("no-key");
    } else {
      writeProofMessage(this.#facts.hardwareId, challenge, this.#message);
      this.work({ kind: "sign", message: this.#message, length: PROOF_MESSAGE_BYTES });
    }
  }

  private writeLorawan(): void {
    const devEui = this.#request.hex("devEui", EUI_BYTES);
    const joinEui = this.#request.hex("joinEui", EUI_BYTES);
    const appKey = this.#request.hex("appKey", AES_KEY_BYTES);
    if (devEui === undefined || isUniform(devEui)) this.refuseParameter("devEui");
    else if (joinEui === undefined) this.refuseParameter("joinEui");
    else if (appKey === undefined || isUniform(appKey)) this.refuseParameter("appKey");
    else if (this.mayWrite(this.#facts.hasAppKey)) {
      const euis = new Uint8Array(2 * EUI_BYTES);
      euis.set(devEui);
      euis.set(joinEui, EUI_BYTES);
      this.work({ kind: "storeLorawan", appKey, euis });
    }
  }

  private writeReceiverKey(): void {
    const key = this.#request.hex("key", AES_KEY_BYTES);
    if (key === undefined || isUniform(key)) this.refuseParameter("key");
    else if (this.mayWrite(this.#facts.hasReceiverKey)) this.work({ kind: "storeReceiverKey", key });
  }

  private writeOwner(): void {
    const publicKey = this.#request.hex("publicKey", OWNER_KEY_BYTES);
    if (publicKey === undefined || isUniform(publicKey)) this.refuseParameter("publicKey");
    else if (this.mayWrite(this.#facts.owner !== undefined)) this.work({ kind: "storeOwner", publicKey });
  }

  private writeConfiguration(): void {
    const text = this.#request.raw("configuration");
    const facts = text === undefined ? "configuration" : configurationFacts(text, text.length);
    if (text === undefined || typeof facts === "string") this.refuseParameter(facts as string);
    else this.work({ kind: "storeConfiguration", text, length: text.length });
  }

  private followLog(nowMs: number): void {
    const seconds = this.#request.integer("seconds", 0, FOLLOW_MAX_S);
    if (seconds === undefined) {
      this.refuseParameter("seconds");
      return;
    }
    this.#followsUntilMs = seconds === 0 ? -1 : nowMs + seconds * 1000;
    this.#answers.done(this.#id);
    this.send();
  }

  /** A node that is locked without what it needs could not be helped any more. */
  private lock(): void {
    if (!this.namesThisBoard()) return;
    const missing = missingForLock(this.#facts);
    if (missing === "") this.work({ kind: "lock" });
    else this.refuse("incomplete", missing);
  }

  /** What cannot be undone names the board: a tool whose port has changed hands is stopped here. */
  private namesThisBoard(): boolean {
    const hardwareId = this.#request.hex("hardwareId", HARDWARE_ID_BYTES);
    if (hardwareId === undefined) this.refuseParameter("hardwareId");
    else if (equalBytes(hardwareId, this.#facts.hardwareId)) return true;
    else this.refuse("wrong-board");
    return false;
  }

  private mayWrite(exists: boolean): boolean {
    const replace = this.#request.flag("replace");
    if (replace === undefined) this.refuseParameter("replace");
    else if (exists && !replace) this.refuse("key-exists");
    return replace === true || (replace === false && !exists);
  }

  private work(command: ConsoleCommand): void {
    this.#isWorking = true;
    this.#bringsSecret = command.kind.startsWith("store");
    this.#command = command;
  }

  private finish(reason: string | undefined): void {
    if (reason === undefined) {
      this.#answers.done(this.#id);
      return;
    }
    // A colon parts the reason from what it is about.
    const colon = reason.indexOf(": ");
    const name = colon < 0 ? reason : reason.slice(0, colon);
    this.#answers.error(this.#id, errorCode(name), name, colon < 0 ? "" : reason.slice(colon + 2));
  }

  private refuseParameter(name: string): void {
    this.refuse("bad-parameter", name);
  }

  private refuse(reason: string, detail = ""): void {
    this.refuseFor(this.#id, reason, detail);
  }

  private refuseFor(id: number, reason: string, detail = ""): void {
    this.#mayRepeat = false;
    this.#answers.error(id, errorCode(reason), reason, detail);
    this.send();
  }

  private refuseLine(reason: string): void {
    this.#mayRepeat = false;
    this.#answers.error(-1, NOT_A_LINE, reason, "");
    this.send();
  }

  private send(): void {
    this.#command = { kind: "send", bytes: this.#answers.bytes, length: this.#answers.length };
  }
}
