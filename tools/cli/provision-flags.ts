/** The flags of `groundtruth provision`, and what they ask for: the plan of a batch, its DevEUIs and its settings. */
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { type Command, InvalidArgumentError, Option } from "commander";
import { KNOWN_PROFILES } from "../../firmware/wire/profiles/known.ts";
import { REGION_NAMES } from "../../host-sim/network/network-plan.ts";
import { type BatchPlan, type LabelKind, type NvsKind, planProblem } from "../provisioning/batch-plan.ts";
import { SERIAL } from "../provisioning/device-label.ts";
import { devEuiProblem, type EuiBlock, eui64FromMac, parseEui64, parseEuiBlock } from "../provisioning/eui.ts";
import { OWN_MEMBERS } from "../provisioning/node-image.ts";
import { ALGORITHM_NAMES, type AlgorithmName } from "../provisioning/node-keys.ts";
import { MIN_PAGES, PAGE_BYTES } from "../provisioning/nvs/nvs-format.ts";
import { asObject } from "../receiver/json.ts";
import { CommandError } from "./command-error.ts";
import { EXIT_HELP, type KeystoreFlags, registryOption, withKeystoreOptions } from "./secret-options.ts";

export interface ProvisionFlags extends KeystoreFlags {
  offline?: boolean;
  out: string;
  registry: string;
  resume?: boolean;
  jobs: number;
  count?: number;
  devEuiBlock?: EuiBlock;
  devEuiList?: string;
  macList?: string;
  joinEui?: string;
  oemid?: string;
  model?: string;
  profile?: string;
  profileId?: string;
  serialPrefix?: string;
  labels?: LabelKind[];
  algorithm?: AlgorithmName;
  nvs?: NvsKind;
  nvsSize?: number;
  nodeConfig?: string;
  region?: string;
  subBand?: number;
  json?: boolean;
}

/** The partition nvs of manifests/partitions.csv. */
const NVS_BYTES = 0x10000;
const MAX_NVS_BYTES = 0x400000;
const DEFAULT_MODEL = "heltec-wifi-lora-32-v3";
const DEFAULT_PROFILE = "tag:groundtruth,2026:weather:1";
const DEFAULT_PROFILE_ID = "00000000";
const MAX_COUNT = 1_000_000;
const MAX_SETTINGS_LENGTH = 16_384;

export function provisionCommand(program: Command): Command {
  const command = program
    .command("provision")
    .description("make nodes: keys, identities, labels and flash images, each entered in the registry of all nodes")
    .option("--offline", "without a board, for a factory: the keys are made here")
    .requiredOption("--out <dir>", "the batch's folder")
    .option("--count <n>", "how many nodes (default: 1, or as many as the list has)", integer(1, MAX_COUNT))
    .addOption(
      new Option(
        "--dev-eui-block <block>",
        "their DevEUIs: the next ones of a block that is yours, FIRST/BITS or FIRST-LAST",
      )
        .argParser(block)
        .conflicts(["devEuiList", "macList"]),
    )
    .addOption(new Option("--dev-eui-list <file>", "their DevEUIs: one a line").conflicts("macList"))
    .option("--mac-list <file>", "their DevEUIs: from the chips' MAC addresses, one a line")
    .option("--join-eui <eui>", "the JoinEUI of the network that they join", eui)
    .option("--oemid <hex>", "the maker, 3 bytes (default: the first of the DevEUI, where the block is yours)")
    .option("--model <name>", `the board (default: ${DEFAULT_MODEL})`)
    .addOption(
      new Option("--profile <uri>", `what they measure (default: ${DEFAULT_PROFILE})`).choices(
        KNOWN_PROFILES.map(({ uri }) => uri),
      ),
    )
    .option("--profile-id <hex>", `VendorID and VendorProfileID on the label (TR005; default: ${DEFAULT_PROFILE_ID})`)
    .option("--serial-prefix <text>", "give serial numbers that begin so", serialPrefix)
    .option("--labels <kinds>", "LoRaWAN QR codes as files: png, svg, png,svg or none (default: png,svg)", labels)
    .addOption(new Option("--algorithm <name>", "what they sign with (default: ES256)").choices(ALGORITHM_NAMES))
    .addOption(
      new Option("--nvs <kind>", "write an NVS image for each node, with its keys in it").choices([
        "plain",
        "encrypted",
      ]),
    )
    .option("--nvs-size <bytes>", `the NVS partition's size (default: ${NVS_BYTES})`, nvsSize)
    .option("--node-config <file>", "with --nvs: what all nodes are told (JSON: uplink, region, sensors, Wi-Fi, ...)")
    .addOption(new Option("--region <name>", "LoRaWAN region, where no --node-config says it").choices(REGION_NAMES))
    .option("--sub-band <n>", "US915, AU915: the network's bank of channels", integer(1, 8))
    .option("--jobs <n>", "threads", integer(1, 256), availableParallelism())
    .option("--resume", "go on with the batch of this folder, or begin it")
    .addOption(registryOption());
  return withKeystoreOptions(command)
    .option("--json", "print the result as JSON, and nothing else on standard output")
    .addHelpText(
      "after",
      "\nSecrets go into the keystore, and into NVS images where --nvs asks for them; nowhere else. With --resume flags may be left out." +
        EXIT_HELP,
    );
}

/** What the flags ask for; flags that were not given as in `before`, the plan of a batch that was begun. */
export function planOf(
  flags: ProvisionFlags,
  count: number,
  firstDevEui: string,
  before?: BatchPlan,
  settings?: object,
): BatchPlan {
  const joinEui = flags.joinEui ?? before?.joinEui;
  if (joinEui === undefined) throw missing("--join-eui", "the JoinEUI is missing", "add --join-eui EUI");
  const told = settings as { region?: string; subBand?: number } | undefined;
  const serialPrefix = flags.serialPrefix ?? before?.serialPrefix;
  const region = told?.region ?? flags.region ?? before?.region;
  const subBand = told?.subBand ?? flags.subBand ?? before?.subBand;
  const kind = flags.nvs ?? before?.nvs?.kind;
  const plan: BatchPlan = {
    count,
    algorithm: flags.algorithm ?? before?.algorithm ?? "ES256",
    joinEui,
    oemid: (flags.oemid ?? before?.oemid ?? oemidOf(flags, firstDevEui)).toLowerCase(),
    model: flags.model ?? before?.model ?? DEFAULT_MODEL,
    profile: flags.profile ?? before?.profile ?? DEFAULT_PROFILE,
    profileId: flags.profileId ?? before?.profileId ?? DEFAULT_PROFILE_ID,
    labels: flags.labels ?? before?.labels ?? ["png", "svg"],
    ...(serialPrefix === undefined ? {} : { serialPrefix }),
    ...(region === undefined ? {} : { region }),
    ...(subBand === undefined ? {} : { subBand }),
    ...(kind === undefined ? {} : { nvs: { kind, bytes: flags.nvsSize ?? before?.nvs?.bytes ?? NVS_BYTES } }),
  };
  const problem = planProblem(plan);
  if (problem !== undefined) throw missing(`--${problem.split(":")[0]}`, `this cannot be: ${problem}`, "mend the flag");
  if (plan.nvs !== undefined && plan.algorithm !== "ES256") {
    const next = "leave --algorithm out, or --nvs";
    throw missing("--nvs, --algorithm", "the firmware signs by ES256 and would take the key for one of P-256", next);
  }
  return plan;
}

/** DevEUIs that the flags name one by one; undefined for a block. Throws CommandError. */
export function listedDevEuis({ devEuiList, macList, count }: ProvisionFlags): string[] | undefined {
  const path = devEuiList ?? macList;
  if (path === undefined) return undefined;
  const flag = devEuiList === undefined ? "--mac-list" : "--dev-eui-list";
  const parse = devEuiList === undefined ? eui64FromMac : parseEui64;
  const found: string[] = [];
  const lines = readText(path, flag).split(/\r?\n/);
  for (const [i, line] of lines.entries()) {
    const text = line.trim();
    if (text === "" || text.startsWith("#")) continue;
    const devEui = parse(text);
    const problem = devEui === undefined ? "not-hexadecimal" : devEuiProblem(devEui);
    if (devEui === undefined || problem !== undefined) {
      throw missing(`${flag} ${path}, line ${i + 1}`, `this names no node: ${problem}`, "mend that line");
    }
    found.push(devEui);
  }
  if (count !== undefined && count !== found.length) {
    throw missing(`--count, ${flag}`, `the list has ${found.length} lines, not ${count}`, "leave --count out");
  }
  if (found.length === 0) throw missing(`${flag} ${path}`, "the list is empty", "write one a line");
  return found;
}

/** The content of --node-config. Throws CommandError. */
export function readSettings(path: string): object {
  const text = readText(path, "--node-config");
  let value: unknown;
  try {
    value = text.length > MAX_SETTINGS_LENGTH ? undefined : JSON.parse(text);
  } catch {
    value = undefined; // JSON's own message would repeat the text, and passwords stand in it
  }
  const settings = asObject(value);
  if (settings === undefined) throw missing(`--node-config ${path}`, "this is not a JSON object", "mend the file");
  const own = OWN_MEMBERS.find((name) => name in settings);
  if (own !== undefined) {
    throw missing(
      `--node-config ${path}, at ${own}`,
      "this is not for the file to say: flags do",
      "take it out of the file",
    );
  }
  return settings;
}

export function missing(where: string, what: string, next: string): CommandError {
  return new CommandError(what, where, next);
}

/** The owner of a block of DevEUIs is their maker; of a chip's MAC address that is not so. */
function oemidOf({ devEuiBlock }: ProvisionFlags, firstDevEui: string): string {
  if (devEuiBlock !== undefined) return firstDevEui.slice(0, 6);
  throw missing("--oemid", "these DevEUIs do not say who makes the nodes", "add --oemid HEX, the maker's IEEE MA-L");
}

function readText(path: string, flag: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    throw missing(`${flag} ${path}`, `the file cannot be read: ${code}`, "check the path and that you may read it");
  }
}

function block(text: string): EuiBlock {
  const parsed = parseEuiBlock(text);
  if (parsed === undefined) {
    throw new InvalidArgumentError("FIRST/BITS is needed (70b3d57ed0050000/48), or FIRST-LAST, of 16 digits each.");
  }
  return parsed;
}

function eui(text: string): string {
  const parsed = parseEui64(text);
  if (parsed === undefined) throw new InvalidArgumentError("16 hexadecimal digits are needed.");
  return parsed;
}

function labels(text: string): LabelKind[] {
  const kinds = text === "none" ? [] : [...new Set(text.split(","))].sort();
  if (!kinds.every((kind) => kind === "png" || kind === "svg"))
    throw new InvalidArgumentError("png, svg, png,svg or none.");
  return kinds as LabelKind[];
}

function serialPrefix(text: string): string {
  if (!SERIAL.test(`${text}00000`)) throw new InvalidArgumentError("Up to 27 of A-Z, 0-9 and $%*+-./ are needed.");
  return text;
}

function nvsSize(text: string): number {
  const bytes = Number(text);
  if (!(bytes >= MIN_PAGES * PAGE_BYTES && bytes <= MAX_NVS_BYTES && bytes % PAGE_BYTES === 0)) {
    throw new InvalidArgumentError(`A multiple of ${PAGE_BYTES} from ${MIN_PAGES * PAGE_BYTES} on is needed.`);
  }
  return bytes;
}

function integer(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max))
      throw new InvalidArgumentError(`A whole number from ${min} to ${max} is needed.`);
    return value;
  };
}
