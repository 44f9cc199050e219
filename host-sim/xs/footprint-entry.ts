/**
 * What the firmware takes in RAM, measured on linked XS: a node with all its drivers, machines and buffers on ports that hold nothing, so that
 * the difference of the engine's figures before and after is the firmware's own. Prints one line of JSON a part.
 */
import { NodeApp } from "../../firmware/app/node-app.ts";
import type { NodeConfig, NodePorts } from "../../firmware/app/node-ports.ts";
import { Mac } from "../../firmware/core/lorawan/mac.ts";
import { EU868 } from "../../firmware/core/lorawan/region/eu868.ts";
import { Sx126x } from "../../firmware/drivers/radio/sx126x.ts";
import { Anemometer } from "../../firmware/drivers/sensors/anemometer.ts";
import { BatteryGauge } from "../../firmware/drivers/sensors/battery-gauge.ts";
import { Bmp280 } from "../../firmware/drivers/sensors/bmp280.ts";
import { Pyranometer } from "../../firmware/drivers/sensors/pyranometer.ts";
import { RainGauge } from "../../firmware/drivers/sensors/rain-gauge.ts";
import { Sht4x } from "../../firmware/drivers/sensors/sht4x.ts";
import { WindVane } from "../../firmware/drivers/sensors/wind-vane.ts";
import { FlashRecordLog } from "../../firmware/drivers/storage/flash-record-log.ts";
import type { Crypto } from "../../firmware/ports/crypto.ts";
import type { Flash } from "../../firmware/ports/io.ts";
import type { RadioEvents } from "../../firmware/ports/radio.ts";
import { MAX_TOKEN_BYTES } from "../../firmware/wire/batch.ts";
import { WEATHER } from "../../firmware/wire/profiles/weather.ts";
import { readingRecordBytes } from "../../firmware/wire/reading-record.ts";
import { TOKEN_RECORD_HEADER_BYTES } from "../../firmware/wire/token-record.ts";
import type { XsHost } from "./entry.ts";

const SECTOR_BYTES = 4096;
/** Sizes of the logs of the first board: see manifests/partitions/8mb.csv. */
const JOURNAL_SECTORS = 64;
const OUTBOX_SECTORS = 256;

const nothing = (): void => {};

/** Erased flash that forgets what is written. */
class BlankFlash implements Flash {
  readonly sectorSize = SECTOR_BYTES;
  readonly size: number;

  constructor(sectors: number) {
    this.size = sectors * SECTOR_BYTES;
  }

  read(_offset: number, into: Uint8Array): void {
    into.fill(0xff);
  }

  write(): void {}
  erase(): void {}
}

class NoPin {
  read(): number {
    return 0;
  }
  write(): void {}
  transfer(): void {}
  close(): void {}
}

const CRYPTO: Crypto = {
  algorithm: -7,
  aesEncryptBlock: nothing,
  cmac: nothing,
  deriveKey: nothing,
  sha256: nothing,
  fill: nothing,
  publicKey: nothing,
  sign: nothing,
  importKey: nothing,
  generateKey: nothing,
  destroyKey: nothing,
  hasKey: () => true,
};

const DEV_EUI = new Uint8Array(8);
const CLOCK = { nowMs: (): number => 0 };
const TIMER = { wakeAt: nothing, cancel: nothing };
const RADIO_EVENTS: RadioEvents = {
  onTransmitted: nothing,
  onReceived: nothing,
  onReceiveTimeout: nothing,
  onError: nothing,
};

function newRadio(): Sx126x {
  const pin = { io: NoPin };
  const pins = { spi: pin, reset: pin, busy: pin, dio1: pin };
  return new Sx126x({ ...pins, clock: CLOCK, timer: TIMER, events: RADIO_EVENTS, frequencyHz: 868_100_000 });
}

function newNode(): NodeApp {
  const i2c = { read: nothing, write: nothing, close: nothing };
  const analog = { read: () => 0, resolution: 12, close: nothing };
  const counter = { read: () => 0, takePeak: () => 0, gateMs: 3000, close: nothing };
  const ports: NodePorts = {
    clock: CLOCK,
    timer: TIMER,
    crypto: CRYPTO,
    radio: newRadio(),
    sensors: [
      new Sht4x({ i2c }),
      new Bmp280({ i2c }),
      new Anemometer({ counter, clock: CLOCK }),
      new WindVane({ analog }),
      new RainGauge({ counter }),
      new Pyranometer({ analog }),
      new BatteryGauge({ analog }),
    ],
    keyValue: { read: () => -1, write: nothing, delete: nothing },
    journal: new FlashRecordLog({
      flash: new BlankFlash(JOURNAL_SECTORS),
      maxRecordLength: readingRecordBytes(WEATHER.fields.length),
    }),
    outbox: new FlashRecordLog({
      flash: new BlankFlash(OUTBOX_SECTORS),
      maxRecordLength: TOKEN_RECORD_HEADER_BYTES + MAX_TOKEN_BYTES,
    }),
    power: { wakeCause: "power-on", retained: new Uint8Array(0), deepSleepUntil: nothing },
    log: { write: nothing },
  };
  const config: NodeConfig = {
    devEui: DEV_EUI,
    joinEui: DEV_EUI,
    sampleIntervalS: 300,
    batchReadings: 36,
    uplink: "lorawan",
    region: EU868,
    profile: WEATHER,
    oemid: new Uint8Array(3),
    hwmodel: new Uint8Array(1),
    firmware: { name: "groundtruth", version: "0" },
    protection: 0,
    timeWaitMs: 120_000,
  };
  const app = new NodeApp(ports, config);
  app.start();
  return app;
}

const PARTS: readonly { part: string; make: () => object }[] = [
  {
    part: "LoRaWAN machine",
    make: () => new Mac({ devEui: DEV_EUI, joinEui: DEV_EUI, region: EU868, crypto: CRYPTO, random: CRYPTO }),
  },
  { part: "SX126x driver", make: newRadio },
  { part: "whole node", make: newNode },
];

interface Figures {
  readonly liveSlotBytes: number;
  readonly liveChunkBytes: number;
  readonly peakStackSlots: number;
}

/** Measures each part alone, less what measuring itself leaves: nothing at all is measured first. */
export default function measureFootprint(_argument: string, host: XsHost): number {
  const { measure } = host;
  if (measure === undefined) return 2;
  const read = (): Figures => JSON.parse(measure());
  let own: Figures | undefined;
  for (const { part, make } of [{ part: "nothing", make: () => host }, ...PARTS]) {
    make();
    read();
    const before = read();
    const made = make();
    const after = read();
    const slotBytes = after.liveSlotBytes - before.liveSlotBytes - (own?.liveSlotBytes ?? 0);
    const chunkBytes = after.liveChunkBytes - before.liveChunkBytes - (own?.liveChunkBytes ?? 0);
    const stackSlots = after.peakStackSlots;
    own ??= { liveSlotBytes: slotBytes, liveChunkBytes: chunkBytes, peakStackSlots: stackSlots };
    host.print(JSON.stringify({ part, slotBytes, chunkBytes, stackSlots, isObject: typeof made === "object" }));
  }
  return 0;
}
