import assert from "node:assert/strict";
import {
  AXP192_LDO2,
  AXP192_LDO3,
  AXP2101_ALDO2,
  AXP2101_BLDO2,
  axpModel,
  type Registers,
  switchOff,
  switchOn,
} from "../../../../manifests/power/axp.ts";

class FakeRegisters implements Registers {
  bytes = new Map<number, number>();
  written: string[] = [];

  constructor(bytes: [number, number][]) {
    this.bytes = new Map(bytes);
  }

  readUint8(register: number): number {
    return this.bytes.get(register) ?? 0;
  }

  writeUint8(register: number, value: number): void {
    this.bytes.set(register, value);
    this.written.push(`${register.toString(16)}=${value.toString(16)}`);
  }
}

describe("the power chips of boards", () => {
  it("AXP192 and AXP2101 tell themselves apart by register 03H", () => {
    assert.equal(axpModel(new FakeRegisters([[0x03, 0x03]])), "AXP192");
    assert.equal(axpModel(new FakeRegisters([[0x03, 0x4a]])), "AXP2101");
    assert.equal(axpModel(new FakeRegisters([[0x03, 0x00]])), undefined);
  });

  it("AXP192 28H and 12H: LDO2 of 3.3 V first has its voltage, then its switch; its neighbours stay", () => {
    const chip = new FakeRegisters([
      [0x28, 0x5c],
      [0x12, 0x5b],
    ]);
    switchOn(chip, AXP192_LDO2, 3.3);
    assert.deepEqual(chip.written, ["28=fc", "12=5f"]);
    switchOff(chip, AXP192_LDO3);
    assert.deepEqual(chip.written.slice(2), ["12=57"]);
  });

  it("AXP2101 92H to 97H and 90H: ALDO2 and BLDO2 of 3.3 V", () => {
    const chip = new FakeRegisters([[0x90, 0x01]]);
    switchOn(chip, AXP2101_ALDO2, 3.3);
    switchOn(chip, AXP2101_BLDO2, 3.3);
    assert.deepEqual(chip.written, ["93=1c", "90=3", "97=1c", "90=23"]);
  });
});
