// The pins of Heltec's Wi-Fi LoRa 32 V3 (HTIT-WB32LA V3, ESP32-S3 with SX1262), in the form of ECMA-419's device object.

import Analog from "embedded:io/analog";
import I2C from "embedded:io/i2c";
import Serial from "embedded:io/serial";
import SPI from "embedded:io/spi";
import type { Board } from "../../../../firmware/platform/moddable/board.ts";

const device: Board = {
  model: "heltec-wifi-lora-32-v3",
  // The header's bus for sensors. The display has a bus of its own, on 17 and 18.
  I2C: { default: { io: I2C, data: 41, clock: 42 } },
  // To the USB bridge.
  Serial: { default: { io: Serial, port: 0, receive: 44, transmit: 43 } },
  Analog: { io: Analog },
  radio: {
    // Only the radio is on this bus.
    SPI: { io: SPI, port: 1, clock: 9, in: 11, out: 10 },
    select: 8,
    reset: 12,
    busy: 13,
    dio1: 14,
    tcxoVoltage: 1.8,
    dio2AsRfSwitch: true,
  },
  // Resistors of 390 and 100 kOhm. Low connects them on V3; from V3.2 on it is reported to be high.
  battery: { pin: 1, divider: 4.9, enable: { pin: 37, on: 0 } },
  // Supply of the header's Ve pins, and of the display.
  sensorSupply: { pin: 36, on: 0 },
};

export default device;
