/**
 * The public identity of a node, `nodes/<devEui>.json`: what a stranger needs to check its tokens. Strict where it matters: the key must be a
 * point of P-256, the kid must be that key's own, and the ueid must be the DevEUI's.
 */
import type { SignatureAlgorithm } from "../../firmware/ports/crypto.ts";
import { MAX_HWMODEL_BYTES, OEMID_BYTES, UEID_BYTES } from "../../firmware/wire/batch.ts";
import { MAX_THUMBPRINT_INPUT_BYTES, thumbprintInput } from "../../firmware/wire/cose-key.ts";
import { KID_BYTES } from "../../firmware/wire/cose-sign1.ts";
import { profileByUri } from "../../firmware/wire/profiles/known.ts";
import { decodeBase64Url, encodeBase64Url } from "./base64.ts";
import type { ReceiverCrypto } from "./crypto.ts";
import { bytesToHex, equalBytes, fromHex } from "./hex.ts";
import { asObject, asString, type JsonObject, parseJsonObject } from "./json.ts";

/** Public identity of one node. */
export interface NodeRecord {
  /** EUI-64, 16 lower-case hexadecimal digits. */
  devEui: string;
  /** RFC 9711 4.2.1: 02, then the EUI-64. */
  ueid: Uint8Array;
  alg: SignatureAlgorithm;
  /** x‖y. */
  publicKey: Uint8Array;
  /** First 8 bytes of the key's COSE Key Thumbprint. */
  kid: Uint8Array;
  /** IEEE MA-L of the maker (RFC 9711 4.2.3). */
  oemid: Uint8Array;
  /** RFC 9711 4.2.4. */
  hwmodel: Uint8Array;
  /** URI of the profile that its batches have. */
  profile: string;
}

/** `place` names the member of the file, `reason` what is wrong with it. */
export type NodeRecordResult = { ok: true; node: NodeRecord } | { ok: false; reason: string; place: string };

const MAX_FILE_LENGTH = 16_384;
const COORDINATE_BYTES = 32;
const UEID_TYPE_EUI = "02";
const ES256 = -7;

/** The kid of a key: the beginning of its COSE Key Thumbprint (RFC 9679 4). `publicKey` as in `NodeRecord`. */
export function keyIdentifier(
  alg: SignatureAlgorithm,
  publicKey: Uint8Array,
  sha256: ReceiverCrypto["sha256"],
): Uint8Array {
  const input = new Uint8Array(MAX_THUMBPRINT_INPUT_BYTES);
  return sha256(input.subarray(0, thumbprintInput(alg, publicKey, input))).slice(0, KID_BYTES);
}

/** The ueid of an EUI-64 given in hexadecimal. */
export function ueidOf(devEui: string): Uint8Array | undefined {
  return fromHex(`${UEID_TYPE_EUI}${devEui}`, UEID_BYTES);
}

/** Reads the text of `nodes/<devEui>.json`. */
export function parseNodeRecord(text: string, crypto: ReceiverCrypto): NodeRecordResult {
  const json = parseJsonObject(text, MAX_FILE_LENGTH);
  if (!json.ok) return refuse("the file", json.reason);
  const devEui = asString(json.value.devEui);
  if (devEui === undefined || devEui !== devEui.toLowerCase() || fromHex(devEui, 8) === undefined) {
    return refuse("devEui", "not-16-lower-case-hex-digits");
  }
  const ueid = hexMember(json.value, "ueid");
  const expected = ueidOf(devEui);
  if (ueid === undefined || expected === undefined || !equalBytes(ueid, expected)) {
    return refuse("ueid", "not-02-and-the-dev-eui");
  }
  const key = parseKey(json.value.jwk, crypto);
  if (!key.ok) return key;
  const kid = hexMember(json.value, "kid");
  if (kid === undefined || !equalBytes(kid, keyIdentifier(ES256, key.publicKey, crypto.sha256))) {
    return refuse("kid", "not-the-thumbprint-of-the-key");
  }
  const oemid = hexMember(json.value, "oemid");
  if (oemid === undefined || oemid.length !== OEMID_BYTES) return refuse("oemid", "not-3-bytes-of-hex");
  const hwmodel = hexMember(json.value, "hwmodel");
  if (hwmodel === undefined || hwmodel.length === 0 || hwmodel.length > MAX_HWMODEL_BYTES) {
    return refuse("hwmodel", "not-1-to-32-bytes-of-hex");
  }
  const profile = asString(json.value.profile);
  if (profile === undefined || profileByUri(profile) === undefined) return refuse("profile", "profile-unknown");
  return { ok: true, node: { devEui, ueid, alg: ES256, publicKey: key.publicKey, kid, oemid, hwmodel, profile } };
}

/** What stands in `nodes/<devEui>.json`; `parseNodeRecord` reads its JSON back. */
export function nodeFileContent(node: NodeRecord): object {
  return {
    devEui: node.devEui,
    ueid: bytesToHex(node.ueid),
    profile: node.profile,
    jwk: {
      kty: "EC",
      crv: "P-256",
      x: encodeBase64Url(node.publicKey.subarray(0, COORDINATE_BYTES)),
      y: encodeBase64Url(node.publicKey.subarray(COORDINATE_BYTES)),
    },
    kid: bytesToHex(node.kid),
    oemid: bytesToHex(node.oemid),
    hwmodel: bytesToHex(node.hwmodel),
    resolution: resolutionOf(node.profile),
  };
}

/** Smallest step and unit of each quantity: for whoever reads the file; the profile itself is what counts. */
function resolutionOf(uri: string): Record<string, { step: number; unit: string }> {
  const resolution: Record<string, { step: number; unit: string }> = {};
  for (const field of profileByUri(uri)?.fields ?? []) resolution[field.name] = { step: field.scale, unit: field.unit };
  return resolution;
}

type KeyResult = { ok: true; publicKey: Uint8Array } | { ok: false; reason: string; place: string };

/** A public P-256 key as JWK (RFC 7518 6.2.1). */
function parseKey(value: unknown, crypto: ReceiverCrypto): KeyResult {
  const jwk = asObject(value);
  if (jwk === undefined) return refuse("jwk", "not-an-object");
  if (jwk.d !== undefined) return refuse("jwk.d", "private-key-in-a-public-file");
  if (jwk.kty !== "EC") return refuse("jwk.kty", "not-EC");
  if (jwk.crv !== "P-256") return refuse("jwk.crv", "not-P-256");
  const publicKey = new Uint8Array(2 * COORDINATE_BYTES);
  for (const [name, offset] of [
    ["x", 0],
    ["y", COORDINATE_BYTES],
  ] as const) {
    const coordinate = decodeBase64Url(asString(jwk[name]) ?? "", COORDINATE_BYTES);
    if (coordinate?.length !== COORDINATE_BYTES) return refuse(`jwk.${name}`, "not-32-bytes-of-base64url");
    publicKey.set(coordinate, offset);
  }
  return crypto.isP256Point(publicKey) ? { ok: true, publicKey } : refuse("jwk", "not-a-point-of-the-curve");
}

function hexMember(object: JsonObject, name: string): Uint8Array | undefined {
  const text = asString(object[name]);
  return text === undefined ? undefined : fromHex(text);
}

function refuse(place: string, reason: string): { ok: false; reason: string; place: string } {
  return { ok: false, reason, place };
}
