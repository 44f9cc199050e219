/**
 * Messages of The Things Stack v3's MQTT integration, as JSON. It speaks MQTT 3.1.1 at QoS 0 only:
 *
 *   v3/{application}@{tenant}/devices/{device}/up                                  an uplink (without "@{tenant}" in its Open Source edition)
 *   v3/{application}@{tenant}/devices/{device}/{join, down/..., service/data, ...}  nothing for us
 *   v3/{application}@{tenant}/devices/{device}/down/push                           what we publish
 *
 * The topic names a device by a name that its owner chose; its DevEUI stands in the message. As with any network server nothing in a message
 * is believed but that these bytes arrived; the token's signature says the rest.
 */
import { decodeBase64, encodeBase64 } from "./base64.ts";
import type { OtherEvent, RefusedEvent, UplinkEvent } from "./chirpstack-source.ts";
import { fromHex } from "./hex.ts";
import { asInteger, asObject, asString, type JsonObject, parseJsonObject } from "./json.ts";

/** As `UplinkEvent`, with what it takes to answer. */
export interface TtsUplink extends Omit<UplinkEvent, "application"> {
  /** `{application}@{tenant}`, or `{application}`. */
  application: string;
  /** The device's name within the application. */
  device: string;
}

/** One entry of rx_metadata takes some 700 characters, and there is one a gateway; the frame itself is at most 324. */
const MAX_MESSAGE_LENGTH = 262_144;
const MAX_TOPIC_LENGTH = 256;
/** The largest FRMPayload (RP002-1.0.4, M of 250 with 8 bytes of header). */
const MAX_PAYLOAD_BYTES = 242;
/** Identifiers of The Things Stack: 2 to 36 lower-case letters, digits and single dashes. */
const IDENTIFIER = "[a-z0-9](?:-?[a-z0-9]){1,35}";
const APPLICATION = new RegExp(`^(${IDENTIFIER})(?:@${IDENTIFIER})?$`);
const DEVICE = new RegExp(`^${IDENTIFIER}$`);

const OTHER_MESSAGES: readonly string[] = Object.freeze([
  "join",
  "down/queued",
  "down/sent",
  "down/ack",
  "down/nack",
  "down/failed",
  "queue/invalidated",
  "service/data",
  "location/solved",
]);

/** Takes one message of the integration apart. */
export function parseTtsMessage(topic: string, json: string): TtsUplink | OtherEvent | RefusedEvent {
  const parts = topic.length > MAX_TOPIC_LENGTH ? [] : topic.split("/");
  if (parts.length < 5 || parts.length > 6 || parts[0] !== "v3" || parts[2] !== "devices")
    return refuse("topic-unknown");
  const application = APPLICATION.exec(parts[1]);
  if (application === null) return refuse("topic-application-malformed");
  if (!DEVICE.test(parts[3])) return refuse("topic-device-malformed");
  const kind = parts.slice(4).join("/");
  if (kind !== "up") return { kind: "other", name: OTHER_MESSAGES.includes(kind) ? kind : "unknown" };
  const parsed = parseJsonObject(json, MAX_MESSAGE_LENGTH);
  return parsed.ok ? parseUplink(parts[1], application[1], parts[3], parsed.value) : refuse(parsed.reason);
}

/** What is published to `down/push` to append a downlink to the device's queue. */
export function ttsDownlink(
  application: string,
  device: string,
  fPort: number,
  payload: Uint8Array,
): { topic: string; json: string } {
  const downlink = { f_port: fPort, frm_payload: encodeBase64(payload), priority: "NORMAL" };
  return {
    topic: `v3/${application}/devices/${device}/down/push`,
    json: JSON.stringify({ downlinks: [downlink] }),
  };
}

function parseUplink(
  application: string,
  applicationId: string,
  device: string,
  message: JsonObject,
): TtsUplink | OtherEvent | RefusedEvent {
  const ids = asObject(message.end_device_ids);
  const devEui = asString(ids?.dev_eui)?.toLowerCase();
  if (devEui === undefined || fromHex(devEui, 8) === undefined) return refuse("dev-eui-malformed");
  if (ids?.device_id !== device) return refuse("device-differs-from-topic", devEui);
  if (asObject(ids.application_ids)?.application_id !== applicationId) {
    return refuse("application-differs-from-topic", devEui);
  }
  const uplink = asObject(message.uplink_message);
  if (uplink === undefined) return refuse("uplink-message-missing", devEui);
  // Members with the value 0 or "" may be left out (protobuf's JSON mapping).
  const fPort = asInteger(uplink.f_port ?? 0, 0, 255);
  if (fPort === undefined) return refuse("port-malformed", devEui);
  const payload = decodeBase64(asString(uplink.frm_payload ?? "") ?? "?", MAX_PAYLOAD_BYTES);
  if (payload === undefined) return refuse("payload-malformed", devEui);
  if (fPort === 0 || payload.length === 0) return { kind: "other", name: "up-without-payload" };
  return { kind: "uplink", application, device, devEui, fPort, payload };
}

function refuse(reason: string, devEui?: string): RefusedEvent {
  return { kind: "refused", reason, ...(devEui === undefined ? {} : { devEui }) };
}
