// The modules of the Moddable SDK 8.2.3 that the platform imports, as far as it uses them.

declare module "timer" {
  export interface TimerId {
    readonly timer: unique symbol;
  }
  const Timer: {
    set(callback: () => void, delayMs: number): TimerId;
    clear(id: TimerId | undefined): void;
  };
  export default Timer;
}

declare module "embedded:io/i2c" {
  export interface I2COptions {
    data: number;
    clock: number;
    address: number;
    hz: number;
    /** Milliseconds; 400 unless told otherwise. */
    timeout?: number;
  }
  export default class I2C {
    constructor(options: I2COptions);
    read(buffer: Uint8Array): number;
    write(buffer: Uint8Array): void;
    close(): void;
  }
}

declare module "embedded:io/spi" {
  export interface SPIOptions {
    clock: number;
    in: number;
    out: number;
    select: number;
    /** Level of the selected chip. */
    active: 0 | 1;
    hz: number;
    mode: 0 | 1 | 2 | 3;
    port: number;
  }
  export default class SPI {
    constructor(options: SPIOptions);
    transfer(buffer: Uint8Array): void;
    /** Waits for the end of the transfer; with true, also lets go of the chip select. */
    flush(deselect?: boolean): void;
    close(): void;
  }
}

declare module "embedded:io/digital" {
  export interface DigitalOptions {
    pin: number;
    mode: number;
    edge?: number;
    initialValue?: number;
    onReadable?: () => void;
  }
  export default class Digital {
    static readonly Input: number;
    static readonly InputPullUp: number;
    static readonly Output: number;
    static readonly OutputOpenDrain: number;
    static readonly Rising: number;
    static readonly Falling: number;
    constructor(options: DigitalOptions);
    read(): number;
    write(value: number): void;
    close(): void;
  }
}

declare module "embedded:io/analog" {
  export default class Analog {
    constructor(options: { pin: number });
    /** Undefined when the conversion failed. */
    read(): number | undefined;
    readonly resolution: number;
    close(): void;
  }
}

declare module "embedded:io/serial" {
  export interface SerialOptions {
    port: number;
    receive?: number;
    transmit: number;
    baud: number;
    format: "buffer";
    /** The transmitter has room for so many bytes. */
    onWritable?: (bytes: number) => void;
  }
  export default class Serial {
    constructor(options: SerialOptions);
    /** Throws when there is no room for all of it. */
    write(buffer: Uint8Array): void;
    close(): void;
  }
}

declare module "embedded:storage/key-value" {
  export interface Directory {
    read(key: string): ArrayBuffer | undefined;
    write(key: string, value: Uint8Array): void;
    delete(key: string): void;
    close(): void;
  }
  export interface TextDirectory {
    read(key: string): string | undefined;
    close(): void;
  }
  const storage: {
    open(options: { path: string; mode?: "r" | "r+"; format: "buffer" }): Directory;
    open(options: { path: string; mode?: "r" | "r+"; format: "string" }): TextDirectory;
  };
  export default storage;
}

declare module "embedded:storage/flash" {
  export interface FlashPartition {
    read(buffer: Uint8Array, offset: number): number;
    write(buffer: Uint8Array, offset: number): void;
    eraseBlock(first: number, end?: number): void;
    status(): { size: number; blocks: number; blockLength: number };
    close(): void;
  }
  const flash: { open(options: { path: string }): FlashPartition };
  export default flash;
}

declare module "embedded:network/interface/wifi" {
  export default class WiFi {
    constructor(options: { onChanged?: (this: WiFi, property: string) => void });
    connect(options: { SSID: string; password?: string; secure?: boolean }): void;
    disconnect(): void;
    close(): void;
    /** 200 not connected, 300 connecting, 400 connected, 500 with an address. */
    readonly connection: number;
  }
}

declare module "embedded:io/socket/tcp" {
  export default class TCP {
    constructor(options: object);
  }
}

declare module "embedded:io/socket/udp" {
  export default class UDP {
    constructor(options: { onReadable?: (packets: number) => void });
    /** One packet. */
    read(): ArrayBuffer;
    write(packet: Uint8Array, address: string, port: number): void;
    close(): void;
  }
}

declare module "embedded:network/mqtt/client" {
  import type TCP from "embedded:io/socket/tcp";

  export interface ResolveRequest {
    host: string;
    onResolved: (host: string, address: string) => void;
    onError: (host: string) => void;
  }
  export interface Resolver {
    resolve(request: ResolveRequest): void;
  }
  export interface MqttMessage {
    operation: number;
    id?: number;
  }
  export interface MqttPart {
    /** Present with the first part of a message. */
    topic?: string;
    byteLength?: number;
    /** More parts of this message follow. */
    more: boolean;
  }
  export interface MqttOptions {
    host: string;
    port: number;
    id: string;
    user?: string;
    password?: string;
    clean: boolean;
    keepalive: number;
    socket: { io: typeof TCP };
    dns: { io: new () => Resolver };
    onControl?: (message: MqttMessage) => void;
    onReadable?: (bytes: number, part: MqttPart) => void;
    onError?: () => void;
  }
  export interface MqttWrite {
    operation?: number;
    topic?: string;
    QoS?: number;
    items?: { topic: string; QoS: number }[];
  }
  export default class MQTTClient {
    static readonly CONNACK: number;
    static readonly SUBSCRIBE: number;
    constructor(options: MqttOptions);
    write(data: Uint8Array | null, options: MqttWrite): number;
    read(count: number): ArrayBuffer;
    close(): void;
  }
}
