/**
 * Floating point numbers of CBOR: the shortest of IEEE 754's 2, 4 or 8 bytes that has exactly the value, NaN as 7e00 (RFC 8949 4.2.2 and
 * Appendix D). Signs of zero are kept.
 */

const FLOAT32_BIAS = 127;
const HALF_BIAS = 15;
/** Exponents of the smallest normal and subnormal number of 2 bytes. */
const HALF_MIN_NORMAL = -14;
const HALF_MIN_SUBNORMAL = -24;
const HALF_STEP = 1 / 0x1000000;

/** The bits of a number of 2 bytes with the value of these of 4, or -1 where there is none. */
function halfOf(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const exponent = ((bits >>> 23) & 0xff) - FLOAT32_BIAS;
  const mantissa = bits & 0x7fffff;
  if (exponent > HALF_BIAS) return exponent > FLOAT32_BIAS && mantissa === 0 ? sign | 0x7c00 : -1;
  if (exponent >= HALF_MIN_NORMAL) {
    return (mantissa & 0x1fff) === 0 ? sign | ((exponent + HALF_BIAS) << 10) | (mantissa >>> 13) : -1;
  }
  if (exponent >= HALF_MIN_SUBNORMAL) {
    const whole = mantissa | 0x800000;
    const shift = -exponent - 1;
    return (whole & ((1 << shift) - 1)) === 0 ? sign | (whole >>> shift) : -1;
  }
  return exponent === -FLOAT32_BIAS && mantissa === 0 ? sign : -1;
}

/** Writes the shortest form into the beginning of `into` (8 bytes); returns its length: 2, 4 or 8. */
export function encodeFloat(value: number, into: Uint8Array): number {
  const view = new DataView(into.buffer, into.byteOffset, 8);
  if (Number.isNaN(value)) {
    view.setUint16(0, 0x7e00);
    return 2;
  }
  view.setFloat32(0, value);
  if (view.getFloat32(0) !== value) {
    view.setFloat64(0, value);
    return 8;
  }
  const half = halfOf(view.getUint32(0));
  if (half < 0) return 4;
  view.setUint16(0, half);
  return 2;
}

/** The value of the `size` bytes (2, 4 or 8) from `at` on. */
export function decodeFloat(bytes: Uint8Array, at: number, size: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, size);
  if (size === 8) return view.getFloat64(0);
  if (size === 4) return view.getFloat32(0);
  const half = view.getUint16(0);
  const exponent = (half >>> 10) & 31;
  const mantissa = half & 0x3ff;
  const sign = half >= 0x8000 ? -1 : 1;
  if (exponent === 31) return mantissa === 0 ? sign * Infinity : NaN;
  if (exponent === 0) return sign * mantissa * HALF_STEP;
  return sign * (0x400 + mantissa) * (1 << (exponent - 1)) * HALF_STEP;
}
