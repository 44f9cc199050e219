/**
 * Elementary functions that give the same bits on every engine. Node, XS from npm and the SDK's XS agree only in + - * / and sqrt, so these
 * use nothing else: argument reduction and a fixed polynomial, evaluated in a fixed order. Their error is some units in the last
 * place, which no sensor and no radio channel notices. Arguments outside the stated domain give NaN, as Math does.
 */

export const PI = Math.PI;
const LN2 = Math.LN2;
/** ln 2 in two parts: the first has zeros in its low bits, so that k * LN2_HIGH is exact for every exponent k. */
const LN2_HIGH = 0.6931471803691238;
const LN2_LOW = 1.9082149292705877e-10;
const LN10 = Math.LN10;
/** pi/2 in three parts, for the reduction of sine and cosine. */
const HALF_PI_HIGH = 1.5707963267341256;
const HALF_PI_MIDDLE = 6.077100506303966e-11;
const HALF_PI_LOW = 2.0222662487959506e-21;
/** Beyond this the three-part reduction loses bits: no angle of ours comes near. */
const LARGEST_ANGLE = 1e6;

/** Sine on [-pi/4, pi/4]: the Taylor polynomial to degree 17. */
function sineKernel(x: number): number {
  const z = x * x;
  let sum = 1;
  for (let n = 16; n >= 2; n -= 2) sum = 1 - (z / (n * (n + 1))) * sum;
  return x * sum;
}

/** Cosine on [-pi/4, pi/4]: the Taylor polynomial to degree 18. */
function cosineKernel(x: number): number {
  const z = x * x;
  let sum = 1;
  for (let n = 17; n >= 1; n -= 2) sum = 1 - (z / (n * (n + 1))) * sum;
  return sum;
}

/** sin(x + quarterTurns * pi/2). */
function sineFrom(x: number, quarterTurns: number): number {
  if (!(Math.abs(x) <= LARGEST_ANGLE)) return Number.NaN;
  const turns = Math.floor(x / (PI / 2) + 0.5);
  const rest = x - turns * HALF_PI_HIGH - turns * HALF_PI_MIDDLE - turns * HALF_PI_LOW;
  const quadrant = (((turns + quarterTurns) % 4) + 4) % 4;
  const value = quadrant % 2 === 0 ? sineKernel(rest) : cosineKernel(rest);
  return quadrant < 2 ? value : -value;
}

/** Sine of `x` radians, |x| up to a million. */
export function sin(x: number): number {
  return sineFrom(x, 0);
}

/** Cosine of `x` radians, |x| up to a million. */
export function cos(x: number): number {
  return sineFrom(x, 1);
}

/** Arc tangent on [0, 1]: halved twice by atan(x) = 2 atan(x / (1 + sqrt(1 + x^2))), then the series. */
function arcTangentKernel(x: number): number {
  const half = x / (1 + Math.sqrt(1 + x * x));
  const quarter = half / (1 + Math.sqrt(1 + half * half));
  const z = quarter * quarter;
  let sum = 0;
  for (let n = 25; n >= 1; n -= 2) sum = 1 / n - z * sum;
  return 4 * quarter * sum;
}

/** Angle of the point (x, y) in radians, -pi to pi. */
export function atan2(y: number, x: number): number {
  const absY = Math.abs(y);
  const absX = Math.abs(x);
  if (absX === 0 && absY === 0) return 0;
  let angle = absY <= absX ? arcTangentKernel(absY / absX) : PI / 2 - arcTangentKernel(absX / absY);
  if (x < 0) angle = PI - angle;
  return y < 0 ? -angle : angle;
}

/** 2^exponent for a whole exponent, by exact doubling or halving. */
function powerOfTwo(exponent: number): number {
  const base = exponent < 0 ? 0.5 : 2;
  let result = 1;
  let square = base;
  for (let n = Math.abs(exponent); n > 0; n = Math.floor(n / 2)) {
    if (n % 2 === 1) result *= square;
    square *= square;
  }
  return result;
}

/** e to the power of `x`. */
export function exp(x: number): number {
  if (x > 709.78) return Number.POSITIVE_INFINITY;
  if (x < -708) return 0;
  const exponent = Math.floor(x / LN2 + 0.5);
  const rest = x - exponent * LN2_HIGH - exponent * LN2_LOW;
  let sum = 1;
  for (let n = 15; n >= 1; n--) sum = 1 + (rest / n) * sum;
  // The largest exponent in two steps: 2^1024 itself is out of range.
  const half = Math.floor(exponent / 2);
  return sum * powerOfTwo(half) * powerOfTwo(exponent - half);
}

/** Natural logarithm; NaN for a negative `x`, -Infinity for 0. */
export function log(x: number): number {
  if (!(x > 0)) return x === 0 ? Number.NEGATIVE_INFINITY : Number.NaN;
  if (x === Number.POSITIVE_INFINITY) return x;
  let mantissa = x;
  let exponent = 0;
  for (let step = 512; step >= 1; step /= 2) {
    const scale = powerOfTwo(step);
    if (mantissa >= scale) {
      mantissa /= scale;
      exponent += step;
    }
    if (mantissa < 1 / scale) {
      mantissa *= scale;
      exponent -= step;
    }
  }
  while (mantissa > Math.SQRT2) {
    mantissa /= 2;
    exponent++;
  }
  while (mantissa < Math.SQRT1_2) {
    mantissa *= 2;
    exponent--;
  }
  const s = (mantissa - 1) / (mantissa + 1);
  const z = s * s;
  let sum = 0;
  for (let n = 25; n >= 1; n -= 2) sum = 1 / n + z * sum;
  return exponent * LN2_HIGH + (2 * s * sum + exponent * LN2_LOW);
}

/** Logarithm to base 10. */
export function log10(x: number): number {
  return log(x) / LN10;
}

/** `base` to the power of `exponent`: exact products for small whole exponents, otherwise exp(exponent * log(base)). */
export function pow(base: number, exponent: number): number {
  if (Math.floor(exponent) !== exponent || Math.abs(exponent) > 64) return exp(exponent * log(base));
  let result = 1;
  let square = base;
  for (let n = Math.abs(exponent); n > 0; n = Math.floor(n / 2)) {
    if (n % 2 === 1) result *= square;
    square *= square;
  }
  return exponent < 0 ? 1 / result : result;
}
