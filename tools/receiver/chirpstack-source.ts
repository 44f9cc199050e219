/**
 * Events of ChirpStack v4's MQTT integration, as JSON (its marshaler "json"):
 *
 *   application/{application}/device/{DevEUI}/event/{up, join, ack, txack, status, log, location, integration}
 *   application/{application}/device/{DevEUI}/command/down      what we publish
 *
 * Only `up` carries anything for us. An event is as hostile as any other input: whoever can publish on the broker can write one, so nothing in
 * it is believed but that these bytes arrived; the token's signature says the rest.
 */
import { decodeBase64, encodeBase64 } from "./base64.ts";
import { fromHex } from "./hex.ts";
import { asInteger, asObject, asString, parseJsonObject } from "./json.ts";

export interface UplinkEvent {
  kind: "uplink";
  application: string;
  /** 16 lower-case hexadecimal digits. */
  devEui: string;
  fPort: number;
  payload: Uint8Array;
}

/** An event of another kind, by its name ("unknown" when ChirpStack does not have it), or an uplink without a payload for us. */
export interface OtherEvent {
  kind: "other";
  name: string;
}

export interface RefusedEvent {
  kind: "refused";
  reason: string;
  /** Given when at least the topic was right. */
  devEui?: string;
}

/** ChirpStack sends one rxInfo of some 500 characters a gateway; the frame itself is at most 340. */
const MAX_EVENT_LENGTH = 262_144;
/** The largest FRMPayload (RP002-1.0.4, M of 250 with 8 bytes of header). */
const MAX_PAYLOAD_BYTES = 242;
/** A UUID takes 36. */
const MAX_APPLICATION_LENGTH = 64;

const OTHER_EVENTS: readonly string[] = Object.freeze([
  "join",
  "ack",
  "txack",
  "status",
  "log",
  "location",
  "integration",
]);

/** Takes one message of the integration apart. */
export function parseChirpstackEvent(topic: string, json: string): UplinkEvent | OtherEvent | RefusedEvent {
  const parts = topic.length > 256 ? [] : topic.split("/");
  if (parts.length !== 6 || parts[0] !== "application" || parts[2] !== "device" || parts[4] !== "event") {
    return { kind: "refused", reason: "topic-unknown" };
  }
  const application = parts[1];
  const devEui = parts[3].toLowerCase();
  if (fromHex(devEui, 8) === undefined) return { kind: "refused", reason: "topic-dev-eui-malformed" };
  if (!isApplicationName(application)) return { kind: "refused", reason: "topic-application-malformed", devEui };
  if (parts[5] !== "up") {
    return { kind: "other", name: OTHER_EVENTS.includes(parts[5]) ? parts[5] : "unknown" };
  }
  return parseUplink(application, devEui, json);
}

/** What is published to `command/down` to queue a downlink. */
export function chirpstackDownlink(
  application: string,
  devEui: string,
  fPort: number,
  payload: Uint8Array,
): { topic: string; json: string } {
  return {
    topic: `application/${application}/device/${devEui}/command/down`,
    json: JSON.stringify({ devEui, confirmed: false, fPort, data: encodeBase64(payload) }),
  };
}

function parseUplink(application: string, devEui: string, json: string): UplinkEvent | OtherEvent | RefusedEvent {
  const parsed = parseJsonObject(json, MAX_EVENT_LENGTH);
  if (!parsed.ok) return { kind: "refused", reason: parsed.reason, devEui };
  const event = parsed.value;
  const named = asString(asObject(event.deviceInfo)?.devEui)?.toLowerCase();
  if (named !== devEui) return { kind: "refused", reason: "dev-eui-differs-from-topic", devEui };
  // With a join server outside ChirpStack the payload comes still encrypted, and only that server's owner can read it.
  if (Object.keys(asObject(event.joinServerContext) ?? {}).length > 0)
    return { kind: "refused", reason: "payload-encrypted", devEui };
  // Members with the value 0 or "" may be left out (protobuf's JSON mapping).
  const fPort = asInteger(event.fPort ?? 0, 0, 255);
  if (fPort === undefined) return { kind: "refused", reason: "port-malformed", devEui };
  const payload = decodeBase64(asString(event.data ?? "") ?? "?", MAX_PAYLOAD_BYTES);
  if (payload === undefined) return { kind: "refused", reason: "payload-malformed", devEui };
  if (fPort === 0 || payload.length === 0) return { kind: "other", name: "up-without-payload" };
  return { kind: "uplink", application, devEui, fPort, payload };
}

/** It becomes part of a topic that we publish to: no wildcards, no levels, no control characters. */
function isApplicationName(name: string): boolean {
  return name.length > 0 && name.length <= MAX_APPLICATION_LENGTH && /^[0-9A-Za-z_-]+$/.test(name);
}
