/**
 * Reads the claims of a token of any kind, one by one in their only order; which of them make which kind is for token-claims.ts to say. Nodes only
 * write claims: this is for receivers and tests.
 */
import { MAX_BATCH_READINGS, MAX_CLAIMS_BYTES } from "./batch.ts";
import { BATCH_ITEMS } from "./batch-claims.ts";
import { CborReader } from "./cbor-reader.ts";
import { CLAIM } from "./claim-keys.ts";
import { type PublicKey, readConfirmation } from "./cose-key.ts";
import { columnCount, type Profile } from "./profile.ts";
import { KNOWN_PROFILES } from "./profiles/known.ts";
import { LOCATION_KEY, MEASUREMENT_FORMAT } from "./statement-claims.ts";
import { type Location, MAX_SENSORS, type SensorModel } from "./statements.ts";

export interface BatchClaim {
  t0: number;
  dt: number;
  timeQuality: number;
  count: number;
  columns: Int32Array[];
}

export interface DigestClaim {
  firstSeq: number;
  lastSeq: number;
  digest: Uint8Array;
}

/** What was found; a claim that is not there is undefined. Byte arrays are views of the bytes that were read. */
export interface FoundClaims {
  /** How many there are. */
  count: number;
  iat: number | undefined;
  cnf: PublicKey | undefined;
  nonce: Uint8Array | undefined;
  ueid: Uint8Array | undefined;
  oemid: Uint8Array | undefined;
  hwmodel: Uint8Array | undefined;
  uptime: number | undefined;
  dbgstat: number | undefined;
  location: Location | undefined;
  profile: Profile | undefined;
  bootCount: number | undefined;
  swname: string | undefined;
  swversion: string | undefined;
  imageDigest: Uint8Array | undefined;
  seq: number | undefined;
  batch: BatchClaim | undefined;
  digest: DigestClaim | undefined;
  anchor: number | undefined;
  sensors: SensorModel[] | undefined;
  protection: number | undefined;
}

/**
 * The claims, or why not. Reasons: those of `CborReader`, and claims-too-long, claims-not-a-map, unexpected-claim, key-form, location-form,
 * unknown-profile, swversion-form, measurements-form, batch-form, column-count, column-form, digest-form, sensors-form.
 */
export function readClaims(bytes: Uint8Array): FoundClaims | string {
  if (bytes.length > MAX_CLAIMS_BYTES) return "claims-too-long";
  const reader = new ClaimReader(bytes);
  const found = reader.read();
  return reader.reason ?? found;
}

class ClaimReader {
  #cbor: CborReader;
  #left = 0;
  #key: number | undefined;
  #reason: string | undefined;

  constructor(bytes: Uint8Array) {
    this.#cbor = new CborReader(bytes);
  }

  get reason(): string | undefined {
    return this.#reason ?? this.#cbor.reason;
  }

  read(): FoundClaims {
    if (this.#cbor.peek() !== "map") this.#refuse("claims-not-a-map");
    const count = this.#cbor.map();
    this.#left = count;
    this.#readKey();
    // The order of the lines is that of the claims.
    const iat = this.#uint(CLAIM.iat);
    const cnf = this.#has(CLAIM.cnf) ? this.#confirmation() : undefined;
    const nonce = this.#bytes(CLAIM.nonce);
    const ueid = this.#bytes(CLAIM.ueid);
    const oemid = this.#bytes(CLAIM.oemid);
    const hwmodel = this.#bytes(CLAIM.hwmodel);
    const uptime = this.#uint(CLAIM.uptime);
    const dbgstat = this.#uint(CLAIM.dbgstat);
    const location = this.#has(CLAIM.location) ? this.#location() : undefined;
    const profile = this.#has(CLAIM.profile) ? this.#profile() : undefined;
    const bootCount = this.#uint(CLAIM.bootCount);
    const swname = this.#has(CLAIM.swname) ? this.#done(this.#cbor.text()) : undefined;
    const swversion = this.#has(CLAIM.swversion) ? this.#swversion() : undefined;
    const imageDigest = this.#has(CLAIM.measurements) ? this.#measurement() : undefined;
    const seq = this.#uint(CLAIM.seq);
    const batch = this.#has(CLAIM.batch) ? this.#batch(profile) : undefined;
    const digest = this.#has(CLAIM.digest) ? this.#digest() : undefined;
    const anchor = this.#uint(CLAIM.anchor);
    const sensors = this.#has(CLAIM.sensors) ? this.#sensors() : undefined;
    const protection = this.#uint(CLAIM.protection);
    if (this.#key !== undefined) this.#refuse("unexpected-claim");
    return {
      count,
      iat,
      cnf,
      nonce,
      ueid,
      oemid,
      hwmodel,
      uptime,
      dbgstat,
      location,
      profile,
      bootCount,
      swname,
      swversion,
      imageDigest,
      seq,
      batch,
      digest,
      anchor,
      sensors,
      protection,
    };
  }

  #refuse(reason: string): void {
    if (this.reason === undefined) this.#reason = reason;
  }

  /** Reads the next claim's key, if there is another claim. */
  #readKey(): void {
    this.#key = undefined;
    if (this.#left === 0 || this.reason !== undefined) return;
    this.#left--;
    const type = this.#cbor.peek();
    if (type === "uint" || type === "negative") this.#key = this.#cbor.int();
    else this.#refuse("unexpected-claim");
  }

  /** Whether the next claim is this one; its value is to be read now, and `#done` to be called. */
  #has(key: number): boolean {
    return this.#key === key && this.reason === undefined;
  }

  /** Passes the value on, and goes to the next claim. */
  #done<T>(value: T): T {
    this.#readKey();
    return value;
  }

  #uint(key: number): number | undefined {
    return this.#has(key) ? this.#done(this.#cbor.uint()) : undefined;
  }

  #bytes(key: number): Uint8Array | undefined {
    return this.#has(key) ? this.#done(this.#cbor.bytes()) : undefined;
  }

  #confirmation(): PublicKey | undefined {
    const key = readConfirmation(this.#cbor);
    if (key === undefined) this.#refuse("key-form");
    return this.#done(key);
  }

  #location(): Location {
    const cbor = this.#cbor;
    const pairs = cbor.map();
    const location: Location = { latitude: 0, longitude: 0, altitude: undefined, accuracy: undefined };
    let known = pairs >= 2;
    for (let i = 0; i < pairs && known; i++) {
      const key = cbor.int();
      if (key === LOCATION_KEY.latitude && i === 0) location.latitude = cbor.float();
      else if (key === LOCATION_KEY.longitude && i === 1) location.longitude = cbor.float();
      else if (key === LOCATION_KEY.altitude && i === 2) location.altitude = cbor.float();
      else if (key === LOCATION_KEY.accuracy && i >= 2) location.accuracy = cbor.float();
      else known = false;
    }
    if (!known) this.#refuse("location-form");
    return this.#done(location);
  }

  #profile(): Profile | undefined {
    const cbor = this.#cbor;
    // Compared in place: a text made of bytes one by one costs more than all of the node's other claims.
    const profile = cbor.peek() === "text" ? KNOWN_PROFILES.find(({ uri }) => cbor.isText(uri)) : undefined;
    if (profile === undefined) {
      cbor.text();
      this.#refuse("unknown-profile");
    }
    return this.#done(profile);
  }

  #swversion(): string {
    if (this.#cbor.array() !== 1) this.#refuse("swversion-form");
    return this.#done(this.#cbor.text());
  }

  #measurement(): Uint8Array {
    const cbor = this.#cbor;
    if (cbor.array() !== 1 || cbor.array() !== 2 || cbor.uint() !== MEASUREMENT_FORMAT) {
      this.#refuse("measurements-form");
    }
    return this.#done(cbor.bytes());
  }

  #batch(profile: Profile | undefined): BatchClaim | undefined {
    const cbor = this.#cbor;
    if (profile === undefined) {
      this.#refuse("unexpected-claim");
      return undefined;
    }
    if (cbor.array() !== BATCH_ITEMS) this.#refuse("batch-form");
    const t0 = cbor.uint();
    const dt = cbor.uint();
    const timeQuality = cbor.uint();
    if (cbor.array() !== columnCount(profile)) this.#refuse("column-count");
    const columns = this.reason === undefined ? readColumns(cbor, columnCount(profile)) : [];
    if (columns === undefined) {
      this.#refuse("column-form");
      return undefined;
    }
    return this.#done({ t0, dt, timeQuality, count: columns.length > 0 ? columns[0].length : 0, columns });
  }

  #digest(): DigestClaim {
    const cbor = this.#cbor;
    if (cbor.array() !== 3) this.#refuse("digest-form");
    return this.#done({ firstSeq: cbor.uint(), lastSeq: cbor.uint(), digest: cbor.bytes() });
  }

  #sensors(): SensorModel[] {
    const cbor = this.#cbor;
    const count = cbor.array();
    if (count < 1 || count > MAX_SENSORS) this.#refuse("sensors-form");
    const sensors: SensorModel[] = [];
    for (let i = 0; i < count && this.reason === undefined; i++) {
      const items = cbor.array();
      if (items !== 1 && items !== 2) this.#refuse("sensors-form");
      sensors.push({ model: cbor.text(), calibration: items === 2 ? cbor.text() : undefined });
    }
    return this.#done(sensors);
  }
}

/** Reads columns of running differences; undefined when they have not equally many values of 32 bits. One buffer holds them all. */
function readColumns(reader: CborReader, howMany: number): Int32Array[] | undefined {
  const count = reader.array();
  if (count < 1 || count > MAX_BATCH_READINGS) return undefined;
  const values = new Int32Array(count * howMany);
  const columns: Int32Array[] = [];
  for (let c = 0; c < howMany; c++) {
    if (c > 0 && reader.array() !== count) return undefined;
    if (!reader.sums(count, values, c * count)) return undefined;
    columns.push(values.subarray(c * count, (c + 1) * count));
  }
  return columns;
}
