/**
 * Model of a Microchip ATECC608B at the level of its I2C bytes (data sheet of its public variants: I/O transactions "4.1", status codes
 * "4.3", wake "7.1.1", word addresses "7.2.1", transmission "7.5", AC parameters "8.3"). Asleep, idle, waking or busy it acknowledges
 * nothing; its watchdog runs from the wake on and ends in sleep; a command that would not fit before it is refused (0xee).
 *
 *   off --power--> asleep --SDA low for tWLO--> waking --tWHI--> awake --command--> busy --time--> awake
 *                    ^                            ^                |
 *                    +------ sleep, watchdog -----|----------------+
 *                                       idle <----|---- idle ------+      (idle keeps the buffers, sleep does not)
 *                                         +-------+
 */
import type { RandomStream } from "../random-stream.ts";
import { Atecc608Execution, longestExecutionMs, type Outcome, STATUS } from "./atecc608-execution.ts";
import type { Atecc608Memory } from "./atecc608-memory.ts";
import { ChipFaults } from "./chip-faults.ts";
import type { I2cChip } from "./i2c-bus.ts";

const WAKE_LOW_US = 60;
const WAKE_HIGH_US = 1500;
const WATCHDOG_US = 1_300_000;
const MIN_GROUP_BYTES = 7;
const MAX_GROUP_BYTES = 155;

export interface Atecc608ChipOptions {
  nowUs: () => number;
  memory: Atecc608Memory;
  /** Random numbers, keys, and the spread of execution times. */
  random: RandomStream;
  /** 700,000 to 1,700,000; typically 1,300,000, the default. */
  watchdogUs?: number;
  /** tWHI; a chip that tests itself at each wake takes 20,000. */
  wakeUs?: number;
}

type State = "off" | "asleep" | "idle" | "awake";

export class Atecc608Chip implements I2cChip {
  readonly faults = new ChipFaults();
  /** Commands that were executed or refused, by opcode, in order. */
  readonly received: number[] = [];
  /** What a host may not do: a reserved word address, or a transfer in the first 1.5 ms after a wake (SDA is to stay high for tWHI). */
  violations = 0;
  wakes = 0;
  #options: Atecc608ChipOptions;
  #execution: Atecc608Execution;
  #state: State = "asleep";
  #buffers: { tempKey: Uint8Array | undefined; messageDigest: Uint8Array | undefined } = {
    tempKey: undefined,
    messageDigest: undefined,
  };
  #readyUs = 0;
  #quietUs = 0;
  #watchdogUs = 0;
  #pending: Outcome | undefined;
  #input: number[] = [];
  #output = new Uint8Array(0);
  #outputAt = 0;
  #damagedCommands = 0;
  #forced: (number | undefined)[] = [];

  constructor(options: Atecc608ChipOptions) {
    this.#options = options;
    this.#execution = new Atecc608Execution(options.memory, options.random);
  }

  get isAwake(): boolean {
    this.#update();
    return this.#state === "awake";
  }

  get isIdle(): boolean {
    return this.#state === "idle";
  }

  /** One bit turns in each of the next `count` commands, on their way in. */
  damageNextCommands(count: number): void {
    this.#damagedCommands = count;
  }

  /** The next commands are answered by these status bytes and do nothing; undefined lets one through. */
  answerNext(...statuses: (number | undefined)[]): void {
    this.#forced = statuses;
  }

  /** What every transfer to address 0 does to the SDA line, at the bus clock `hz`: nobody acknowledges, and a long low wakes the chip. */
  sdaLine(hz: number): I2cChip {
    const pull = (): boolean => {
      // Eight address bits, all zero.
      if (8_000_000 / hz >= WAKE_LOW_US) this.wake();
      return false;
    };
    return { write: pull, read: pull };
  }

  /** SDA was low for long enough: a wake from our driver, or someone else's bytes on a slow bus. Awake it makes no difference. */
  wake(): void {
    this.#update();
    if (this.#state !== "asleep" && this.#state !== "idle") return;
    const nowUs = this.#options.nowUs();
    this.#state = "awake";
    this.wakes++;
    this.#quietUs = nowUs + WAKE_HIGH_US;
    this.#readyUs = nowUs + (this.#options.wakeUs ?? WAKE_HIGH_US);
    this.#watchdogUs = nowUs + (this.#options.watchdogUs ?? WATCHDOG_US);
    this.#answer(new Uint8Array([STATUS.afterWake]));
  }

  /** The supply fails; what was being written may be there in part. */
  cutPower(): void {
    this.#update();
    this.#pending?.cut?.();
    this.#sleep();
    this.#state = "off";
  }

  restorePower(): void {
    if (this.#state === "off") this.#state = "asleep";
  }

  write(bytes: Uint8Array): boolean {
    if (!this.#acknowledges()) return false;
    switch (bytes[0]) {
      case 0x00:
        this.#outputAt = 0;
        this.#input.length = 0;
        return true;
      case 0x01:
        this.#sleep();
        return true;
      case 0x02:
        this.#input.length = 0;
        this.#state = "idle";
        return true;
      case 0x03:
        for (let i = 1; i < bytes.length; i++) this.#input.push(bytes[i]);
        if (this.#input.length >= this.#input[0]) this.#takeGroup();
        return true;
      default:
        this.violations++;
        return true;
    }
  }

  read(into: Uint8Array): boolean {
    // In the middle of a command group nothing can be read.
    if (!this.#acknowledges() || this.#input.length > 0) return false;
    for (let i = 0; i < into.length; i++) {
      into[i] = this.#outputAt < this.#output.length ? this.#output[this.#outputAt] : 0xff;
      this.#outputAt++;
    }
    if (this.faults.takeCorruption())
      into[this.#options.random.below(into.length)] ^= 1 << this.#options.random.below(8);
    return true;
  }

  #acknowledges(): boolean {
    this.#update();
    if (this.#state === "awake" && this.#options.nowUs() < this.#quietUs) this.violations++;
    return this.#state === "awake" && this.#options.nowUs() >= this.#readyUs && !this.faults.takeNack();
  }

  /** Brings the chip to the present: first a command that is over, then the watchdog. */
  #update(): void {
    const nowUs = this.#options.nowUs();
    if (this.#pending !== undefined && nowUs >= this.#readyUs) {
      this.#pending.commit?.();
      this.#pending = undefined;
    }
    if (this.#state === "awake" && nowUs >= this.#watchdogUs) this.#sleep();
  }

  #sleep(): void {
    this.#state = "asleep";
    this.#pending = undefined;
    this.#input.length = 0;
    this.#output = new Uint8Array(0);
    this.#buffers.tempKey = undefined;
    this.#buffers.messageDigest = undefined;
  }

  #takeGroup(): void {
    const { nowUs, memory, random } = this.#options;
    const group = new Uint8Array(this.#input);
    this.#input.length = 0;
    if (this.#damagedCommands > 0) {
      this.#damagedCommands--;
      group[1 + random.below(group.length - 1)] ^= 1 << random.below(8);
    }
    const count = group[0];
    const isWhole = count === group.length && count >= MIN_GROUP_BYTES && count <= MAX_GROUP_BYTES;
    if (!isWhole || groupChecksum(group, count - 2) !== (group[count - 2] | (group[count - 1] << 8))) {
      this.#answer(new Uint8Array([STATUS.crc]));
      return;
    }
    const opcode = group[1];
    this.received.push(opcode);
    const longestUs = longestExecutionMs(opcode, memory.clockDivider) * 1000;
    if (nowUs() + longestUs > this.#watchdogUs) {
      this.#answer(new Uint8Array([STATUS.watchdog]));
      return;
    }
    const forced = this.#forced.shift();
    const outcome: Outcome =
      forced === undefined
        ? this.#execution.run(group.subarray(1, count - 2), this.#buffers)
        : { answer: new Uint8Array([forced]) };
    this.#pending = outcome;
    this.#readyUs = nowUs() + Math.ceil(longestUs * (0.6 + 0.4 * random.unit()));
    this.#answer(outcome.answer);
  }

  #answer(data: Uint8Array): void {
    const output = new Uint8Array(data.length + 3);
    output[0] = output.length;
    output.set(data, 1);
    const crc = groupChecksum(output, output.length - 2);
    output[output.length - 2] = crc & 0xff;
    output[output.length - 1] = crc >>> 8;
    this.#output = output;
    this.#outputAt = 0;
  }
}

/**
 * x^16 + x^15 + x^2 + 1, register 0 at first, lowest bit of each byte first: as a division in reflected form, turned round at the end.
 * Written apart from the driver's, so that neither covers an error of the other.
 */
function groupChecksum(bytes: Uint8Array, length: number): number {
  let remainder = 0;
  for (let i = 0; i < length; i++) {
    remainder ^= bytes[i];
    for (let bit = 0; bit < 8; bit++) remainder = (remainder >>> 1) ^ ((remainder & 1) !== 0 ? 0xa001 : 0);
  }
  let turned = 0;
  for (let bit = 0; bit < 16; bit++) turned = (turned << 1) | ((remainder >>> bit) & 1);
  return turned;
}
