/**
 * Flashes a board: compares what is there with what is to be there, writes the difference, verifies it, starts it and listens. A connection that is
 * lost is made again a few times, and what is already there is not written twice.
 *
 *     connect -> check -> compare -> write -> verify -> start
 *        ^                   |         |        |
 *        '---- lost, tries left -------'--------'
 */
import { createHash } from "node:crypto";
import type { ChipName } from "../../host-sim/board/chip-identity.ts";
import {
  holdsKeys,
  PARTITION_TABLE_LENGTH,
  PARTITION_TABLE_OFFSET,
  type Partition,
  parsePartitionTable,
} from "../../host-sim/board/partition-table.ts";
import { SerialError, type SerialLink } from "../serial/serial-link.ts";
import { FLASH_EXIT, FlashError } from "./flash-error.ts";
import { chooseBuild, type FlashBuild, type FlashSegment } from "./flash-image.ts";
import type { KnownSecret } from "./flash-keys.ts";
import {
  blankOtaData,
  type CheckedSegments,
  checkAgainstTable,
  checkBoard,
  checkSegments,
  type FlashPiece,
  piecesOf,
} from "./flash-plan.ts";
import { type FlashProgress, ProgressMeter } from "./flash-progress.ts";
import { FlashSession, isConnectionError } from "./flash-session.ts";

export interface FlashRequest {
  builds: readonly FlashBuild[];
  /** The only chip that will do. */
  chip?: ChipName;
  baudRate: number;
  useStub: boolean;
  /** Nothing is written. */
  dryRun: boolean;
  /** Bytes that must not be in an image. */
  secrets: readonly KnownSecret[];
  /** A node's record for the partition "nvs". */
  nodeRecord?: { name: string; bytes: Uint8Array };
  /** The keys on the board may be overwritten. */
  forgetKeys: boolean;
  /** How often a lost connection is made again. */
  retries: number;
  /** Waiting time before the first of them; it doubles. */
  retryDelayMs: number;
}

export interface BoardFound {
  chip: ChipName;
  title: string;
  mac: string;
  flashSize: number;
}

/** What will be, or was, written of a segment. */
export interface SegmentPlan {
  name: string;
  offset: number;
  size: number;
  /** Bytes that differ from what is there. */
  toWrite: number;
}

export interface FlashEvents {
  found(board: BoardFound): void;
  planned(segments: readonly SegmentPlan[]): void;
  progress(progress: FlashProgress): void;
  /** The connection was lost and is made again. */
  retrying(error: Error, triesLeft: number): void;
  /** What esptool-js says. */
  log(line: string): void;
}

export interface FlashResult {
  board: BoardFound;
  segments: SegmentPlan[];
}

/** A piece is tried so often on one connection. */
const PIECE_TRIES = 2;
/** Verifying failed so often: the flash does not keep what is written. */
const WRITE_ROUNDS = 3;

/** Flashes the board behind the link, and leaves it in its bootloader with the link closed. Throws FlashError or SerialError. */
export async function flashBoard(link: SerialLink, request: FlashRequest, events: FlashEvents): Promise<FlashResult> {
  const flashing = new Flashing(link, request, events);
  for (let triesLeft = request.retries, delayMs = request.retryDelayMs; ; triesLeft--, delayMs *= 2) {
    try {
      return await flashing.once();
    } catch (error) {
      if (!flashing.canResume(error)) throw error;
      if (triesLeft === 0) {
        const what = `the connection was lost ${request.retries + 1} times: ${(error as Error).message}`;
        throw new FlashError(
          FLASH_EXIT.lost,
          what,
          link.name,
          "check cable and power, and run the same command again: it goes on where it was",
        );
      }
      events.retrying(error, triesLeft);
      await new Promise((resolve) => setTimeout(resolve, delayMs));
    }
  }
}

class Flashing {
  #link: SerialLink;
  #request: FlashRequest;
  #events: FlashEvents;
  #board: BoardFound | undefined;
  #plan: SegmentPlan[] | undefined;

  constructor(link: SerialLink, request: FlashRequest, events: FlashEvents) {
    this.#link = link;
    this.#request = request;
    this.#events = events;
  }

  /** Once a board was found, a lost connection is worth another try, and so is a silent bootloader; whatever else a FlashError says stays so. */
  canResume(error: unknown): error is Error {
    if (this.#board === undefined) return false;
    return isConnectionError(error) || (error instanceof FlashError && error.exitCode === FLASH_EXIT.noBootloader);
  }

  async once(): Promise<FlashResult> {
    const { baudRate, useStub } = this.#request;
    const session = await FlashSession.open(this.#link, { baudRate, useStub, log: (line) => this.#events.log(line) });
    try {
      return await this.#flash(session);
    } finally {
      await session.close();
    }
  }

  async #flash(session: FlashSession): Promise<FlashResult> {
    const board = this.#meet(session);
    const { segments, all } = await this.#prepare(session);
    const pieces = piecesOf(segments);
    for (let round = 0; ; round++) {
      const different = await this.#compare(session, pieces, round === 0 ? "compare" : "verify");
      if (round === 0) this.#tellPlan(segments, different);
      if (different.length === 0 || this.#request.dryRun) return { board, segments: this.#plan ?? [] };
      if (round === WRITE_ROUNDS) {
        const where = `${different[0].segment.name} at 0x${different[0].offset.toString(16)}`;
        throw new FlashError(
          FLASH_EXIT.notVerified,
          "what was written does not read back",
          where,
          "replace the board: its flash is worn or broken",
        );
      }
      if (round === 0) await this.#guardKeys(session, different, all);
      await this.#write(session, different);
    }
  }

  /** The same board as before, if there was one: another plugged in meanwhile is not to be finished in its place. */
  #meet({ chip, mac, flashSize }: FlashSession): BoardFound {
    const board: BoardFound = { chip: chip.name, title: chip.title, mac, flashSize };
    if (this.#board === undefined) this.#events.found(board);
    else if (this.#board.mac !== mac)
      throw new FlashError(
        FLASH_EXIT.wrongChip,
        `this is another board: ${mac}, not ${this.#board.mac}`,
        this.#link.name,
        "connect the first one again, or begin anew",
      );
    this.#board = board;
    return board;
  }

  async #prepare(session: FlashSession): Promise<{ segments: FlashSegment[]; all: readonly Partition[] }> {
    const { builds, chip: asked, secrets, nodeRecord } = this.#request;
    const { chip, flashSize } = session;
    const { segments: given } = chooseBuild(builds, asked ?? chip.name);
    const checked = checkSegments(given, secrets);
    checkBoard(checked, chip, flashSize, asked);
    const present = await this.#tableOnBoard(session);
    const partitions = checked.partitions ?? present;
    // Without a table among the files, the board's own says what lies where.
    if (checked.partitions === undefined) checkAgainstTable(checked.segments, present);
    const extra = blankOtaData(checked.segments, partitions);
    const record = nodeRecord === undefined ? [] : [placeRecord(nodeRecord, partitions)];
    const segments = checkAll(checked, [...extra, ...record], secrets);
    return { segments, all: present };
  }

  async #tableOnBoard(session: FlashSession): Promise<readonly Partition[]> {
    const table = parsePartitionTable(await session.read(PARTITION_TABLE_OFFSET, PARTITION_TABLE_LENGTH));
    return table.ok ? table.partitions : [];
  }

  async #compare(
    session: FlashSession,
    pieces: readonly FlashPiece[],
    phase: "compare" | "verify",
  ): Promise<FlashPiece[]> {
    const total = pieces.reduce((sum, { bytes }) => sum + bytes.length, 0);
    const meter = new ProgressMeter(phase, total, (progress) => this.#events.progress(progress));
    const different: FlashPiece[] = [];
    let done = 0;
    for (const piece of pieces) {
      const { offset, bytes } = piece;
      if ((await session.md5(offset, bytes.length)) !== md5(bytes)) different.push(piece);
      done += bytes.length;
      meter.at(done);
    }
    return different;
  }

  #tellPlan(segments: readonly FlashSegment[], different: readonly FlashPiece[]): void {
    if (this.#plan !== undefined) return;
    this.#plan = segments.map((segment) => {
      const toWrite = different
        .filter((piece) => piece.segment === segment)
        .reduce((sum, { bytes }) => sum + bytes.length, 0);
      return { name: segment.name, offset: segment.offset, size: segment.bytes.length, toWrite };
    });
    this.#events.planned(this.#plan);
  }

  /** Keys that are on the board stay there, unless the user has said otherwise. */
  async #guardKeys(
    session: FlashSession,
    different: readonly FlashPiece[],
    present: readonly Partition[],
  ): Promise<void> {
    if (this.#request.forgetKeys) return;
    for (const partition of present.filter(holdsKeys)) {
      const { offset, size, label } = partition;
      const piece = different.find((each) => each.offset < offset + size && each.offset + each.bytes.length > offset);
      if (piece === undefined || (await session.md5(offset, size)) === md5(new Uint8Array(size).fill(0xff))) continue;
      throw new FlashError(
        FLASH_EXIT.keysAtRisk,
        `the board has been given keys, in its partition "${label}", and they would be overwritten`,
        `${piece.segment.name} at 0x${piece.offset.toString(16)}`,
        "take another board; or, if this node is to lose its identity for good, add --forget-keys",
      );
    }
  }

  async #write(session: FlashSession, pieces: readonly FlashPiece[]): Promise<void> {
    const total = pieces.reduce((sum, { bytes }) => sum + bytes.length, 0);
    const meter = new ProgressMeter("write", total, (progress) => this.#events.progress(progress));
    let done = 0;
    for (const { offset, bytes } of pieces) {
      for (let tries = 1; ; tries++) {
        try {
          await session.write(offset, bytes, (count) => meter.at(done + count));
          break;
        } catch (error) {
          // A lost link is for a new connection; a lost byte is for another try.
          if (error instanceof SerialError || tries === PIECE_TRIES) throw error;
          this.#events.log(`piece at 0x${offset.toString(16)} again: ${(error as Error).message}`);
        }
      }
      done += bytes.length;
    }
  }
}

/** The node's record in the partition that is for it. */
function placeRecord(
  { name, bytes }: { name: string; bytes: Uint8Array },
  partitions: readonly Partition[],
): FlashSegment {
  const partition = partitions.find(({ label }) => label === "nvs");
  if (partition === undefined)
    throw new FlashError(
      FLASH_EXIT.badImage,
      'there is no partition "nvs" for it',
      `--nvs ${name}`,
      "flash the partition table along with it",
    );
  if (bytes.length > partition.size)
    throw new FlashError(
      FLASH_EXIT.badImage,
      `it is larger than the partition "nvs" (${partition.size} bytes)`,
      `--nvs ${name}`,
      "make it for this partition table",
    );
  return { name, offset: partition.offset, bytes, isNodeRecord: true };
}

function checkAll(
  checked: CheckedSegments,
  extra: readonly FlashSegment[],
  secrets: readonly KnownSecret[],
): FlashSegment[] {
  return extra.length === 0 ? checked.segments : checkSegments([...checked.segments, ...extra], secrets).segments;
}

function md5(bytes: Uint8Array): string {
  return createHash("md5").update(bytes).digest("hex");
}
