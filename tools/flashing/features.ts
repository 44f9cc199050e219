/**
 * What an image for a board has or leaves out. The firmware's sources know nothing of it: a feature that is left out is left out where its
 * modules are imported. The image then has, under the very name of such a module (a seam), a stand-in whose classes and functions throw
 * `image-lacks-<feature>`, and nothing that only the real module imports.
 */

/** A module that a feature enters the firmware by, and what the rest of the firmware imports from it. */
export interface Seam {
  readonly module: string;
  readonly classes?: readonly string[];
  readonly functions?: readonly string[];
}

export interface Feature {
  readonly name: string;
  readonly says: string;
  readonly seams: readonly Seam[];
}

function sensor(name: string, className: string, says: string): Feature {
  return {
    name: `sensor-${name}`,
    says,
    seams: [{ module: `firmware/drivers/sensors/${name}`, classes: [className] }],
  };
}

/** Every feature but the regions. What it needs of the SDK stands in manifests/features/<name>.json, where it needs anything. */
export const FEATURES: readonly Feature[] = Object.freeze([
  {
    name: "lora-sx126x",
    says: "driver of SX1261, SX1262, SX1268, LLCC68",
    seams: [{ module: "firmware/drivers/radio/sx126x", classes: ["Sx126x"] }],
  },
  {
    name: "lora-sx127x",
    says: "driver of SX1276 to SX1279",
    seams: [{ module: "firmware/drivers/radio/sx127x", classes: ["Sx127x"] }],
  },
  {
    name: "lorawan",
    says: "LoRaWAN, Class A",
    seams: [{ module: "firmware/app/lorawan-path", classes: ["LorawanPath"] }],
  },
  {
    name: "p2p",
    says: "LoRa from node to base node, without a network",
    seams: [
      { module: "firmware/app/p2p-path", classes: ["P2pPath"] },
      { module: "firmware/core/uplink/p2p-plan", functions: ["p2pPlan"] },
    ],
  },
  {
    name: "wifi",
    says: "tokens over MQTT, time over SNTP",
    seams: [
      { module: "firmware/app/wifi-path", classes: ["WifiPath"] },
      { module: "firmware/platform/moddable/network", classes: ["WifiNetwork"] },
    ],
  },
  // No module of ours: native/gt-keys.c has it by the define of its manifest.
  { name: "ed25519", says: "attestation keys for Ed25519, by libsodium", seams: [] },
  sensor("sht4x", "Sht4x", "temperature and humidity, I2C"),
  sensor("bmp280", "Bmp280", "pressure, I2C"),
  sensor("rain-gauge", "RainGauge", "tipping bucket with a reed contact"),
  sensor("anemometer", "Anemometer", "cup anemometer with a reed contact"),
  sensor("wind-vane", "WindVane", "vane with a potentiometer"),
  sensor("pyranometer", "Pyranometer", "pyranometer with a voltage output"),
  sensor("battery-gauge", "BatteryGauge", "battery voltage on the board's divider"),
]);

/** The module that lists the regions of an image. */
export const REGION_INDEX = "firmware/core/lorawan/region/index";

/** Features and regions that an image is built with. */
export interface Choice {
  readonly features: readonly string[];
  /** Files of firmware/core/lorawan/region/ by name: "eu868". */
  readonly regions: readonly string[];
}

/** The regions that the list of all regions imports: file names. */
export function regionFiles(index: string): string[] {
  return regionImports(index).map(({ file }) => file);
}

/**
 * Refuses what does not fit together. The message says what to do instead.
 */
export function checkChoice(choice: Choice, knownRegions: readonly string[]): void {
  const known = FEATURES.map((feature) => feature.name);
  for (const name of choice.features) {
    if (!known.includes(name)) throw new Error(`there is no feature ${name}: there is ${known.join(", ")}`);
  }
  for (const name of choice.regions) {
    if (!knownRegions.includes(name))
      throw new Error(`there is no region ${name}: there is ${knownRegions.join(", ")}`);
  }
  const has = (name: string): boolean => choice.features.includes(name);
  const lora = has("lora-sx126x") || has("lora-sx127x");
  if ((has("lorawan") || has("p2p")) && !lora)
    throw new Error("lorawan and p2p need the driver of a radio: lora-sx126x or lora-sx127x");
  if (!has("lorawan") && !has("p2p") && !has("wifi")) throw new Error("a node needs a way out: lorawan, p2p or wifi");
  // Provisioning names a region in any case, so an image without one would start nowhere.
  if (choice.regions.length === 0) throw new Error("an image needs a region");
}

/** The sources of the modules that stand in for what a choice leaves out, by module name. `index`: the list of all regions. */
export function standIns(choice: Choice, index: string): Map<string, string> {
  const sources = new Map<string, string>();
  for (const feature of FEATURES) {
    if (choice.features.includes(feature.name)) continue;
    for (const seam of feature.seams) sources.set(seam.module, standIn(feature.name, seam));
  }
  if (regionFiles(index).some((file) => !choice.regions.includes(file))) {
    sources.set(REGION_INDEX, indexOfRegions(index, choice.regions));
  }
  return sources;
}

function standIn(feature: string, seam: Seam): string {
  const refuse = `throw new Error("image-lacks-${feature}");`;
  const classes = (seam.classes ?? []).map(
    (name) => `export class ${name} {\n  constructor() {\n    ${refuse}\n  }\n}`,
  );
  const functions = (seam.functions ?? []).map((name) => `export function ${name}(): never {\n  ${refuse}\n}`);
  return `// In place of ${seam.module}, which is not in this image.\n${[...classes, ...functions].join("\n")}\n`;
}

/** The list of all regions without those that were not chosen: their imports, and their names in the list. */
function indexOfRegions(index: string, regions: readonly string[]): string {
  let text = index;
  for (const { line, names, file } of regionImports(index)) {
    if (regions.includes(file)) continue;
    text = text.replace(line, "");
    for (const name of names) text = text.replace(new RegExp(`(?<=[[\\s])${name}\\b\\s*,?`), "");
  }
  return text;
}

function regionImports(index: string): { line: string; names: string[]; file: string }[] {
  return [...index.matchAll(/^import \{ ([^}]+) \} from "\.\/([\w-]+)\.ts";\n/gm)].map((match) => ({
    line: match[0],
    names: match[1].split(",").map((name) => name.trim()),
    file: match[2],
  }));
}
