/** One SHA-256 over everything noteworthy that happened, in order: two runs are the same run when their hashes are equal. */
import { sha256 } from "@noble/hashes/sha2.js";

const BUFFER_BYTES = 4096;

export class EventHash {
  #sha = sha256.create();
  #buffer = new Uint8Array(BUFFER_BYTES);
  #used = 0;

  /** Adds an event: its kind, when, whole numbers (each as 32 bits, two's complement) and bytes. */
  add(kind: string, atUs: number, numbers: ArrayLike<number>, bytes?: Uint8Array, length = bytes?.length ?? 0): void {
    if (this.#used + kind.length + 16 + 4 * numbers.length + length > BUFFER_BYTES) this.#flush();
    for (let i = 0; i < kind.length; i++) this.#buffer[this.#used++] = kind.charCodeAt(i);
    this.#u32(Math.floor(atUs / 0x100000000));
    this.#u32(atUs >>> 0);
    for (let i = 0; i < numbers.length; i++) this.#u32(numbers[i] >>> 0);
    this.#u32(length);
    if (bytes === undefined) return;
    for (let i = 0; i < length; i++) {
      if (this.#used === BUFFER_BYTES) this.#flush();
      this.#buffer[this.#used++] = bytes[i];
    }
  }

  /** The hash of all events so far, in hex. Adding may go on afterwards. */
  hex(): string {
    this.#flush();
    let text = "";
    for (const byte of this.#sha.clone().digest()) text += (byte + 256).toString(16).slice(1);
    return text;
  }

  #u32(value: number): void {
    const buffer = this.#buffer;
    buffer[this.#used++] = value >>> 24;
    buffer[this.#used++] = value >>> 16;
    buffer[this.#used++] = value >>> 8;
    buffer[this.#used++] = value;
  }

  #flush(): void {
    this.#sha.update(this.#buffer.subarray(0, this.#used));
    this.#used = 0;
  }
}
