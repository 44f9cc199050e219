// The SDK's modules for cryptography, as far as the bench uses them; its own typings have the first only.

declare module "crypt" {
  export class Digest {
    constructor(type: "SHA256");
    /** The digest of all of them together. */
    process(...data: ArrayBuffer[]): ArrayBuffer;
  }
  export class BlockCipher {
    constructor(cipher: "AES", key: ArrayBuffer);
    encrypt(data: ArrayBuffer, result?: ArrayBuffer): ArrayBuffer;
  }
}

declare module "curve" {
  export default class Curve {
    constructor(name: "secp256r1");
  }
}

declare module "ecdsa" {
  import type Curve from "curve";
  export default class ECDSA {
    constructor(key: bigint, curve: Curve, isPrivate: boolean);
    sign(digest: ArrayBuffer): ArrayBuffer;
  }
}
