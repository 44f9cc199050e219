/**
 * The public identity of a node, `nodes/<devEui>.json`: what a stranger needs to check its tokens. Strict where it matters: the key must be a
 * point of its curve, the kid must be that key's own, the ueid must be the DevEUI's, and a binding must be signed by the key.
 *
 *   jwk          the node's key (P-256, secp256k1 or Ed25519): signs its tokens from seq 0 on, unless `binding` hands that over
 *   ? binding    base64url of a CWT by which this key, in a secure element, certifies the one that signs tokens from seq 0 on
 *   ? revoked    [{kid, fromSeq, ? toSeq}]: keys that the operator no longer believes from a number on, or between two
 *   ? downlinks  false where the node hears none over LoRa
 *   ? protection what holds the key, as the operator knows it
 */
import type { SignatureAlgorithm } from "../../firmware/ports/crypto.ts";
import { MAX_HWMODEL_BYTES, OEMID_BYTES, UEID_BYTES } from "../../firmware/wire/batch.ts";
import { parseBinding } from "../../firmware/wire/binding.ts";
import { MAX_THUMBPRINT_INPUT_BYTES, type PublicKey, thumbprintInput } from "../../firmware/wire/cose-key.ts";
import { KID_BYTES } from "../../firmware/wire/cose-sign1.ts";
import { MAX_TOKEN_BYTES } from "../../firmware/wire/eat-token.ts";
import { profileByUri } from "../../firmware/wire/profiles/known.ts";
import { decodeBase64Url, encodeBase64Url } from "./base64.ts";
import type { ReceiverCrypto, VerifyingKey } from "./crypto.ts";
import { bytesToHex, equalBytes, fromHex } from "./hex.ts";
import { asInteger, asObject, asString, type JsonObject, parseJsonObject } from "./json.ts";
import { jwkOf, parseJwk } from "./jwk.ts";
import { KeyTimeline, type Revocation } from "./key-timeline.ts";
import { PROTECTION_NAMES, type ProtectionName } from "./protection.ts";
import { isSignedBy } from "./signed-bytes.ts";

/** Public identity of one node. */
export interface NodeRecord extends VerifyingKey {
  /** EUI-64, 16 lower-case hexadecimal digits. */
  devEui: string;
  /** RFC 9711 4.2.1: 02, then the EUI-64. */
  ueid: Uint8Array;
  /** IEEE MA-L of the maker (RFC 9711 4.2.3). */
  oemid: Uint8Array;
  /** RFC 9711 4.2.4. */
  hwmodel: Uint8Array;
  /** URI of the profile that its batches have, unless a boot token says another. */
  profile: string;
  /** The key that signs tokens from seq 0 on where that is not the node's own, and the CWT that says so. */
  binding?: { token: Uint8Array; key: VerifyingKey };
  revoked?: readonly Revocation[];
  /** false: the node hears nothing over LoRa, and nothing is sent to it there. */
  downlinks?: boolean;
  protection?: ProtectionName;
}

/** `place` names the member of the file, `reason` what is wrong with it. */
export type NodeRecordResult = { ok: true; node: NodeRecord } | Refused;

interface Refused {
  ok: false;
  reason: string;
  place: string;
}

const MAX_FILE_LENGTH = 16_384;
const MAX_UINT32 = 0xffffffff;
/** Keys that can be revoked: as many as a file has room for. */
const MAX_REVOKED = 128;
const UEID_TYPE_EUI = "02";

/** The kid of a key: the beginning of its COSE Key Thumbprint (RFC 9679 4). */
export function keyIdentifier(
  alg: SignatureAlgorithm,
  publicKey: Uint8Array,
  sha256: ReceiverCrypto["sha256"],
): Uint8Array {
  const input = new Uint8Array(MAX_THUMBPRINT_INPUT_BYTES);
  return sha256(input.subarray(0, thumbprintInput(alg, publicKey, input))).slice(0, KID_BYTES);
}

/** A public key with its name, in arrays of its own. */
export function verifyingKey({ alg, publicKey }: PublicKey, sha256: ReceiverCrypto["sha256"]): VerifyingKey {
  return { alg, publicKey: publicKey.slice(), kid: keyIdentifier(alg, publicKey, sha256) };
}

/** The timeline of a node's keys as its identity has it, without any rotation. */
export function keysOf({ alg, publicKey, kid, binding, revoked }: NodeRecord): KeyTimeline {
  return new KeyTimeline(binding?.key ?? { alg, publicKey, kid }, revoked);
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
  const key = parseKey(json.value, crypto);
  if ("ok" in key) return key;
  const oemid = hexMember(json.value, "oemid");
  if (oemid === undefined || oemid.length !== OEMID_BYTES) return refuse("oemid", "not-3-bytes-of-hex");
  const hwmodel = hexMember(json.value, "hwmodel");
  if (hwmodel === undefined || hwmodel.length === 0 || hwmodel.length > MAX_HWMODEL_BYTES) {
    return refuse("hwmodel", "not-1-to-32-bytes-of-hex");
  }
  const profile = asString(json.value.profile);
  if (profile === undefined || profileByUri(profile) === undefined) return refuse("profile", "profile-unknown");
  const node: NodeRecord = { devEui, ueid, ...key, oemid, hwmodel, profile };
  const reason = parseOptional(json.value, node, crypto);
  return reason ?? { ok: true, node };
}

/** What stands in `nodes/<devEui>.json`; `parseNodeRecord` reads its JSON back. */
export function nodeFileContent(node: NodeRecord): object {
  const { binding, revoked, downlinks, protection } = node;
  return {
    devEui: node.devEui,
    ueid: bytesToHex(node.ueid),
    profile: node.profile,
    jwk: jwkOf(node.alg, node.publicKey),
    kid: bytesToHex(node.kid),
    oemid: bytesToHex(node.oemid),
    hwmodel: bytesToHex(node.hwmodel),
    ...(downlinks === undefined ? {} : { downlinks }),
    ...(protection === undefined ? {} : { protection }),
    ...(binding === undefined ? {} : { binding: encodeBase64Url(binding.token) }),
    ...(revoked === undefined || revoked.length === 0
      ? {}
      : { revoked: revoked.map(({ kid, ...seqs }) => ({ kid: bytesToHex(kid), ...seqs })) }),
    resolution: resolutionOf(node.profile),
  };
}

/** Smallest step and unit of each quantity: for whoever reads the file; the profile itself is what counts. */
function resolutionOf(uri: string): Record<string, { step: number; unit: string }> {
  const resolution: Record<string, { step: number; unit: string }> = {};
  for (const field of profileByUri(uri)?.fields ?? []) resolution[field.name] = { step: field.scale, unit: field.unit };
  return resolution;
}

function parseKey(file: JsonObject, crypto: ReceiverCrypto): VerifyingKey | Refused {
  const jwk = parseJwk(file.jwk);
  if (!jwk.ok) return jwk;
  const { alg, publicKey } = jwk;
  if (!crypto.isPublicKey(alg, publicKey)) return refuse("jwk", "not-a-point-of-the-curve");
  const kid = hexMember(file, "kid");
  if (kid === undefined || !equalBytes(kid, keyIdentifier(alg, publicKey, crypto.sha256))) {
    return refuse("kid", "not-the-thumbprint-of-the-key");
  }
  return { alg, publicKey, kid };
}

/** Reads what need not be there into `node`; returns why not. */
function parseOptional(file: JsonObject, node: NodeRecord, crypto: ReceiverCrypto): Refused | undefined {
  if (file.protection !== undefined) {
    const protection = PROTECTION_NAMES.find((name) => name === file.protection);
    if (protection === undefined) return refuse("protection", "protection-unknown");
    node.protection = protection;
  }
  if (file.downlinks !== undefined) {
    if (typeof file.downlinks !== "boolean") return refuse("downlinks", "neither-true-nor-false");
    node.downlinks = file.downlinks;
  }
  if (file.revoked !== undefined) {
    const revoked = parseRevoked(file.revoked);
    if (revoked === undefined) return refuse("revoked", "not-a-list-of-kid-and-fromSeq");
    node.revoked = revoked;
  }
  if (file.binding === undefined) return undefined;
  const binding = parseBindingMember(file.binding, node, crypto);
  if (typeof binding === "string") return refuse("binding", binding);
  node.binding = binding;
  return undefined;
}

function parseRevoked(value: unknown): Revocation[] | undefined {
  if (!Array.isArray(value) || value.length > MAX_REVOKED) return undefined;
  const revoked: Revocation[] = [];
  for (const item of value) {
    const object = asObject(item);
    const kid = fromHex(asString(object?.kid) ?? "?", KID_BYTES);
    const fromSeq = asInteger(object?.fromSeq, 0, MAX_UINT32);
    if (kid === undefined || fromSeq === undefined) return undefined;
    const toSeq = object?.toSeq === undefined ? undefined : asInteger(object.toSeq, fromSeq, MAX_UINT32);
    if (object?.toSeq !== undefined && toSeq === undefined) return undefined;
    revoked.push(toSeq === undefined ? { kid, fromSeq } : { kid, fromSeq, toSeq });
  }
  return revoked;
}

/** The binding, or why it is none: reasons of `parseBinding`, and those below. */
function parseBindingMember(
  value: unknown,
  { kid, alg, publicKey, ueid }: NodeRecord,
  crypto: ReceiverCrypto,
): { token: Uint8Array; key: VerifyingKey } | string {
  const token = decodeBase64Url(asString(value) ?? "?", MAX_TOKEN_BYTES);
  if (token === undefined) return "not-base64url";
  const binding = parseBinding(token);
  if (!binding.ok) return binding.reason;
  const { claims } = binding;
  if (!equalBytes(claims.ueid, ueid)) return "ueid-of-another-node";
  if (!equalBytes(binding.kid, kid) || binding.alg !== alg) return "kid-of-another-key";
  if (!isSignedBy(binding, publicKey, crypto)) return "signature-invalid";
  if (!crypto.isPublicKey(claims.key.alg, claims.key.publicKey)) return "not-a-point-of-the-curve";
  return { token, key: verifyingKey(claims.key, crypto.sha256) };
}

function hexMember(object: JsonObject, name: string): Uint8Array | undefined {
  const text = asString(object[name]);
  return text === undefined ? undefined : fromHex(text);
}

function refuse(place: string, reason: string): Refused {
  return { ok: false, reason, place };
}
