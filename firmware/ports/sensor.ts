/**
 * Sensor drivers in ECMA-419's shape (constructor(options), configure, sample, close), with one addition: `start` begins a conversion
 * and says how long it takes, so that nothing ever waits inside a driver.
 */

/**
 * ECMA-419 quantities (its Annex on sensor classes): degC, % of relative humidity (0 to 100), Pa, m/s, degrees clockwise from north (0 to
 * below 360, where the wind comes from), mm of rain since the counter began, W/m2, V. A quantity that could not be measured is absent.
 */
export interface SensorSample {
  thermometer?: { temperature: number };
  hygrometer?: { humidity: number };
  barometer?: { pressure: number };
  anemometer?: { speed: number; gust?: number };
  vane?: { direction: number };
  rainGauge?: { rain: number };
  pyranometer?: { irradiance: number };
  battery?: { voltage: number };
}

export interface Sensor {
  /** Begins a measurement; returns the milliseconds until `sample` may be called (0: at once). Throws when the chip does not answer. */
  start(): number;
  /** The measurement that `start` began. The object is the driver's own and is overwritten by the next call. Throws on a bus error or bad checksum. */
  sample(): SensorSample;
  close(): void;
}
