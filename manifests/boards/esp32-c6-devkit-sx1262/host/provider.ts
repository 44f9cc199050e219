// The pins of ESP32-C6 DevKit with an SX1262 module, in the form of ECMA-419's device object. Sources: board.json.

import Analog from "embedded:io/analog";
import I2C from "embedded:io/i2c";
import Serial from "embedded:io/serial";
import SPI from "embedded:io/spi";
import type { Board } from "../../../../firmware/platform/moddable/board.ts";

const device: Board = {
  model: "esp32-c6-devkit-sx1262",
  I2C: { default: { io: I2C, data: 6, clock: 7 } },
  Serial: { default: { io: Serial, port: 0, receive: 17, transmit: 16 } },
  Analog: { io: Analog },
  radio: {
    SPI: { io: SPI, port: 1, clock: 19, in: 20, out: 18 },
    select: 22,
    reset: 23,
    busy: 21,
    dio1: 1,
    tcxoVoltage: 1.8,
    dio2AsRfSwitch: true,
    rfSwitch: { receive: 11 },
  },
};

export default device;
