/**
 * A profile names the columns of a batch: quantity, unit, scale and range. It is data, named in every token by its URI (eat_profile,
 * RFC 9711 4.3.2); whoever has it can turn a token's integers into quantities. It never changes under the same URI.
 *
 * Column 0 of a batch holds flags. With f fields, bit i (0 to f - 1) says that field i is missing, its value then repeats the one before (0 at
 * first); bit f + i says that field i is suspect: out of bounds, jumped or stuck. A value is annotated, never invented or dropped.
 */

export interface Field {
  /** Name in receiver output, camelCase. */
  readonly name: string;
  /** ECMA-419 quantity, `class.property`. */
  readonly quantity: string;
  /** Unit of the scaled value as in the SenML registry (RFC 8428 12.1, RFC 8798). */
  readonly unit: string;
  /** Value = integer * scale. A whole number, or one divided by a whole number. */
  readonly scale: number;
  /** Smallest integer allowed. */
  readonly min: number;
  /** Largest integer allowed. */
  readonly max: number;
  /** The scale goes around: integers count modulo this. */
  readonly modulus?: number;
}

export interface Profile {
  readonly uri: string;
  readonly version: number;
  readonly fields: readonly Field[];
}

/** Columns of a batch: the flags and one for each field. */
export function columnCount(profile: Profile): number {
  return profile.fields.length + 1;
}

/** Bit of column 0 that says: field `index` is missing. */
export function missingFlag(index: number): number {
  return 1 << index;
}

/** Bit of column 0 that says: field `index` is suspect. */
export function suspectFlag(profile: Profile, index: number): number {
  return 1 << (profile.fields.length + index);
}

/** The quantity that an integer stands for, in the field's unit: the double nearest to the decimal value, so that it prints short. */
export function fieldValue(field: Field, integer: number): number {
  // 163 * 0.1 is 16.3 and a bit, 163 / 10 is the double nearest to 16.3.
  return field.scale < 1 ? integer / Math.floor(1 / field.scale + 0.5) : integer * field.scale;
}

/**
 * The integer nearest to a quantity in the field's unit, or undefined where the field cannot hold it (out of range, not a number): such
 * a value is sent as missing.
 */
export function fieldInteger(field: Field, value: number): number | undefined {
  const scaled = field.scale < 1 ? value * Math.floor(1 / field.scale + 0.5) : value / field.scale;
  let integer = Math.floor(scaled + 0.5);
  if (field.modulus !== undefined) integer -= Math.floor(integer / field.modulus) * field.modulus;
  return integer >= field.min && integer <= field.max ? integer : undefined;
}
