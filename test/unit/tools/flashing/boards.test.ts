import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type BoardPins, readPins, wiresOf } from "../../../../tools/flashing/board-pins.ts";
import {
  boardModules,
  boardNames,
  CHIPS,
  creationBytes,
  readBoard,
  readBoardManifest,
} from "../../../../tools/flashing/boards.ts";
import {
  configuration,
  configurationFragments,
  PROFILES,
  partitionFile,
  readPartitions,
} from "../../../../tools/flashing/configuration.ts";
import { checkChoice, FEATURES, REGION_INDEX, regionFiles } from "../../../../tools/flashing/features.ts";
import { BUDGETS } from "../../../budgets.ts";

const ROOT = join(import.meta.dirname, "../../../..");
const SECTOR = 0x1000;
/** Application partitions begin on 64 KB (ESP-IDF, "Partition Tables"). */
const APP_ALIGNMENT = 0x10000;
/** GPIOs of each chip, and those of them that its flash has in the usual packages. */
const GPIOS: Record<string, { last: number; taken: readonly [number, number][]; outputOnlyBelow?: number }> = {
  esp32: { last: 39, taken: [[6, 11]], outputOnlyBelow: 34 },
  esp32s3: {
    last: 48,
    taken: [
      [22, 25],
      [26, 32],
    ],
  },
  esp32c3: { last: 21, taken: [[11, 17]] },
  esp32c6: { last: 30, taken: [[24, 30]] },
};
/** Read at reset, so that what hangs there must not pull (the chips' data sheets, "Strapping Pins"). */
const STRAPPING: Record<string, readonly number[]> = {
  esp32: [0, 2, 5, 12, 15],
  esp32s3: [0, 3, 45, 46],
  esp32c3: [2, 8, 9],
  esp32c6: [4, 5, 8, 9, 15],
};
/** GPIOs of ADC1, which Wi-Fi leaves alone (modules/io/analog/esp32/_analog.c). */
const ADC1: Record<string, readonly [number, number]> = {
  esp32: [32, 39],
  esp32s3: [1, 10],
  esp32c3: [0, 4],
  esp32c6: [0, 6],
};
const BOARDS_WIRED_BY_HAND = ["esp32-c3-devkit-sx1262", "esp32-c6-devkit-sx1262"];

function regions(): string[] {
  return regionFiles(readFileSync(join(ROOT, `${REGION_INDEX}.ts`), "utf8"));
}

describe("the boards' manifests", () => {
  const names = boardNames(ROOT);

  it("are those that were asked for, each chip among them, in lower case as mcconfig looks for them", () => {
    assert.equal(names.length, 10);
    assert.deepEqual([...new Set(names.map((name) => readBoard(ROOT, name).chip))].sort(), [...CHIPS].sort());
    for (const name of names) assert.equal(name, name.toLowerCase());
  });

  for (const name of names) {
    describe(name, () => {
      const facts = readBoard(ROOT, name);
      const manifest = readBoardManifest(ROOT, name);
      let pins: BoardPins;

      before(async () => {
        pins = await readPins(ROOT, name);
      });

      it("board.json, manifest.json and host/provider.ts agree", () => {
        assert.equal(manifest.build.ESP32_SUBCLASS, facts.chip);
        assert.equal(pins.model, name);
        const { data, clock } = pins.I2C.default;
        assert.deepEqual(manifest.defines.i2c, { sda_pin: data, scl_pin: clock });
        const spi = pins.radio?.SPI;
        assert.deepEqual(manifest.defines.spi, spi && { miso_pin: spi.in, mosi_pin: spi.out, sck_pin: spi.clock });
      });

      it("no pin is used twice, and each is one that the chip has free", () => {
        const used = wiresOf(pins).map(({ pin }) => pin);
        assert.equal(new Set(used).size, used.length, `${used}`);
        const { last, taken } = GPIOS[facts.chip];
        for (const pin of used) {
          assert.ok(pin >= 0 && pin <= last, `GPIO ${pin}`);
          assert.ok(!taken.some(([from, to]) => pin >= from && pin <= to), `GPIO ${pin} is the flash's`);
        }
      });

      it("pins that only read are not asked to write", () => {
        const below = GPIOS[facts.chip].outputOnlyBelow ?? Number.POSITIVE_INFINITY;
        const { radio } = pins;
        const outputs = radio
          ? [radio.SPI.clock, radio.SPI.out, radio.select, radio.reset, radio.rfSwitch?.receive]
          : [];
        outputs.push(pins.I2C.default.data, pins.I2C.default.clock, pins.battery?.enable?.pin, pins.sensorSupply?.pin);
        for (const pin of outputs) assert.ok(pin === undefined || pin < below, `GPIO ${pin}`);
      });

      it("a wiring of ours keeps off the pins that are read at reset; the battery is on the first converter", () => {
        if (BOARDS_WIRED_BY_HAND.includes(name)) {
          for (const { pin } of wiresOf(pins)) assert.ok(!STRAPPING[facts.chip].includes(pin), `GPIO ${pin}`);
        }
        const [from, to] = ADC1[facts.chip];
        if (pins.battery) assert.ok(pins.battery.pin >= from && pins.battery.pin <= to);
      });

      it("its features fit together, and fit its parts", () => {
        checkChoice(facts, regions());
        const has = (feature: string): boolean => facts.features.includes(feature);
        const isSx127x = pins.radio?.chip?.startsWith("sx127") ?? false;
        assert.equal(has("lora-sx127x"), isSx127x);
        assert.equal(has("lora-sx126x"), pins.radio !== undefined && !isSx127x);
        assert.equal(has("sensor-battery-gauge"), pins.battery !== undefined);
        assert.equal(facts.radioModule !== undefined, pins.radio !== undefined);
      });

      it("every fact and every current names its source, and no source stands for nothing", () => {
        const cited = [...facts.facts.flatMap(({ sources }) => sources), ...facts.currents.map(({ source }) => source)];
        for (const number of cited) assert.ok(facts.sources[number - 1] !== undefined, `source ${number}`);
        for (const { sources } of facts.facts) assert.ok(sources.length > 0);
        const text = [...facts.disagreements, ...facts.notes].join(" ");
        facts.sources.forEach(({ title }, i) => {
          const mentioned = new RegExp(`\\bsources? [^.)]*\\b${i + 1}\\b`).test(text);
          assert.ok(cited.includes(i + 1) || mentioned, `nothing cites ${title}`);
        });
      });

      it("its setup and its pins are files that there are", () => {
        assert.ok(boardModules(ROOT, name).has("embedded:provider/builtin"));
        for (const module of boardModules(ROOT, name).keys()) assert.ok(manifest.preload.includes(module), module);
      });

      it("has a budget that its memory keeps to", () => {
        const budget = BUDGETS.boards[name];
        assert.ok(budget !== undefined);
        assert.ok(creationBytes(manifest.creation) <= budget.ramBytes);
      });

      it("its flash has two equal slots, NVS, both logs, no overlap, and ends with the flash", () => {
        const partitions = readPartitions(ROOT, facts);
        let end = 0x9000; // the boot loader and the table itself end here
        for (const { name: partition, offset, size } of partitions) {
          assert.ok(offset >= end, partition);
          assert.ok(size > 0 && offset % SECTOR === 0 && size % SECTOR === 0, partition);
          end = offset + size;
        }
        assert.ok(end <= facts.flashMb * 1024 * 1024);
        const slots = partitions.filter(({ type }) => type === "app");
        assert.deepEqual(
          slots.map(({ subType }) => subType),
          ["ota_0", "ota_1"],
        );
        assert.equal(slots[0].size, slots[1].size);
        assert.ok(slots.every(({ offset }) => offset % APP_ALIGNMENT === 0));
        for (const wanted of ["nvs", "otadata", "nvs_key", "journal", "outbox"])
          assert.ok(
            partitions.some((partition) => partition.name === wanted),
            wanted,
          );
      });

      it("its configuration keeps the boot loader, the watchdogs and the brown-out detector on, for its flash", () => {
        for (const profile of PROFILES) {
          const lines = configuration(ROOT, facts, profile).split("\n");
          for (const option of [
            "CONFIG_BOOTLOADER_SKIP_VALIDATE_ALWAYS=n",
            "CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE=y",
            "CONFIG_ESP_TASK_WDT_EN=y",
            "CONFIG_ESP_INT_WDT=y",
            "CONFIG_ESP_BROWNOUT_DET=y",
            "CONFIG_ESP_CONSOLE_NONE=n",
            `CONFIG_ESPTOOLPY_FLASHSIZE_${facts.flashMb}MB=y`,
          ])
            assert.ok(lines.includes(option), `${profile}: ${option}`);
          const options = lines.filter((line) => line.startsWith("CONFIG_")).map((line) => line.split("=")[0]);
          assert.equal(new Set(options).size, options.length, "an option stands once");
        }
      });
    });
  }

  it("production adds secure boot, flash encryption and encrypted NVS, which development does not have", () => {
    const facts = readBoard(ROOT, "lilygo-t-beam-sx1262");
    const production = configuration(ROOT, facts, "production");
    for (const option of ["SECURE_BOOT_V2_ENABLED", "SECURE_FLASH_ENC_ENABLED", "NVS_ENCRYPTION", "ESP32_REV_MIN_3"]) {
      assert.match(production, new RegExp(`^CONFIG_${option}=y$`, "m"));
      assert.doesNotMatch(configuration(ROOT, facts, "development"), new RegExp(option));
    }
    assert.match(production, /^CONFIG_ESP_SYSTEM_PANIC_PRINT_REBOOT=n$/m);
  });

  it("every fragment and every table belongs to a board", () => {
    const boards = names.map((name) => readBoard(ROOT, name));
    const fragments = new Set(
      boards.flatMap((facts) => PROFILES.flatMap((p) => configurationFragments(ROOT, facts, p))),
    );
    const tables = new Set(boards.map(partitionFile));
    for (const file of readdirSync(join(ROOT, "manifests/sdkconfig")))
      assert.ok(fragments.has(`manifests/sdkconfig/${file}`), file);
    for (const file of readdirSync(join(ROOT, "manifests/partitions")))
      assert.ok(tables.has(`manifests/partitions/${file}`), file);
    for (const file of readdirSync(join(ROOT, "manifests/features")))
      assert.ok(
        FEATURES.some(({ name }) => `${name}.json` === file) && existsSync(join(ROOT, "manifests/features", file)),
      );
  });

  it("a board that there is not is refused with those that there are", () => {
    assert.throws(() => readBoard(ROOT, "no-such-board"), /no board no-such-board: there is .*rak3112/);
  });
});
