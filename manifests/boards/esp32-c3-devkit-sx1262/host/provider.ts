// The pins of ESP32-C3 DevKit with an SX1262 module, in the form of ECMA-419's device object. Sources: board.json.

import Analog from "embedded:io/analog";
import I2C from "embedded:io/i2c";
import Serial from "embedded:io/serial";
import SPI from "embedded:io/spi";
import type { Board } from "../../../../firmware/platform/moddable/board.ts";

const device: Board = {
  model: "esp32-c3-devkit-sx1262",
  I2C: { default: { io: I2C, data: 18, clock: 19 } },
  Serial: { default: { io: Serial, port: 0, receive: 20, transmit: 21 } },
  Analog: { io: Analog },
  radio: {
    SPI: { io: SPI, port: 1, clock: 6, in: 5, out: 7 },
    select: 10,
    reset: 3,
    busy: 4,
    dio1: 1,
    tcxoVoltage: 1.8,
    dio2AsRfSwitch: true,
    rfSwitch: { receive: 0 },
  },
};

export default device;
