// The pins of M5Stack Atom Lite, in the form of ECMA-419's device object. Sources: board.json.

import Analog from "embedded:io/analog";
import I2C from "embedded:io/i2c";
import Serial from "embedded:io/serial";
import type { Board } from "../../../../firmware/platform/moddable/board.ts";

const device: Board = {
  model: "m5stack-atom-lite",
  I2C: { default: { io: I2C, data: 26, clock: 32 } },
  Serial: { default: { io: Serial, port: 0, receive: 3, transmit: 1 } },
  Analog: { io: Analog },
};

export default device;
