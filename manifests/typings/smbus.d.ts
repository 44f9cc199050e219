// As modules/io/i2c/smbus.js of the SDK: blocking, one register address of 8 bits.

declare module "embedded:io/smbus" {
  export default class SMBus {
    constructor(options: { data: number; clock: number; hz: number; address: number });
    readUint8(register: number): number;
    writeUint8(register: number, value: number): void;
    close(): void;
  }
}
