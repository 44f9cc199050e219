import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { inspectToolchain, SDK_VERSION } from "../../../../tools/flashing/toolchain.ts";

const TOOLS = ["mcconfig", "xsc", "xsl", "xsid", "mcrez"];

describe("what a build needs of the machine", () => {
  let folder: string;
  let env: NodeJS.ProcessEnv;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "groundtruth-toolchain-"));
    env = {
      PATH: `${join(folder, "bin")}:/usr/bin:/bin`,
      MODDABLE: join(folder, "sdk"),
      IDF_PATH: join(folder, "idf"),
    };
    const bin = process.platform === "darwin" ? "mac" : "lin";
    write("sdk/tools/VERSION", `${SDK_VERSION}\n`);
    write("sdk/build/devices/esp32/manifest.json", '{"build":{"EXPECTED_ESP_IDF":"v6.0"}}');
    for (const tool of TOOLS) write(`sdk/build/bin/${bin}/release/${tool}`, "");
    write("idf/tools/idf.py", "");
    write("idf/version.txt", "v6.0\n");
    for (const tool of ["make", "idf.py"]) {
      write(`bin/${tool}`, "#!/bin/sh\nexit 0\n");
      chmodSync(join(folder, "bin", tool), 0o755);
    }
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  function write(path: string, text: string): void {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }

  it("with everything there, nothing is missing", () => {
    const { sdk, idf, lacksForJavaScript, lacksForImage, warnings } = inspectToolchain(env, "esp32s3");
    assert.deepEqual([lacksForJavaScript, lacksForImage, warnings], [[], [], []]);
    assert.equal(sdk?.version, SDK_VERSION);
    assert.equal(idf?.version, "v6.0");
  });

  it("without an SDK nothing can be built, and xs-dev brings one", () => {
    const { sdk, lacksForJavaScript } = inspectToolchain({ ...env, MODDABLE: undefined }, "esp32s3");
    assert.equal(sdk, undefined);
    assert.deepEqual(lacksForJavaScript, [
      { what: "no Moddable SDK: MODDABLE is not set", command: "npx xs-dev setup" },
    ]);
  });

  it("an SDK whose tools are not built is named with what it lacks", () => {
    rmSync(join(folder, "sdk/build/bin"), { recursive: true });
    assert.match(inspectToolchain(env, "esp32s3").lacksForJavaScript[0].what, /tools are not built: mcconfig/);
  });

  it("another version of the SDK is said, and tried", () => {
    write("sdk/tools/VERSION", "9.0.0\n");
    const { sdk, warnings } = inspectToolchain(env, "esp32s3");
    assert.ok(sdk !== undefined);
    assert.match(warnings[0], /9\.0\.0.*8\.2\.3/);
  });

  it("without ESP-IDF: the version that the SDK asks for, and the command for the board's chip", () => {
    const { sdk, idf, lacksForImage } = inspectToolchain({ ...env, IDF_PATH: undefined }, "esp32c3");
    assert.ok(sdk !== undefined, "the JavaScript half can be built");
    assert.equal(idf, undefined);
    assert.equal(lacksForImage[0].what, "no ESP-IDF v6.0: IDF_PATH is not set");
    assert.match(lacksForImage[0].command, /^git clone -b v6\.0 --recursive .*install\.sh esp32c3 && \. .*export\.sh$/);
  });

  it("the SDK's own wish decides which ESP-IDF it is", () => {
    write("sdk/build/devices/esp32/manifest.json", '{"build":{"EXPECTED_ESP_IDF":"v7.1"}}');
    assert.equal(inspectToolchain(env, "esp32").lacksForImage[0].what, "ESP-IDF v6.0, and v7.1 is needed");
  });

  it("a folder without ESP-IDF, another version, and an environment that is not set up are told apart", () => {
    const lack = (): string => inspectToolchain(env, "esp32").lacksForImage[0].what;
    write("idf/version.txt", "v5.4.1\n");
    assert.equal(lack(), "ESP-IDF v5.4.1, and v6.0 is needed");
    write("idf/version.txt", "v6.0.2\n");
    rmSync(join(folder, "bin/idf.py"));
    assert.match(lack(), /idf\.py does not run/);
    rmSync(join(folder, "idf"), { recursive: true });
    assert.match(lack(), /none is in/);
  });
});
