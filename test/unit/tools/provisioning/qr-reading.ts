/** QR codes given as modules, read by jsQR. */
import jsqr from "jsqr";

const PIXELS = 4;

/** The library is CommonJS: its function is the default of its default. */
const decode = jsqr as unknown as typeof jsqr.default;

/** What a square picture of RGBA pixels says. */
export function readQr(pixels: Uint8ClampedArray, size: number): string | undefined {
  return decode(pixels, size, size)?.data;
}

/** What a code says whose black modules are true, its margin included; undefined where it cannot be read. */
export function readModules(rows: readonly (readonly boolean[])[]): string | undefined {
  const size = rows.length * PIXELS;
  const pixels = new Uint8ClampedArray(4 * size * size).fill(255);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      if (rows[Math.floor(y / PIXELS)][Math.floor(x / PIXELS)])
        pixels.fill(0, 4 * (y * size + x), 4 * (y * size + x) + 3);
    }
  }
  return readQr(pixels, size);
}

/** The modules of a code in block characters, two a character; black is drawn. */
export function blockModules(text: string): boolean[][] {
  const lines = text.split("\n").filter((line) => line.length > 0);
  const width = lines[0].length;
  const rows: boolean[][] = [];
  for (const line of lines) {
    rows.push([...line].map((block) => block === "█" || block === "▀"));
    rows.push([...line].map((block) => block === "█" || block === "▄"));
  }
  return rows.slice(0, width);
}
