// The pins of LilyGO T-Beam with SX1262, in the form of ECMA-419's device object. Sources: board.json.

import Analog from "embedded:io/analog";
import I2C from "embedded:io/i2c";
import Serial from "embedded:io/serial";
import SPI from "embedded:io/spi";
import type { Board } from "../../../../firmware/platform/moddable/board.ts";

const device: Board = {
  model: "lilygo-t-beam-sx1262",
  I2C: { default: { io: I2C, data: 21, clock: 22 } },
  Serial: { default: { io: Serial, port: 0, receive: 3, transmit: 1 } },
  Analog: { io: Analog },
  radio: {
    SPI: { io: SPI, port: 1, clock: 5, in: 19, out: 27 },
    select: 18,
    reset: 23,
    busy: 32,
    dio1: 33,
    tcxoVoltage: 1.8,
    dio2AsRfSwitch: true,
  },
};

export default device;
