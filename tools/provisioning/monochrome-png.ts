/** Square pictures of black and white as PNG (ISO/IEC 15948): greyscale of one bit, no filter. */
import { crc32, deflateSync } from "node:zlib";

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const GREYSCALE = 0;
const NO_FILTER = 0;

/** `size` squares of `scale` pixels a side; `isBlack` says which. */
export function monochromePng(
  size: number,
  scale: number,
  isBlack: (row: number, column: number) => boolean,
): Uint8Array {
  const pixels = size * scale;
  const lineBytes = 1 + Math.ceil(pixels / 8);
  const lines = new Uint8Array(lineBytes * pixels);
  for (let row = 0; row < size; row++) {
    const line = lines.subarray(row * scale * lineBytes, (row * scale + 1) * lineBytes);
    line[0] = NO_FILTER;
    for (let pixel = 0; pixel < pixels; pixel++) {
      if (!isBlack(row, Math.floor(pixel / scale))) line[1 + (pixel >> 3)] |= 0x80 >> (pixel & 7);
    }
    for (let i = 1; i < scale; i++) lines.set(line, (row * scale + i) * lineBytes);
  }
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, pixels);
  view.setUint32(4, pixels);
  header[8] = 1;
  header[9] = GREYSCALE;
  const parts = [chunk("IHDR", header), chunk("IDAT", deflateSync(lines)), chunk("IEND", new Uint8Array(0))];
  return new Uint8Array(Buffer.concat([Uint8Array.from(SIGNATURE), ...parts]));
}

function chunk(type: string, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(12 + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  for (let i = 0; i < 4; i++) bytes[4 + i] = type.charCodeAt(i);
  bytes.set(data, 8);
  view.setUint32(8 + data.length, crc32(bytes.subarray(4, 8 + data.length)));
  return bytes;
}
