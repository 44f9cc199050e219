// The pins of LilyGO T3-S3 with SX1262, in the form of ECMA-419's device object. Sources: board.json.

import Analog from "embedded:io/analog";
import I2C from "embedded:io/i2c";
import Serial from "embedded:io/serial";
import SPI from "embedded:io/spi";
import type { Board } from "../../../../firmware/platform/moddable/board.ts";

const device: Board = {
  model: "lilygo-t3-s3",
  I2C: { default: { io: I2C, data: 18, clock: 17 } },
  Serial: { default: { io: Serial, port: 0, receive: 44, transmit: 43 } },
  Analog: { io: Analog },
  radio: {
    SPI: { io: SPI, port: 1, clock: 5, in: 3, out: 6 },
    select: 7,
    reset: 8,
    busy: 34,
    dio1: 33,
    tcxoVoltage: 1.8,
    dio2AsRfSwitch: true,
  },
  battery: { pin: 1, divider: 2 },
};

export default device;
