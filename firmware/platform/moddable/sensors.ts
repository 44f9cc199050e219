/** Builds the drivers of the sensors that a node is fitted with. */
import Digital from "embedded:io/digital";
import { Anemometer } from "../../drivers/sensors/anemometer.ts";
import { BatteryGauge } from "../../drivers/sensors/battery-gauge.ts";
import { Bmp280 } from "../../drivers/sensors/bmp280.ts";
import { Pyranometer } from "../../drivers/sensors/pyranometer.ts";
import { RainGauge } from "../../drivers/sensors/rain-gauge.ts";
import { Sht4x } from "../../drivers/sensors/sht4x.ts";
import { WindVane } from "../../drivers/sensors/wind-vane.ts";
import type { Clock } from "../../ports/clock.ts";
import type { I2C } from "../../ports/io.ts";
import type { Log } from "../../ports/log.ts";
import type { Sensor } from "../../ports/sensor.ts";
import type { Board } from "./board.ts";
import { ANALOG_FULL_SCALE_V, AnalogPin, ReedCounter } from "./io.ts";
import type { FittedSensor } from "./provisioning.ts";

const I2C_HZ = 100_000;
/** The longest read is 24 bytes, 2.5 ms at that clock; the SDK would block for 400 ms. */
const I2C_TIMEOUT_MS = 20;
/** WMO-No. 8 (5.1.1): a gust is the highest mean of 3 s. */
const GUST_GATE_MS = 3000;
/** An anemometer's contact opens and closes within 6 ms at 80 m/s; a tipping bucket takes more than half a second a tip. */
const WIND_BOUNCE_MS = 2;
const RAIN_BOUNCE_MS = 20;

/** A sensor that cannot be opened is logged and left out: the node reports its quantity as missing. */
export function openSensors(board: Board, fitted: readonly FittedSensor[], clock: Clock, log: Log): Sensor[] {
  if (board.sensorSupply !== undefined) switchOn(board.sensorSupply);
  const sensors: Sensor[] = [];
  for (const sensor of fitted) {
    try {
      sensors.push(open(board, sensor, clock));
    } catch (error) {
      log.write("error", "sensors", `${sensor.kind}: ${(error as Error).message}`);
    }
  }
  return sensors;
}

function open(board: Board, sensor: FittedSensor, clock: Clock): Sensor {
  switch (sensor.kind) {
    case "sht4x":
      return new Sht4x({ i2c: openI2c(board, sensor.address) });
    case "bmp280":
      return new Bmp280({ i2c: openI2c(board, sensor.address) });
    case "rain-gauge":
      return new RainGauge({
        counter: new ReedCounter(sensor.pin, GUST_GATE_MS, RAIN_BOUNCE_MS),
        mmPerTip: sensor.mmPerTip,
      });
    case "anemometer":
      return new Anemometer({
        counter: new ReedCounter(sensor.pin, GUST_GATE_MS, WIND_BOUNCE_MS),
        clock,
        metresPerPulse: sensor.metresPerPulse,
      });
    case "wind-vane":
      return new WindVane({ analog: new AnalogPin(sensor.pin), northOffsetDeg: sensor.northOffsetDeg });
    case "pyranometer":
      return new Pyranometer({ analog: new AnalogPin(sensor.pin), fullScaleWpm2: sensor.fullScaleWpm2 });
    case "battery": {
      const battery = board.battery;
      if (battery === undefined) throw new Error("the board has no divider");
      if (battery.enable !== undefined) switchOn(battery.enable);
      return new BatteryGauge({
        analog: new AnalogPin(battery.pin),
        referenceV: ANALOG_FULL_SCALE_V,
        divider: battery.divider,
      });
    }
  }
}

function openI2c(board: Board, address: number): I2C {
  const { io: Bus, data, clock } = board.I2C.default;
  return new Bus({ data, clock, address, hz: I2C_HZ, timeout: I2C_TIMEOUT_MS });
}

/** The object lives as long as the firmware runs: the SDK keeps it. */
function switchOn(output: { readonly pin: number; readonly on: 0 | 1 }): void {
  new Digital({ pin: output.pin, mode: Digital.Output, initialValue: output.on }).write(output.on);
}
