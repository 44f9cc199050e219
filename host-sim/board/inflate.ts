/**
 * Inflates a zlib stream (RFC 1950, RFC 1951) that comes in pieces, as a loader gets it from compressed downloads. What a piece completes is
 * handed out at once.
 *
 *     header -> block -> stored | codes -> block ... -> trailer -> done
 *
 * Each step either has all its bits or is taken back whole and tried again with the next piece.
 */

export type InflateStatus = "more" | "done" | "bad-data" | "bad-checksum";

const WINDOW = 32768;
const LENGTH_BASE = [
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258,
];
const LENGTH_EXTRA = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
const DISTANCE_BASE = [
  1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145,
  8193, 12289, 16385, 24577,
];
const DISTANCE_EXTRA = [
  0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13,
];
const CODE_LENGTH_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
const MAX_CODE_BITS = 15;
const END_OF_BLOCK = 256;

/** Ends a step for which there is not enough input yet. */
class NeedsInput extends Error {}
/** Ends a stream that no compressor writes. */
class BadData extends Error {}

interface Huffman {
  /** Codes of each length. */
  counts: Uint16Array;
  /** Symbols in the order of their codes. */
  symbols: Uint16Array;
}

export class InflateStream {
  #status: InflateStatus = "more";
  #step: () => void = () => this.#readHeader();
  #input = new Uint8Array(0);
  #bitAt = 0;
  #window = new Uint8Array(WINDOW);
  /** Bytes written so far; the window's place is this modulo its size. */
  #written = 0;
  #flushed = 0;
  #isLastBlock = false;
  #storedLeft = 0;
  #lengths: Huffman = huffman([]);
  #distances: Huffman = huffman([]);
  #adlerLow = 1;
  #adlerHigh = 0;
  #output: (bytes: Uint8Array) => void;

  constructor(output: (bytes: Uint8Array) => void) {
    this.#output = output;
  }

  get status(): InflateStatus {
    return this.#status;
  }

  /** Takes the next piece. Bytes after the end of the stream are ignored (the last block of a download is padded). */
  push(piece: Uint8Array): InflateStatus {
    if (this.#status !== "more") return this.#status;
    const from = this.#bitAt >> 3;
    const input = new Uint8Array(this.#input.length - from + piece.length);
    input.set(this.#input.subarray(from));
    input.set(piece, this.#input.length - from);
    this.#input = input;
    this.#bitAt &= 7;
    try {
      while (this.#status === "more") {
        const before = this.#bitAt;
        try {
          this.#step();
        } catch (error) {
          if (!(error instanceof NeedsInput)) throw error;
          this.#bitAt = before;
          break;
        }
      }
    } catch (error) {
      if (!(error instanceof BadData)) throw error;
      this.#status = "bad-data";
    }
    this.#flush();
    return this.#status;
  }

  #readHeader(): void {
    const method = this.#bits(8);
    const flags = this.#bits(8);
    // Deflate with a window of 32 KB at most, no preset dictionary, and the check bits of RFC 1950 2.2.
    if ((method & 0x0f) !== 8 || method >> 4 > 7 || (method * 256 + flags) % 31 !== 0 || flags & 0x20)
      throw new BadData();
    this.#step = () => this.#readBlock();
  }

  #readBlock(): void {
    const isLast = this.#bits(1) === 1;
    const type = this.#bits(2);
    if (type === 0) this.#beginStored();
    else if (type === 1) this.#beginFixed();
    else if (type === 2) this.#beginDynamic();
    else throw new BadData();
    this.#isLastBlock = isLast;
  }

  #beginStored(): void {
    this.#alignToByte();
    const length = this.#bits(16);
    if (this.#bits(16) !== (~length & 0xffff)) throw new BadData();
    this.#storedLeft = length;
    this.#step = () => this.#readStored();
  }

  #readStored(): void {
    if (this.#storedLeft === 0) {
      this.#endBlock();
      return;
    }
    this.#put(this.#bits(8));
    this.#storedLeft--;
  }

  #beginFixed(): void {
    const lengths = Array.from({ length: 288 }, (_, symbol) =>
      symbol < 144 ? 8 : symbol < 256 ? 9 : symbol < 280 ? 7 : 8,
    );
    this.#lengths = huffman(lengths);
    this.#distances = huffman(new Array(30).fill(5));
    this.#step = () => this.#readCode();
  }

  #beginDynamic(): void {
    const lengthCount = this.#bits(5) + 257;
    const distanceCount = this.#bits(5) + 1;
    const codeCount = this.#bits(4) + 4;
    if (lengthCount > 286 || distanceCount > 30) throw new BadData();
    const codeLengths = new Array(19).fill(0);
    for (let i = 0; i < codeCount; i++) codeLengths[CODE_LENGTH_ORDER[i]] = this.#bits(3);
    const codes = huffman(codeLengths);
    const lengths: number[] = [];
    while (lengths.length < lengthCount + distanceCount) {
      const symbol = this.#decode(codes);
      if (symbol < 16) {
        lengths.push(symbol);
        continue;
      }
      if (symbol === 16 && lengths.length === 0) throw new BadData();
      const value = symbol === 16 ? lengths[lengths.length - 1] : 0;
      const repeat = symbol === 16 ? 3 + this.#bits(2) : symbol === 17 ? 3 + this.#bits(3) : 11 + this.#bits(7);
      for (let i = 0; i < repeat; i++) lengths.push(value);
    }
    if (lengths.length > lengthCount + distanceCount || lengths[END_OF_BLOCK] === 0) throw new BadData();
    this.#lengths = huffman(lengths.slice(0, lengthCount));
    this.#distances = huffman(lengths.slice(lengthCount));
    this.#step = () => this.#readCode();
  }

  #readCode(): void {
    const symbol = this.#decode(this.#lengths);
    if (symbol < END_OF_BLOCK) {
      this.#put(symbol);
      return;
    }
    if (symbol === END_OF_BLOCK) {
      this.#endBlock();
      return;
    }
    const index = symbol - 257;
    if (index >= LENGTH_BASE.length) throw new BadData();
    const length = LENGTH_BASE[index] + this.#bits(LENGTH_EXTRA[index]);
    const distanceIndex = this.#decode(this.#distances);
    if (distanceIndex >= DISTANCE_BASE.length) throw new BadData();
    const distance = DISTANCE_BASE[distanceIndex] + this.#bits(DISTANCE_EXTRA[distanceIndex]);
    if (distance > this.#written || distance > WINDOW) throw new BadData();
    for (let i = 0; i < length; i++) this.#put(this.#window[(this.#written - distance) % WINDOW]);
  }

  #endBlock(): void {
    this.#step = this.#isLastBlock ? () => this.#readTrailer() : () => this.#readBlock();
  }

  #readTrailer(): void {
    this.#alignToByte();
    let high = this.#bits(8) << 8;
    high |= this.#bits(8);
    let low = this.#bits(8) << 8;
    low |= this.#bits(8);
    this.#flush();
    this.#status = high === this.#adlerHigh && low === this.#adlerLow ? "done" : "bad-checksum";
  }

  #put(byte: number): void {
    this.#window[this.#written % WINDOW] = byte;
    this.#written++;
    // Half the window: what is handed out must not be overwritten before.
    if (this.#written - this.#flushed === WINDOW / 2) this.#flush();
  }

  #flush(): void {
    const count = this.#written - this.#flushed;
    if (count === 0) return;
    const out = new Uint8Array(count);
    for (let i = 0; i < count; i++) {
      out[i] = this.#window[(this.#flushed + i) % WINDOW];
      this.#adlerLow = (this.#adlerLow + out[i]) % 65521;
      this.#adlerHigh = (this.#adlerHigh + this.#adlerLow) % 65521;
    }
    this.#flushed = this.#written;
    this.#output(out);
  }

  #decode({ counts, symbols }: Huffman): number {
    let code = 0;
    let first = 0;
    let index = 0;
    for (let length = 1; length <= MAX_CODE_BITS; length++) {
      code |= this.#bits(1);
      const count = counts[length];
      if (code - count < first) return symbols[index + code - first];
      index += count;
      first = (first + count) << 1;
      code <<= 1;
    }
    throw new BadData();
  }

  #bits(count: number): number {
    if (this.#bitAt + count > this.#input.length * 8) throw new NeedsInput();
    let value = 0;
    for (let i = 0; i < count; i++, this.#bitAt++)
      value |= ((this.#input[this.#bitAt >> 3] >> (this.#bitAt & 7)) & 1) << i;
    return value;
  }

  #alignToByte(): void {
    this.#bitAt = (this.#bitAt + 7) & ~7;
  }
}

/** The canonical code of RFC 1951 3.2.2. A set of lengths that claims more codes than there are is bad. */
function huffman(lengths: readonly number[]): Huffman {
  const counts = new Uint16Array(MAX_CODE_BITS + 1);
  for (const length of lengths) counts[length]++;
  counts[0] = 0;
  let left = 1;
  for (let length = 1; length <= MAX_CODE_BITS; length++) {
    left = (left << 1) - counts[length];
    if (left < 0) throw new BadData();
  }
  const offsets = new Uint16Array(MAX_CODE_BITS + 2);
  for (let length = 1; length <= MAX_CODE_BITS; length++) offsets[length + 1] = offsets[length] + counts[length];
  const symbols = new Uint16Array(lengths.length);
  lengths.forEach((length, symbol) => {
    if (length > 0) symbols[offsets[length]++] = symbol;
  });
  return { counts, symbols };
}
