/**
 * What a board needs of an AXP192 or AXP2101 before the node starts: supplies that are off, or may be, when the board gets power. X-Powers
 * AXP192 data sheet v1.1 (registers 10H to 28H), AXP2101 data sheet v1.0 (registers 80H to 99H). Both chips answer at 0x34.
 */

/** Registers over I2C. ECMA-419's SMBus and a fake in a test have this form. */
export interface Registers {
  readUint8(register: number): number;
  writeUint8(register: number, value: number): void;
}

export type AxpModel = "AXP192" | "AXP2101";

/** A supply of either chip. Volts in the register: a base and steps of 0.1 V. */
interface Supply {
  readonly voltageRegister: number;
  readonly baseV: number;
  /** Where in the register its voltage stands. */
  readonly shift: number;
  readonly mask: number;
  readonly enableRegister: number;
  readonly enableBit: number;
}

export const AXP_ADDRESS = 0x34;
const CHIP_ID_REGISTER = 0x03;
const AXP192_ID = 0x03;
const AXP2101_ID = 0x4a;

function aldo(index: number): Supply {
  const place = { shift: 0, mask: 0x1f };
  return Object.freeze({ voltageRegister: 0x92 + index, baseV: 0.5, ...place, enableRegister: 0x90, enableBit: index });
}

export const AXP192_LDO2: Supply = Object.freeze({
  voltageRegister: 0x28,
  baseV: 1.8,
  shift: 4,
  mask: 0xf0,
  enableRegister: 0x12,
  enableBit: 2,
});
export const AXP192_LDO3: Supply = Object.freeze({ ...AXP192_LDO2, shift: 0, mask: 0x0f, enableBit: 3 });
export const AXP2101_ALDO2: Supply = aldo(1);
export const AXP2101_ALDO3: Supply = aldo(2);
export const AXP2101_BLDO2: Supply = aldo(5);

/** Which of the two is there; undefined for another chip. Throws when nothing answers. */
export function axpModel(registers: Registers): AxpModel | undefined {
  const id = registers.readUint8(CHIP_ID_REGISTER);
  if (id === AXP192_ID) return "AXP192";
  return id === AXP2101_ID ? "AXP2101" : undefined;
}

/** Sets a supply's voltage, then switches it on. */
export function switchOn(registers: Registers, supply: Supply, volts: number): void {
  const steps = Math.floor((volts - supply.baseV) * 10 + 0.5);
  change(registers, supply.voltageRegister, supply.mask, steps << supply.shift);
  change(registers, supply.enableRegister, 1 << supply.enableBit, 1 << supply.enableBit);
}

export function switchOff(registers: Registers, supply: Supply): void {
  change(registers, supply.enableRegister, 1 << supply.enableBit, 0);
}

/** Writes the masked bits of a register and leaves the others as they are. */
export function change(registers: Registers, register: number, mask: number, bits: number): void {
  registers.writeUint8(register, (registers.readUint8(register) & ~mask) | (bits & mask));
}
