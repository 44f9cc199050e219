/** What a build needs of the machine, checked before anything is built: what is missing, and the command that brings it. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { findSdk, MissingTool, type Sdk } from "../../host-sim/xs/linked/sdk.ts";

/** The Moddable SDK that the firmware is made for: its modules and its linker's output are what the tests hold it to. */
export const SDK_VERSION = "8.2.3";

/** Something that the machine lacks. */
export interface Lack {
  readonly what: string;
  /** What to type to have it. */
  readonly command: string;
}

export interface Toolchain {
  /** Undefined when even the JavaScript half cannot be built. */
  readonly sdk: Sdk | undefined;
  /** Undefined when ESP-IDF's half cannot be built. */
  readonly idf: { readonly path: string; readonly version: string } | undefined;
  /** Why the JavaScript half cannot be built. */
  readonly lacksForJavaScript: readonly Lack[];
  /** Why ESP-IDF's half cannot be built. */
  readonly lacksForImage: readonly Lack[];
  /** Worth saying, but no reason not to build. */
  readonly warnings: readonly string[];
}

const SDK_COMMAND = "npx xs-dev setup";

/** Looks at the environment; installs and changes nothing. */
export function inspectToolchain(env: NodeJS.ProcessEnv, chip: string): Toolchain {
  const lacksForJavaScript: Lack[] = [];
  const warnings: string[] = [];
  let sdk: Sdk | undefined;
  try {
    sdk = findSdk(env);
    if (sdk === undefined)
      lacksForJavaScript.push({ what: `no Moddable SDK: MODDABLE is not set`, command: SDK_COMMAND });
  } catch (error) {
    if (!(error instanceof MissingTool)) throw error;
    lacksForJavaScript.push({ what: error.message, command: SDK_COMMAND });
  }
  if (sdk !== undefined && sdk.version !== SDK_VERSION) {
    warnings.push(`Moddable SDK ${sdk.version}: the firmware is made for and tested with ${SDK_VERSION}`);
  }
  // The SDK's environment has the project's own tsc.
  const needed = sdk === undefined ? [] : [["make", "apt-get install make"] as const, ["tsc", "npm ci"] as const];
  for (const [tool, command] of needed) {
    if (!runs(tool, "--version", sdk?.env ?? env)) lacksForJavaScript.push({ what: `${tool} does not run`, command });
  }
  const wanted = sdk === undefined ? "v6.0" : expectedIdf(sdk);
  const { idf, lacks } = inspectIdf(env, wanted, chip);
  return {
    sdk: lacksForJavaScript.length === 0 ? sdk : undefined,
    idf,
    lacksForJavaScript,
    lacksForImage: lacks,
    warnings,
  };
}

/** The version of ESP-IDF that the SDK asks for, as a tag: "v6.0". */
export function expectedIdf(sdk: Sdk): string {
  const manifest = join(sdk.root, "build", "devices", "esp32", "manifest.json");
  return JSON.parse(readFileSync(manifest, "utf8")).build.EXPECTED_ESP_IDF;
}

function inspectIdf(
  env: NodeJS.ProcessEnv,
  wanted: string,
  chip: string,
): { idf: Toolchain["idf"]; lacks: readonly Lack[] } {
  const folder = `~/esp32/esp-idf-${wanted}`;
  const clone = `git clone -b ${wanted} --recursive https://github.com/espressif/esp-idf.git ${folder}`;
  const bring = `${clone} && ${folder}/install.sh ${chip} && . ${folder}/export.sh`;
  const lack = (what: string, command: string) => ({ idf: undefined, lacks: [{ what, command }] });
  const path = env.IDF_PATH;
  if (!path) return lack(`no ESP-IDF ${wanted}: IDF_PATH is not set`, bring);
  if (!existsSync(join(path, "tools", "idf.py")))
    return lack(`no ESP-IDF ${wanted}: none is in ${path} (IDF_PATH)`, bring);
  const version = idfVersion(path, env);
  if (version === undefined)
    return lack(`ESP-IDF in ${path} does not tell its version, and ${wanted} is needed`, bring);
  if (version !== wanted && !version.startsWith(`${wanted}.`))
    return lack(`ESP-IDF ${version}, and ${wanted} is needed`, bring);
  if (!runs("idf.py", "--version", env))
    return lack(`ESP-IDF's environment is not set up: idf.py does not run`, `. ${path}/export.sh`);
  return { idf: { path, version }, lacks: [] };
}

/** From its release file, or from git as the SDK's own makefile asks. */
function idfVersion(path: string, env: NodeJS.ProcessEnv): string | undefined {
  const file = join(path, "version.txt");
  if (existsSync(file)) return readFileSync(file, "utf8").trim();
  const git = spawnSync("git", ["describe", "--always", "--abbrev=0"], { cwd: path, env, encoding: "utf8" });
  return git.status === 0 ? git.stdout.trim() : undefined;
}

function runs(tool: string, argument: string, env: NodeJS.ProcessEnv): boolean {
  return spawnSync(tool, [argument], { env, stdio: "ignore" }).status === 0;
}
