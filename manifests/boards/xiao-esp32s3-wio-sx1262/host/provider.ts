// The pins of Seeed XIAO ESP32-S3 with Wio-SX1262 (kit), in the form of ECMA-419's device object. Sources: board.json.

import Analog from "embedded:io/analog";
import I2C from "embedded:io/i2c";
import Serial from "embedded:io/serial";
import SPI from "embedded:io/spi";
import type { Board } from "../../../../firmware/platform/moddable/board.ts";

const device: Board = {
  model: "xiao-esp32s3-wio-sx1262",
  I2C: { default: { io: I2C, data: 5, clock: 6 } },
  Serial: { default: { io: Serial, port: 0, receive: 44, transmit: 43 } },
  Analog: { io: Analog },
  radio: {
    SPI: { io: SPI, port: 1, clock: 7, in: 8, out: 9 },
    select: 41,
    reset: 42,
    busy: 40,
    dio1: 39,
    tcxoVoltage: 1.8,
    dio2AsRfSwitch: true,
    rfSwitch: { receive: 38 },
  },
};

export default device;
