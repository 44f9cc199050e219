/**
 * Writes the claims of statements (statements.ts); keys in the order of their encodings.
 *
 *   boot     ? 6, 256, 258, 259, ? 261, 263, ? 264, 265, 267, 270, 271, ? 273, -65537, ? -65542, -65543
 *   digest   ? 6, 256, ? 261, 267, -65537, -65539: [first-seq, last-seq, SHA-256]
 *   anchor   ? 6, ? 10, 256, 261, 267, -65537, -65540: time-quality
 *   key      ? 6, 8, 256, 267, -65537
 *
 * Boot and digest have iat (6) or uptime (261).
 */
import { CborWriter } from "./cbor-writer.ts";
import { CLAIM } from "./claim-keys.ts";
import { writeConfirmation } from "./cose-key.ts";
import {
  type AnchorClaims,
  type BootClaims,
  checkStatement,
  type DigestClaims,
  type KeyClaims,
  type Location,
  type StatementClaims,
} from "./statements.ts";

/** CoAP content format application/octet-stream (RFC 7252 12.3): the measurement is the digest's bytes. */
export const MEASUREMENT_FORMAT = 42;
/** Keys of a location (RFC 9711 4.2.10). */
export const LOCATION_KEY = Object.freeze({ latitude: 1, longitude: 2, altitude: 3, accuracy: 4 } as const);

/** Writes the claims into `into` (MAX_CLAIMS_BYTES) and returns their length. Throws on what no receiver would accept: a bug of ours. */
export function encodeStatement(claims: StatementClaims, into: Uint8Array): number {
  const reason = checkStatement(claims);
  if (reason !== undefined) throw new RangeError(`claims: ${reason}`);
  const writer = new CborWriter(into);
  switch (claims.kind) {
    case "boot":
      writeBoot(writer, claims);
      break;
    case "digest":
      writeDigest(writer, claims);
      break;
    case "anchor":
      writeAnchor(writer, claims);
      break;
    case "key":
      writeKey(writer, claims);
      break;
  }
  return writer.finish();
}

function writeNumber(writer: CborWriter, key: number, value: number): void {
  writer.int(key);
  writer.uint(value);
}

function writeBytes(writer: CborWriter, key: number, value: Uint8Array): void {
  writer.int(key);
  writer.bytes(value);
}

function writeBoot(writer: CborWriter, boot: BootClaims): void {
  const { wallTime, timeS, imageDigest, location, sensors } = boot;
  // One of iat and uptime, and ten that every boot token has.
  writer.map(
    11 + (imageDigest === undefined ? 0 : 1) + (location === undefined ? 0 : 1) + (sensors.length === 0 ? 0 : 1),
  );
  if (wallTime) writeNumber(writer, CLAIM.iat, timeS);
  writeBytes(writer, CLAIM.ueid, boot.ueid);
  writeBytes(writer, CLAIM.oemid, boot.oemid);
  writeBytes(writer, CLAIM.hwmodel, boot.hwmodel);
  if (!wallTime) writeNumber(writer, CLAIM.uptime, timeS);
  writeNumber(writer, CLAIM.dbgstat, boot.dbgstat);
  if (location !== undefined) {
    writer.uint(CLAIM.location);
    writeLocation(writer, location);
  }
  writer.uint(CLAIM.profile);
  writer.text(boot.profile.uri);
  writeNumber(writer, CLAIM.bootCount, boot.bootCount);
  writer.uint(CLAIM.swname);
  writer.text(boot.swname);
  writer.uint(CLAIM.swversion);
  writer.array(1);
  writer.text(boot.swversion);
  if (imageDigest !== undefined) {
    writer.uint(CLAIM.measurements);
    writer.array(1);
    writer.array(2);
    writer.uint(MEASUREMENT_FORMAT);
    writer.bytes(imageDigest);
  }
  writeNumber(writer, CLAIM.seq, boot.seq);
  if (sensors.length > 0) {
    writer.int(CLAIM.sensors);
    writer.array(sensors.length);
    for (const { model, calibration } of sensors) {
      writer.array(calibration === undefined ? 1 : 2);
      writer.text(model);
      if (calibration !== undefined) writer.text(calibration);
    }
  }
  writeNumber(writer, CLAIM.protection, boot.protection);
}

function writeLocation(writer: CborWriter, { latitude, longitude, altitude, accuracy }: Location): void {
  writer.map(2 + (altitude === undefined ? 0 : 1) + (accuracy === undefined ? 0 : 1));
  writer.uint(LOCATION_KEY.latitude);
  writer.float(latitude);
  writer.uint(LOCATION_KEY.longitude);
  writer.float(longitude);
  if (altitude !== undefined) {
    writer.uint(LOCATION_KEY.altitude);
    writer.float(altitude);
  }
  if (accuracy !== undefined) {
    writer.uint(LOCATION_KEY.accuracy);
    writer.float(accuracy);
  }
}

function writeDigest(writer: CborWriter, claims: DigestClaims): void {
  const { wallTime, timeS } = claims;
  writer.map(5);
  if (wallTime) writeNumber(writer, CLAIM.iat, timeS);
  writeBytes(writer, CLAIM.ueid, claims.ueid);
  if (!wallTime) writeNumber(writer, CLAIM.uptime, timeS);
  writeNumber(writer, CLAIM.bootCount, claims.bootCount);
  writeNumber(writer, CLAIM.seq, claims.seq);
  writer.int(CLAIM.digest);
  writer.array(3);
  writer.uint(claims.firstSeq);
  writer.uint(claims.lastSeq);
  writer.bytes(claims.digest);
}

function writeAnchor(writer: CborWriter, claims: AnchorClaims): void {
  const { wallS, nonce } = claims;
  writer.map(5 + (wallS === 0 ? 0 : 1) + (nonce === undefined ? 0 : 1));
  if (wallS !== 0) writeNumber(writer, CLAIM.iat, wallS);
  if (nonce !== undefined) writeBytes(writer, CLAIM.nonce, nonce);
  writeBytes(writer, CLAIM.ueid, claims.ueid);
  writeNumber(writer, CLAIM.uptime, claims.uptimeS);
  writeNumber(writer, CLAIM.bootCount, claims.bootCount);
  writeNumber(writer, CLAIM.seq, claims.seq);
  writeNumber(writer, CLAIM.anchor, claims.timeQuality);
}

function writeKey(writer: CborWriter, claims: KeyClaims): void {
  const { wallS } = claims;
  writer.map(4 + (wallS === 0 ? 0 : 1));
  if (wallS !== 0) writeNumber(writer, CLAIM.iat, wallS);
  writer.uint(CLAIM.cnf);
  writeConfirmation(writer, claims.newKey);
  writeBytes(writer, CLAIM.ueid, claims.ueid);
  writeNumber(writer, CLAIM.bootCount, claims.bootCount);
  writeNumber(writer, CLAIM.seq, claims.seq);
}
