/**
 * Commands to ChirpStack's MQTT integration. Whoever can publish on the broker can send one, so each is judged as an enemy's: bounded,
 * checked field by field, refused by name.
 */
import { fromBase64, fromHex } from "./text-encoding.ts";

/** A downlink has at most 222 bytes, 296 characters of Base64; the rest is room for names and white space. */
const MAX_COMMAND_LENGTH = 2048;
const MAX_DATA_BYTES = 242;
/** FPorts of applications (TS001-1.0.4 4.3.2); 224 is for the certification protocol. */
const MAX_PORT = 223;

export interface DownlinkCommand {
  applicationId: string;
  /** Lower-case hexadecimal. */
  devEui: string;
  /** The sender's own name for it. */
  id: string | undefined;
  confirmed: boolean;
  fPort: number;
  data: Uint8Array;
}

export type CommandRefusal =
  | "unknown-topic"
  | "too-long"
  | "not-json"
  | "not-an-object"
  | "dev-eui-differs-from-topic"
  | "invalid-id"
  | "invalid-confirmed"
  | "invalid-f-port"
  | "invalid-data"
  | "data-too-long"
  | "object-without-codec";

export type ParsedCommand = { ok: true; command: DownlinkCommand } | { ok: false; reason: CommandRefusal };

function refused(reason: CommandRefusal): ParsedCommand {
  return { ok: false, reason };
}

function parseJson(text: string): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

function isUuid(text: string): boolean {
  const parts = text.split("-");
  if (parts.length !== 5) return false;
  return [4, 2, 2, 2, 6].every((length, index) => fromHex(parts[index], length) !== undefined);
}

/** The application and device of `application/{id}/device/{devEui}/command/down`. */
function parseTopic(topic: string): { applicationId: string; devEui: string } | undefined {
  const levels = topic.split("/");
  if (levels.length !== 6 || levels[0] !== "application" || levels[2] !== "device") return undefined;
  if (levels[4] !== "command" || levels[5] !== "down") return undefined;
  if (fromHex(levels[3], 8) === undefined) return undefined;
  return { applicationId: levels[1], devEui: levels[3].toLowerCase() };
}

/** Reads a command; never throws. */
export function parseCommand(topic: string, json: string): ParsedCommand {
  const address = parseTopic(topic);
  if (address === undefined) return refused("unknown-topic");
  if (json.length > MAX_COMMAND_LENGTH) return refused("too-long");
  const parsed = parseJson(json);
  if (parsed === undefined) return refused("not-json");
  const { value } = parsed;
  if (typeof value !== "object" || value === null || Array.isArray(value)) return refused("not-an-object");
  const { id, devEui, confirmed, fPort, data, object } = value as Record<string, unknown>;
  if (typeof devEui !== "string" || devEui.toLowerCase() !== address.devEui) {
    return refused("dev-eui-differs-from-topic");
  }
  if (object !== undefined && object !== null) return refused("object-without-codec");
  if (id !== undefined && id !== "" && !(typeof id === "string" && isUuid(id))) return refused("invalid-id");
  if (confirmed !== undefined && typeof confirmed !== "boolean") return refused("invalid-confirmed");
  if (typeof fPort !== "number" || Math.floor(fPort) !== fPort || fPort < 1 || fPort > MAX_PORT) {
    return refused("invalid-f-port");
  }
  if (data !== undefined && typeof data !== "string") return refused("invalid-data");
  const bytes = fromBase64(data ?? "");
  if (bytes === undefined) return refused("invalid-data");
  if (bytes.length > MAX_DATA_BYTES) return refused("data-too-long");
  return {
    ok: true,
    command: {
      ...address,
      id: typeof id === "string" && id !== "" ? id : undefined,
      confirmed: confirmed === true,
      fPort,
      data: bytes,
    },
  };
}
