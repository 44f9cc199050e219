/**
 * A weather station around one virtual node: our drivers on modelled buses and inputs, with the weather behind the chips. Only the sensors
 * whose quantities the weather knows are fitted. I2C: SHT4x at 0x44, BMP280 at 0x76. Counters: rain gauge, anemometer. Inputs: vane,
 * pyranometer, battery.
 */
import {
  ANEMOMETER_RETAINED_BYTES,
  Anemometer,
  METRES_PER_REVOLUTION,
  windSpeedResolution,
} from "../../firmware/drivers/sensors/anemometer.ts";
import { BatteryGauge, DEFAULT_DIVIDER, DEFAULT_REFERENCE_V } from "../../firmware/drivers/sensors/battery-gauge.ts";
import { Bmp280, type Bmp280Oversampling, bmp280Resolution } from "../../firmware/drivers/sensors/bmp280.ts";
import { DEFAULT_FULL_SCALE_WPM2, Pyranometer } from "../../firmware/drivers/sensors/pyranometer.ts";
import { DEFAULT_MM_PER_TIP, RainGauge } from "../../firmware/drivers/sensors/rain-gauge.ts";
import { SHT4X_RESOLUTION, Sht4x } from "../../firmware/drivers/sensors/sht4x.ts";
import { WindVane } from "../../firmware/drivers/sensors/wind-vane.ts";
import type { Clock } from "../../firmware/ports/clock.ts";
import type { Sensor } from "../../firmware/ports/sensor.ts";
import { type Conditions, type Quantity, unknownConditions, type Weather } from "../weather/weather.ts";
import type { World } from "../world.ts";
import { Adc } from "./adc.ts";
import { Bmp280Chip } from "./bmp280-chip.ts";
import { I2cBus } from "./i2c-bus.ts";
import { PulseCounterChip } from "./pulse-counter-chip.ts";
import { Sht4xChip } from "./sht4x-chip.ts";

const SHT4X_ADDRESS = 0x44;
const BMP280_ADDRESS = 0x76;
/** Gate of the gust, WMO-No. 8, 5.1.1: 3 s. */
const GUST_GATE_MS = 3000;

export interface WeatherStationOptions {
  /** Names the node's own streams of random numbers. */
  name: string;
  /** The node's clock, which the anemometer divides by. */
  clock: Clock;
  /** Oversampling of the barometer; 4 unless told otherwise. */
  oversampling?: Bmp280Oversampling;
  /** Bits of the analogue inputs; 12 unless told otherwise. */
  converterBits?: number;
  /** Noise of the analogue inputs, in steps; none unless told otherwise. */
  noiseSteps?: number;
}

/** One value for each quantity: degC, %RH, hPa, m/s, m/s, degrees, mm, W/m2, V. NaN: not known, or not fitted. */
export type StationValues = Record<Quantity, number>;

export interface WeatherStation {
  /** The drivers, as the node gets them. */
  readonly sensors: Sensor[];
  /** The models behind them, for faults. */
  readonly bus: I2cBus;
  readonly sht4x: Sht4xChip | undefined;
  readonly bmp280: Bmp280Chip | undefined;
  readonly windCounter: PulseCounterChip | undefined;
  readonly rainCounter: PulseCounterChip | undefined;
  /**
   * What the world showed at `unixMs`. Wind speed and gust are over the time between the last two reads of the counter, and rain is since the
   * counter started, up to its last read: so ask when the sample has just been taken.
   */
  truthAt(unixMs: number): StationValues;
  /** The stated resolution of each quantity for samples `intervalMs` apart, in the units of `truthAt`; NaN: not fitted. */
  resolutions(intervalMs: number): StationValues;
  /**
   * The drivers as the firmware makes them anew after a reboot. With `powerLost` the counters and registers begin anew too: also to be called
   * at a power-on later than the station was made, for the anemometer takes the counter and the clock to begin together.
   */
  reboot(powerLost: boolean): Sensor[];
}

export function createWeatherStation(world: World, weather: Weather, options: WeatherStationOptions): WeatherStation {
  const has = (quantity: Quantity): boolean => weather.quantities.has(quantity);
  const unixMs = (): number => world.unixMs;
  const nowUs = (): number => world.nowUs;

  // All sensors of one sample look at the same moment: the weather is asked once.
  const conditionsNow = unknownConditions();
  let conditionsUs = -1;
  const conditions = (): Conditions => {
    if (conditionsUs !== world.nowUs) {
      weather.at(world.unixMs, conditionsNow);
      conditionsUs = world.nowUs;
    }
    return conditionsNow;
  };

  const bus = new I2cBus();
  let sht4x: Sht4xChip | undefined;
  if (has("temperature") || has("humidity")) {
    sht4x = new Sht4xChip({ nowUs, conditions, random: world.random(`${options.name} sht4x`) });
    bus.attach(SHT4X_ADDRESS, sht4x);
  }
  let bmp280: Bmp280Chip | undefined;
  if (has("pressure")) {
    bmp280 = new Bmp280Chip({ nowUs, conditions, random: world.random(`${options.name} bmp280`) });
    bus.attach(BMP280_ADDRESS, bmp280);
  }
  const windCounter = has("windSpeed")
    ? new PulseCounterChip({
        unixMs,
        amount: (from, to) => weather.windRunM(from, to),
        amountPerPulse: METRES_PER_REVOLUTION,
        isKnown: () => !Number.isNaN(conditions().windMps),
        peakPerSecond: has("windGust") ? (from, to) => weather.gustMps(from, to) : undefined,
        gateMs: GUST_GATE_MS,
      })
    : undefined;
  const rainCounter = has("rain")
    ? new PulseCounterChip({
        unixMs,
        amount: (from, to) => weather.rainMm(from, to),
        amountPerPulse: DEFAULT_MM_PER_TIP,
        isKnown: () => !Number.isNaN(conditions().rainMmPerHour),
      })
    : undefined;
  const adc = (input: string, source: () => number): Adc =>
    new Adc({
      source,
      resolution: options.converterBits,
      noiseSteps: options.noiseSteps,
      random: options.noiseSteps === undefined ? undefined : world.random(`${options.name} ${input}`),
    });
  // The vane's potentiometer has both ends at north.
  const vaneInput = adc("vane", () => (((conditions().windDirectionDeg % 360) + 360) % 360) / 360);
  const pyranometerInput = adc("pyranometer", () => conditions().irradianceWm2 / DEFAULT_FULL_SCALE_WPM2);
  const batteryInput = adc("battery", () => conditions().batteryV / (DEFAULT_REFERENCE_V * DEFAULT_DIVIDER));

  /** What the anemometer's driver keeps through deep sleep. */
  const retained = new Uint8Array(ANEMOMETER_RETAINED_BYTES);
  const resolution = unknownValues();
  const openSensors = (): Sensor[] => {
    const sensors: Sensor[] = [];
    if (sht4x !== undefined) {
      const i2c = bus.open(SHT4X_ADDRESS);
      sensors.push(new Sht4x({ i2c, thermometer: has("temperature"), hygrometer: has("humidity") }));
      if (has("temperature")) resolution.temperature = SHT4X_RESOLUTION.temperature;
      if (has("humidity")) resolution.humidity = SHT4X_RESOLUTION.humidity;
    }
    if (bmp280 !== undefined) {
      const oversampling = options.oversampling ?? 4;
      sensors.push(new Bmp280({ i2c: bus.open(BMP280_ADDRESS), oversampling }));
      resolution.pressure = bmp280Resolution(oversampling) / 100;
    }
    if (windCounter !== undefined) {
      const anemometer = new Anemometer({ counter: windCounter, clock: options.clock, retained });
      sensors.push(anemometer);
      resolution.windGust = anemometer.gustResolution ?? Number.NaN;
    }
    if (has("windDirection")) {
      const vane = new WindVane({ analog: vaneInput });
      sensors.push(vane);
      resolution.windDirection = vane.resolution;
    }
    if (rainCounter !== undefined) {
      const gauge = new RainGauge({ counter: rainCounter });
      sensors.push(gauge);
      resolution.rain = gauge.resolution;
    }
    if (has("irradiance")) {
      const pyranometer = new Pyranometer({ analog: pyranometerInput });
      sensors.push(pyranometer);
      resolution.irradiance = pyranometer.resolution;
    }
    if (has("battery")) {
      const gauge = new BatteryGauge({ analog: batteryInput });
      sensors.push(gauge);
      resolution.battery = gauge.resolution;
    }
    return sensors;
  };

  const asked = unknownConditions();
  return {
    sensors: openSensors(),
    bus,
    sht4x,
    bmp280,
    windCounter,
    rainCounter,
    truthAt(atUnixMs) {
      weather.at(atUnixMs, asked);
      const values = unknownValues();
      values.temperature = asked.temperatureC;
      values.humidity = asked.humidityPct;
      values.pressure = asked.pressureHpa;
      values.windDirection = asked.windDirectionDeg;
      values.irradiance = asked.irradianceWm2;
      values.battery = asked.batteryV;
      if (windCounter !== undefined && !Number.isNaN(asked.windMps)) {
        const { previousReadMs: from, lastReadMs: to } = windCounter;
        values.windSpeed = to > from ? (weather.windRunM(from, to) * 1000) / (to - from) : asked.windMps;
        if (has("windGust")) values.windGust = weather.gustMps(windCounter.previousPeakMs, windCounter.lastPeakMs);
      }
      if (rainCounter !== undefined && !Number.isNaN(asked.rainMmPerHour)) values.rain = rainCounter.total;
      return values;
    },
    resolutions(intervalMs) {
      return { ...resolution, windSpeed: has("windSpeed") ? windSpeedResolution(intervalMs) : Number.NaN };
    },
    reboot(powerLost) {
      if (powerLost) {
        windCounter?.restart();
        rainCounter?.restart();
        bmp280?.powerCycle();
        retained.fill(0);
      }
      return openSensors();
    },
  };
}

function unknownValues(): StationValues {
  return {
    temperature: Number.NaN,
    humidity: Number.NaN,
    pressure: Number.NaN,
    windSpeed: Number.NaN,
    windGust: Number.NaN,
    windDirection: Number.NaN,
    rain: Number.NaN,
    irradiance: Number.NaN,
    battery: Number.NaN,
  };
}
