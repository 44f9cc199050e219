/** The claims of tokens without readings, from what the node knows of itself and of the moment. */
import type { NodeIdentity } from "../wire/batch.ts";
import { publicKeyBytes } from "../wire/cose-key.ts";
import type { Profile } from "../wire/profile.ts";
import { encodeStatement } from "../wire/statement-claims.ts";
import type { Location, Protection, SensorModel } from "../wire/statements.ts";

/** What a boot token says of the node beside its identity. */
export interface NodeStatement {
  firmware: {
    /** Printable ASCII, 1 to 32 characters each. */
    name: string;
    version: string;
    /** SHA-256 of the image that runs, 32 bytes, where it is known. */
    imageDigest?: Uint8Array;
  };
  location?: Location;
  /** Up to 10. */
  sensorModels?: readonly SensorModel[];
  protection: Protection;
}

/** The moment that a statement is about, and its number. */
export interface Moment {
  bootCount: number;
  seq: number;
  /** Whole seconds since power-on. */
  uptimeS: number;
  /** Unix time of the same instant, or 0 where it is not known. */
  wallS: number;
  /** See wire/time-quality.ts. */
  timeQuality: number;
}

export class StatementWriter {
  #identity: NodeIdentity;
  #profile: Profile;
  #about: NodeStatement;

  constructor(identity: NodeIdentity, profile: Profile, about: NodeStatement) {
    this.#identity = identity;
    this.#profile = profile;
    this.#about = about;
  }

  /** Each writes the claims into `into` and returns their length. */
  boot({ bootCount, seq, uptimeS, wallS }: Moment, into: Uint8Array): number {
    const { ueid, oemid, hwmodel, dbgstat } = this.#identity;
    const { firmware, location, sensorModels, protection } = this.#about;
    return encodeStatement(
      {
        kind: "boot",
        ueid,
        oemid,
        hwmodel,
        dbgstat,
        wallTime: wallS > 0,
        timeS: wallS > 0 ? wallS : uptimeS,
        profile: this.#profile,
        bootCount,
        seq,
        swname: firmware.name,
        swversion: firmware.version,
        imageDigest: firmware.imageDigest,
        location,
        sensors: sensorModels ?? [],
        protection,
      },
      into,
    );
  }

  /** `nonce`: a challenge to be answered, or undefined. */
  anchor({ bootCount, seq, uptimeS, wallS, timeQuality }: Moment, nonce: Uint8Array | undefined, into: Uint8Array) {
    const { ueid } = this.#identity;
    return encodeStatement({ kind: "anchor", ueid, bootCount, seq, uptimeS, wallS, timeQuality, nonce }, into);
  }

  /** `digest` over the tokens from `firstSeq` up to the one before. */
  digest({ bootCount, seq, uptimeS, wallS }: Moment, firstSeq: number, digest: Uint8Array, into: Uint8Array): number {
    const { ueid } = this.#identity;
    const wallTime = wallS > 0;
    const timeS = wallTime ? wallS : uptimeS;
    const lastSeq = seq - 1;
    return encodeStatement({ kind: "digest", ueid, bootCount, seq, wallTime, timeS, firstSeq, lastSeq, digest }, into);
  }

  key({ bootCount, seq, wallS }: Moment, publicKey: Uint8Array, into: Uint8Array): number {
    const { ueid, alg } = this.#identity;
    const newKey = { alg, publicKey: publicKey.subarray(0, publicKeyBytes(alg)) };
    return encodeStatement({ kind: "key", ueid, bootCount, seq, wallS, newKey }, into);
  }
}
