// The pins of M5Stack Core2 with Module LoRa868 v1.2, in the form of ECMA-419's device object. Sources: board.json.

import Analog from "embedded:io/analog";
import I2C from "embedded:io/i2c";
import Serial from "embedded:io/serial";
import SPI from "embedded:io/spi";
import type { Board } from "../../../../firmware/platform/moddable/board.ts";

const device: Board = {
  model: "m5stack-core2-lora868",
  I2C: { default: { io: I2C, data: 32, clock: 33 } },
  Serial: { default: { io: Serial, port: 0, receive: 3, transmit: 1 } },
  Analog: { io: Analog },
  radio: {
    SPI: { io: SPI, port: 1, clock: 18, in: 38, out: 23 },
    select: 27,
    reset: 19,
    busy: 36,
    dio1: 35,
    tcxoVoltage: 3.3,
    dio2AsRfSwitch: true,
  },
};

export default device;
