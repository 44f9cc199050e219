import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import fc from "fast-check";
import { NativeLink } from "../../../../tools/serial/native-link.ts";
import { createLink } from "../../../../tools/serial/open-link.ts";
import { comPortCommand } from "../../../../tools/serial/rfc2217.ts";
import { Rfc2217Link } from "../../../../tools/serial/rfc2217-link.ts";
import { Rfc2217Server, type SerialDevice } from "../../../../tools/serial/rfc2217-server.ts";
import { SerialError, type SerialReason } from "../../../../tools/serial/serial-link.ts";
import { WebSerialPort } from "../../../../tools/serial/web-serial-port.ts";
import { counts } from "../../../counts.ts";

/** A device that writes down what happens to it. */
class Recorder implements SerialDevice {
  isPlugged = true;
  onSend: (bytes: Uint8Array) => void = () => {};
  onUnplugged = (): void => {};
  events: string[] = [];

  receive(bytes: Uint8Array): void {
    this.events.push(`data ${Buffer.from(bytes).toString("hex")}`);
  }

  setHostBaudRate(baudRate: number): void {
    this.events.push(`baud ${baudRate}`);
  }

  setLines(dtr: boolean | undefined, rts: boolean | undefined): void {
    this.events.push(`lines ${dtr} ${rts}`);
  }
}

function rejectsWith(reason: SerialReason): (error: unknown) => boolean {
  return (error) => error instanceof SerialError && error.reason === reason && error.next !== "";
}

describe("RFC 2217 client and server", () => {
  let device: Recorder;
  let server: Rfc2217Server;
  let port: number;
  let link: Rfc2217Link;

  beforeEach(async () => {
    device = new Recorder();
    server = new Rfc2217Server(device);
    port = await server.listen();
    link = new Rfc2217Link("127.0.0.1", port);
  });

  afterEach(async () => {
    await link.close();
    await server.close();
  });

  it("carries baud rate, lines and all 256 bytes, in order", async () => {
    const all = Uint8Array.from({ length: 256 }, (_, i) => i);
    await link.open(115200);
    device.events = [];
    await link.setBaudRate(921600);
    await link.write(all);
    await link.setBaudRate(9600);
    await link.setLines({ dtr: true });
    await link.setLines({ rts: true });
    assert.equal(device.events.filter((event) => event.startsWith("baud")).join(), "baud 921600,baud 9600");
    const data = device.events.filter((event) => event.startsWith("data")).map((event) => event.slice(5));
    assert.equal(data.join(""), Buffer.from(all).toString("hex"));
    assert.ok(device.events.indexOf("baud 9600") > device.events.indexOf(`data ${data.at(-1)}`));
    const back: number[] = [];
    const complete = new Promise<void>((resolve) => {
      link.onData = (bytes) => {
        back.push(...bytes);
        if (back.length === 256) resolve();
      };
    });
    device.onSend(all);
    await complete;
    assert.deepEqual(back, [...all]);
  });

  it("keeps the state between reset and bootloader from the board, where a client sets one line at a time", async () => {
    await link.open(115200);
    device.events = [];
    await link.setLines({ rts: true });
    await link.setLines({ dtr: true });
    await link.setLines({ rts: false });
    await link.setLines({ dtr: false });
    assert.deepEqual(device.events, ["lines false true", "lines true false", "lines false false"]);
  });

  it("releases the lines when the client has gone", async () => {
    await link.open(115200);
    await link.setLines({ rts: true });
    const gone = new Promise<void>((resolve) => {
      server.onClient = (event) => void (event === "gone" && resolve());
    });
    await link.close();
    await gone;
    assert.equal(device.events.at(-1), "lines false false");
  });

  it("has one user at a time, and none while the cable is out", async () => {
    await link.open(115200);
    const second = new Rfc2217Link("127.0.0.1", port);
    await assert.rejects(second.open(115200), rejectsWith("busy"));
    await link.setBaudRate(57600);
    const lost = new Promise<SerialError>((resolve) => {
      link.onLost = resolve;
    });
    device.isPlugged = false;
    device.onUnplugged();
    assert.equal((await lost).reason, "lost");
    await assert.rejects(link.setBaudRate(115200), rejectsWith("lost"));
    await assert.rejects(link.write(Uint8Array.of(1)), rejectsWith("lost"));
    await assert.rejects(second.open(115200), rejectsWith("busy"));
    device.isPlugged = true;
    await second.open(115200);
    await second.close();
  });

  it("holds data back while the client asks for it (FLOWCONTROL-SUSPEND), and answers every command of RFC 2217", async () => {
    const socket = connect(port, "127.0.0.1");
    const chunks: Buffer[] = [];
    socket.on("data", (bytes) => chunks.push(bytes));
    await once(socket, "connect");
    const say = async (...bytes: Uint8Array[]): Promise<Buffer> => {
      chunks.length = 0;
      // A signature is asked for last: when its answer is there, the others are.
      socket.write(Buffer.concat([...bytes, comPortCommand(0, new Uint8Array(0))]));
      const end = Buffer.from(comPortCommand(100, Buffer.from("groundtruth")));
      while (!Buffer.concat(chunks).includes(end)) await once(socket, "data");
      return Buffer.concat(chunks);
    };
    await say();
    for (const [command, value, answer] of [
      [1, [0, 0, 0, 0], [0, 1, 194, 0]],
      [1, [255, 255, 255, 255], [0, 1, 194, 0]],
      [2, [7], [8]],
      [3, [3], [1]],
      [4, [2], [1]],
      [5, [0], [1]],
      [5, [4], [6]],
      [5, [5], [6]],
      [5, [7], [9]],
      [5, [8], [8]],
      [5, [10], [12]],
      [5, [11], [11]],
      [5, [13], [14]],
      [7, [], [0x30]],
      [10, [255], [255]],
      [11, [16], [16]],
      [12, [3], [3]],
    ] as [number, number[], number[]][]) {
      const heard = await say(comPortCommand(command, Uint8Array.from(value)));
      assert.ok(
        heard.includes(Buffer.from(comPortCommand(command + 100, Uint8Array.from(answer)))),
        `${command} ${value}`,
      );
    }
    await say(comPortCommand(8, new Uint8Array(0)));
    device.onSend(Buffer.from("held"));
    assert.ok(!(await say()).includes("held"));
    assert.ok((await say(comPortCommand(9, new Uint8Array(0)))).includes("held"));
    socket.destroy();
  });

  it("takes any bytes from a client, and serves the next one", async () => {
    for (let run = 0; run < counts(20, 300); run++) {
      const [bytes] = fc.sample(fc.uint8Array({ minLength: 1, maxLength: 2000 }), { numRuns: 1, seed: run });
      const socket = connect(port, "127.0.0.1");
      socket.on("error", () => {});
      await once(socket, "connect");
      socket.end(Buffer.concat([Buffer.from([255, 250, 44]), bytes]));
      socket.resume();
      await once(socket, "close");
    }
    // The last one's end may still be on its way to the server.
    for (let tries = 0; ; tries++) {
      try {
        await link.open(115200);
        break;
      } catch (error) {
        if (tries === 20) throw error;
      }
    }
  });
});

describe("RFC 2217 client against servers that are none", () => {
  let server: Server;
  let sockets: Socket[];

  const serve = async (behave: (socket: Socket) => void): Promise<Rfc2217Link> => {
    sockets = [];
    server = createServer((socket) => {
      sockets.push(socket);
      socket.on("error", () => {});
      behave(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new Rfc2217Link("127.0.0.1", (server.address() as { port: number }).port);
  };

  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });

  it("says so when the COM port option is refused", async () => {
    const link = await serve((socket) => socket.write(Uint8Array.of(255, 254, 44, 255, 252, 44)));
    await assert.rejects(link.open(115200), rejectsWith("not-rfc2217"));
  });

  it("does not wait for ever", async () => {
    const link = await serve((socket) => socket.resume());
    await assert.rejects(link.open(115200), rejectsWith("no-answer"));
  });

  it("takes any bytes from a server", async () => {
    for (let run = 0; run < counts(20, 200); run++) {
      const [bytes] = fc.sample(fc.uint8Array({ minLength: 1, maxLength: 2000 }), { numRuns: 1, seed: run });
      const link = await serve((socket) => socket.end(bytes));
      await assert.rejects(link.open(115200), SerialError);
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    }
    await serve(() => {});
  });
});

describe("what --port may name", () => {
  it("rfc2217://HOST:PORT, IPv6 and port 80 included", () => {
    for (const [text, name] of [
      ["rfc2217://localhost:2217", "rfc2217://localhost:2217"],
      ["rfc2217://[::1]:4000", "rfc2217://[::1]:4000"],
      ["rfc2217://10.0.0.7:80", "rfc2217://10.0.0.7:80"],
    ]) {
      const link = createLink(text);
      assert.ok(link instanceof Rfc2217Link);
      assert.equal(link.name, name);
    }
  });

  it("a serial port of this machine", () => {
    for (const name of ["/dev/ttyUSB0", "COM3", "/dev/cu.usbserial-1"])
      assert.ok(createLink(name) instanceof NativeLink);
  });

  it("nothing else", () => {
    for (const name of [
      "",
      "rfc2217://",
      "rfc2217://host",
      "rfc2217:host:1",
      "rfc2217://host:99999",
      "socket://host:1",
      "http://x:1",
    ])
      assert.throws(() => createLink(name), rejectsWith("bad-name"), name);
  });

  it("a port that is not there: says so", async () => {
    await assert.rejects(createLink("rfc2217://127.0.0.1:1").open(115200), rejectsWith("not-there"));
    await assert.rejects(createLink("/dev/there-is-none").open(115200), rejectsWith("not-there"));
  });
});

describe("a link in the shape of Web Serial", () => {
  it("streams both ways, fails its reader when the device is lost, and opens again", async () => {
    const device = new Recorder();
    const server = new Rfc2217Server(device);
    const link = new Rfc2217Link("127.0.0.1", await server.listen());
    const port = new WebSerialPort(link);
    assert.deepEqual([port.readable, port.writable, port.getInfo()], [null, null, {}]);
    await port.open({ baudRate: 115200 });
    await assert.rejects(port.open({ baudRate: 9600 }), { name: "InvalidStateError" });
    const reader = port.readable!.getReader();
    device.onSend(Uint8Array.of(1, 2));
    assert.deepEqual([...(await reader.read()).value!], [1, 2]);
    const writer = port.writable!.getWriter();
    await writer.write(Uint8Array.of(3));
    await port.setSignals({ dataTerminalReady: true, requestToSend: false });
    assert.deepEqual(device.events.slice(-3), ["data 03", "lines true false", "lines true false"]);
    const read = reader.read();
    device.onUnplugged();
    await assert.rejects(read, { name: "NetworkError" });
    await port.close();
    await port.open({ baudRate: 115200 });
    await port.close();
    await server.close();
  });
});
