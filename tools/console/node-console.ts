/** The console's methods, with what they take and give checked: what comes from a port may be anything. */
import { createPublicKey, verify } from "node:crypto";
import { CHALLENGE_BYTES, PROOF_MESSAGE_BYTES, writeProofMessage } from "../../firmware/wire/console-proof.ts";
import { type ConsoleClient, ConsoleError } from "./client.ts";

export interface NodeIdentity {
  console: number;
  hardwareId: string;
  chip: string;
  model: string;
  firmware: { name: string; version: string };
  locked: boolean;
  alg: number;
  publicKey: string | null;
  kid: string | null;
  devEui: string | null;
  joinEui: string | null;
  appKey: boolean;
  receiverKey: boolean;
  owner: string | null;
  /** Bytes of its configuration; 0: none. */
  configuration: number;
}

export interface LorawanCredentials {
  devEui: string;
  joinEui: string;
  appKey: string;
}

const ES256 = -7;
const TEXT_MAX = 64;

/** Every request of the console, one after the other. */
export class NodeConsole {
  readonly client: ConsoleClient;

  constructor(client: ConsoleClient) {
    this.client = client;
  }

  async identify(): Promise<NodeIdentity> {
    return checkIdentity(await this.client.call("identify"));
  }

  /** Counters by name. */
  async health(): Promise<Record<string, number>> {
    const result = await this.client.call("health");
    for (const [name, value] of Object.entries(result)) {
      if (!/^\w{1,32}$/.test(name) || !Number.isSafeInteger(value)) throw notUnderstood("health");
    }
    return result as Record<string, number>;
  }

  /** Makes the node's key, on the node; gives x‖y in hex. */
  async generateKey(): Promise<string> {
    return hex((await this.client.call("generateKey")).publicKey, 64);
  }

  /** Whether the node that `identity` tells of holds the key that it names: it signs 32 bytes of our choice. */
  async prove(identity: NodeIdentity, challenge: Uint8Array): Promise<boolean> {
    if (identity.publicKey === null || identity.alg !== ES256 || challenge.length !== CHALLENGE_BYTES) return false;
    const { signature } = await this.client.call("prove", { challenge: Buffer.from(challenge).toString("hex") });
    const message = new Uint8Array(PROOF_MESSAGE_BYTES);
    writeProofMessage(Buffer.from(identity.hardwareId, "hex"), challenge, message);
    return verifies(identity.publicKey, message, hex(signature, 64));
  }

  /** Refused with key-exists where there is an AppKey, unless `replace`. */
  async writeLorawan(credentials: LorawanCredentials, replace = false): Promise<void> {
    await this.client.call("writeLorawan", { ...credentials, replace });
  }

  async writeReceiverKey(key: string, replace = false): Promise<void> {
    await this.client.call("writeReceiverKey", { key, replace });
  }

  /** x‖y in hex. */
  async writeOwner(publicKey: string, replace = false): Promise<void> {
    await this.client.call("writeOwner", { publicKey, replace });
  }

  async writeConfiguration(configuration: object): Promise<void> {
    await this.client.call("writeConfiguration", { configuration });
  }

  /** Lets the log come in frames for so many seconds; 0 ends it. */
  async followLog(seconds: number): Promise<void> {
    await this.client.call("followLog", { seconds });
  }

  /** From now on the node only tells who it is and proves it. */
  async lock(hardwareId: string): Promise<void> {
    await this.client.call("lock", { hardwareId });
  }

  /** Destroys the node's keys and all that it keeps. */
  async factoryReset(hardwareId: string): Promise<void> {
    await this.client.call("factoryReset", { hardwareId });
  }
}

function verifies(publicKey: string, message: Uint8Array, signature: string): boolean {
  const [x, y] = [publicKey.slice(0, 64), publicKey.slice(64)].map((part) =>
    Buffer.from(part, "hex").toString("base64url"),
  );
  try {
    const key = createPublicKey({ key: { kty: "EC", crv: "P-256", x, y }, format: "jwk" });
    return verify("sha256", message, { key, dsaEncoding: "ieee-p1363" }, Buffer.from(signature, "hex"));
  } catch {
    // Not a point of the curve.
    return false;
  }
}

function checkIdentity(result: Record<string, unknown>): NodeIdentity {
  const { firmware } = result;
  const { name, version } = (typeof firmware === "object" && firmware !== null ? firmware : {}) as Record<
    string,
    unknown
  >;
  const isRight =
    Number.isSafeInteger(result.console) &&
    Number.isSafeInteger(result.alg) &&
    Number.isSafeInteger(result.configuration) &&
    [result.locked, result.appKey, result.receiverKey].every((flag) => typeof flag === "boolean") &&
    [result.chip, result.model, name, version].every(isPlainText);
  if (!isRight) throw notUnderstood("identify");
  const keyBytes = result.alg === -8 ? 32 : 64;
  return {
    ...(result as unknown as NodeIdentity),
    hardwareId: hex(result.hardwareId, 8),
    publicKey: hexOrNull(result.publicKey, keyBytes),
    kid: hexOrNull(result.kid, 8),
    devEui: hexOrNull(result.devEui, 8),
    joinEui: hexOrNull(result.joinEui, 8),
    owner: hexOrNull(result.owner, 64),
  };
}

function isPlainText(value: unknown): boolean {
  return typeof value === "string" && value.length <= TEXT_MAX && /^[ -~]*$/.test(value);
}

function hexOrNull(value: unknown, bytes: number): string | null {
  return value === null ? null : hex(value, bytes);
}

function hex(value: unknown, bytes: number): string {
  if (typeof value !== "string" || value.length !== 2 * bytes || !/^[0-9a-f]*$/.test(value)) {
    throw notUnderstood("a value in hex");
  }
  return value;
}

function notUnderstood(what: string): ConsoleError {
  return new ConsoleError("not-understood", `the node's answer makes no sense: ${what}`);
}
