// The pins of Heltec's Wi-Fi LoRa 32 V3 (HTIT-WB32LA V3, ESP32-S3 with SX1262), in the form of ECMA-419's device object.

import Analog from "embedded:io/analog";
import Digital from "embedded:io/digital";
import I2C from "embedded:io/i2c";
import Serial from "embedded:io/serial";
import SPI from "embedded:io/spi";

const device = {
  // The header's bus for sensors. The display has a bus of its own, on 17 and 18.
  I2C: { default: { io: I2C, data: 41, clock: 42 } },
  Serial: { default: { io: Serial, port: 0, receive: 44, transmit: 43 } },
  // Only the radio is on this bus.
  SPI: { default: { io: SPI, port: 1, clock: 9, in: 11, out: 10 } },
  Analog: { default: { io: Analog, pin: 1 } },
  io: { Analog, Digital, I2C, Serial, SPI },
  pin: {
    button: 0,
    led: 35,
    // Low switches the supply of the header's Ve pins and of the display on.
    vext: 36,
    battery: 1,
    // Connects the battery's divider (1 in 4.9) to the converter: low on V3, reported to be high from V3.2 on.
    batteryDivider: 37,
    radioSelect: 8,
    radioReset: 12,
    radioBusy: 13,
    radioDio1: 14,
  },
};

export default device;
