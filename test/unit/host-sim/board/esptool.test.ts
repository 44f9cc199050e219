import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { ESPLoader, Transport } from "esptool-js";
import { CHIP_NAMES, CHIPS, type ChipName } from "../../../../host-sim/board/chip-identity.ts";
import { Rfc2217Link } from "../../../../tools/serial/rfc2217-link.ts";
import { WebSerialPort } from "../../../../tools/serial/web-serial-port.ts";
import { flashContent, MAC_TEXT, makeBoard, programBytes, type Served, serve } from "./bench.ts";

type WebSerial = ConstructorParameters<typeof Transport>[0];

describe("esptool-js's own loader against the modelled board", () => {
  let served: Served;
  let transport: Transport;
  let log: string[];

  afterEach(async () => {
    await transport.disconnect();
    await served.close();
  });

  async function connect(chip: ChipName, baudrate = 115200): Promise<ESPLoader> {
    served = await serve(makeBoard(chip));
    transport = new Transport(new WebSerialPort(new Rfc2217Link("127.0.0.1", served.number)) as unknown as WebSerial);
    // esptool-js prints some of its trace whatever it is told.
    transport.trace = () => {};
    log = [];
    const writeLine = (line: string): void => void log.push(line);
    const terminal = { clean: () => {}, writeLine, write: writeLine };
    return new ESPLoader({ transport, baudrate, terminal });
  }

  const md5 = (image: Uint8Array): string => createHash("md5").update(image).digest("hex");

  for (const chip of CHIP_NAMES) {
    for (const compress of [true, false]) {
      for (const baudrate of [115200, 460800, 921600]) {
        it(`${chip}: with its stub, ${compress ? "compressed" : "plain"}, at ${baudrate} baud`, async () => {
          const loader = await connect(chip, baudrate);
          await loader.main();
          assert.equal(loader.chip.CHIP_NAME, CHIPS[chip].title);
          assert.equal(loader.IS_STUB, true);
          assert.ok(log.includes(`MAC: ${MAC_TEXT}`), log.join("\n"));
          assert.ok(!log.some((line) => line.includes("Continuing at")), log.join("\n"));
          const data = programBytes(70_001, baudrate);
          const fileArray = [{ data, address: 0x10000 }];
          const options = { fileArray, compress, calculateMD5Hash: md5, eraseAll: false } as const;
          await loader.writeFlash({ ...options, flashMode: "keep", flashFreq: "keep", flashSize: "detect" });
          assert.ok(log.includes("Auto-detected Flash size: 4MB"), log.join("\n"));
          assert.ok(flashContent(served.board, 0x10000, data.length).equals(data));
        });
      }

      it(`${chip}: without its stub, ${compress ? "compressed" : "plain"}`, async () => {
        const loader = await connect(chip);
        await loader.detectChip();
        assert.equal(loader.chip.CHIP_NAME, CHIPS[chip].title);
        // esptool-js leaves out what its Python original sends to a ROM first: SPI_ATTACH.
        await loader.checkCommand("attach", loader.ESP_SPI_ATTACH, new Uint8Array(8));
        const data = programBytes(70_001, 5);
        const fileArray = [{ data, address: 0x10000 }];
        const options = { fileArray, compress, eraseAll: false } as const;
        await loader.writeFlash({ ...options, flashMode: "keep", flashFreq: "keep", flashSize: "detect" });
        assert.ok(flashContent(served.board, 0x10000, data.length).equals(data));
        // It takes the ROM's 32 hexadecimal digits for raw bytes.
        const digits = Buffer.from(await loader.flashMd5sum(0x10000, data.length), "hex").toString("latin1");
        assert.equal(digits, md5(data));
      });
    }
  }

  it("reads flash back, and erases all of it", async () => {
    const loader = await connect("esp32c3");
    await loader.main();
    const data = programBytes(10_000);
    served.board.flashChip.write(0x3000, data);
    assert.ok(Buffer.from(await loader.readFlash(0x3000, 10_000)).equals(data));
    await loader.eraseFlash();
    assert.ok(flashContent(served.board, 0, 4 << 20).every((byte) => byte === 0xff));
  });

  it("finds a stub that still runs, and does not upload it again", async () => {
    const first = await connect("esp32s3");
    await first.main();
    await transport.disconnect();
    transport = new Transport(new WebSerialPort(new Rfc2217Link("127.0.0.1", served.number)) as unknown as WebSerial);
    transport.trace = () => {};
    const lines: string[] = [];
    const writeLine = (line: string): void => void lines.push(line);
    const second = new ESPLoader({
      transport,
      baudrate: 115200,
      terminal: { clean() {}, writeLine, write: writeLine },
    });
    await second.main("no_reset");
    assert.ok(
      lines.some((line) => line.startsWith("Stub is already running")),
      lines.join("\n"),
    );
  });

  it("sees Secure Download Mode", async () => {
    served = await serve(makeBoard("esp32c6", { secureDownload: true }));
    transport = new Transport(new WebSerialPort(new Rfc2217Link("127.0.0.1", served.number)) as unknown as WebSerial);
    transport.trace = () => {};
    const loader = new ESPLoader({ transport, baudrate: 115200, terminal: { clean() {}, writeLine() {}, write() {} } });
    await loader.main();
    assert.equal(loader.secureDownloadMode, true);
    assert.equal(loader.IS_STUB, false);
  });

  it("takes the baud rate that its first bytes have, and hears nothing but noise at another", async () => {
    const loader = await connect("esp32");
    await loader.main();
    await served.board.setHostBaudRate(57_600);
    await assert.rejects(loader.readReg(0x40001000, 200));
    served.board.setHostBaudRate(115_200);
    assert.equal((await loader.readReg(0x40001000, 200)) >>> 0, 0x00f01d83);
  });
});
