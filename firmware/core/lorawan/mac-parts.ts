/**
 * The parts of the LoRaWAN machine, made and joined together, and their saved state: what one rule is about stands in one of them.
 *
 * RAM on XS, in slots of 16 bytes, is what made their shape: a #method takes a slot in every object, so private methods are TypeScript's
 * (on the prototype, in flash); a typed array takes seven beside its bytes, so the parts share one scratch buffer, the codec's.
 */
import { FrameCodec } from "../../wire/lorawan-codec.ts";
import type { StateReader, StateWriter } from "../../wire/state-record.ts";
import { MacAnswers } from "./answers.ts";
import { BackOff } from "./back-off.ts";
import { Chance } from "./chance.ts";
import { Clearance } from "./clearance.ts";
import { CommandHandler } from "./command-handler.ts";
import { Downlink } from "./downlink.ts";
import { DutyCycle } from "./duty-cycle.ts";
import { Join } from "./join.ts";
import type { MacOptions } from "./mac-options.ts";
import { loadRecords, RECORD_BYTES } from "./mac-records.ts";
import { Outgoing } from "./outgoing.ts";
import type { Region } from "./region/region.ts";
import { RxWindows } from "./rx-window.ts";
import { Session } from "./session.ts";
import { Uplink } from "./uplink.ts";

export class MacParts {
  readonly region: Region;
  readonly fixedDataRate: number | undefined;
  /** Of a personalised device. */
  readonly abpDevAddr: number | undefined;
  /** Its scratch is everybody's: frames are built and read, and records written, one after the other. */
  readonly codec: FrameCodec;
  readonly session: Session;
  readonly answers = new MacAnswers();
  readonly backOff = new BackOff();
  readonly chance: Chance;
  readonly join: Join;
  readonly dutyCycle: DutyCycle;
  readonly handler: CommandHandler;
  readonly uplink: Uplink;
  readonly downlink: Downlink;
  readonly clearance: Clearance;
  readonly rxWindows: RxWindows;
  readonly out: Outgoing;

  constructor(options: MacOptions) {
    const { region, subBand, fixedDataRate, clockErrorPpm = 40, latencyMs = 15, antennaGainDb = 2 } = options;
    const { answers, backOff } = this;
    this.region = region;
    this.fixedDataRate = fixedDataRate;
    this.abpDevAddr = options.abp?.devAddr;
    this.codec = new FrameCodec(options.crypto, new Uint8Array(RECORD_BYTES));
    this.session = new Session(region, subBand);
    this.chance = new Chance(options.random);
    this.join = new Join(region, backOff, subBand);
    this.dutyCycle = new DutyCycle(region);
    const { codec, session, chance, join, dutyCycle } = this;
    this.handler = new CommandHandler(region, session, answers, fixedDataRate === undefined);
    this.uplink = new Uplink(region, session, answers, codec);
    this.downlink = new Downlink(session, answers, codec, join, this.handler);
    const { uplink, downlink } = this;
    this.clearance = new Clearance(
      region,
      session,
      join,
      uplink,
      dutyCycle,
      backOff,
      chance,
      fixedDataRate,
      this.abpDevAddr !== undefined,
    );
    this.rxWindows = new RxWindows(region, session, uplink, clockErrorPpm, latencyMs);
    this.out = new Outgoing(
      session,
      answers,
      join,
      this.handler,
      uplink,
      downlink,
      dutyCycle,
      codec.scratch,
      antennaGainDb,
    );
    if (this.abpDevAddr !== undefined) session.personalise(this.abpDevAddr, this.firstDataRate);
  }

  /** Where a session begins that no join has tried out: the slowest data rate that joins use. */
  get firstDataRate(): number {
    return this.fixedDataRate ?? Math.min(...this.region.joinDataRates);
  }

  /** Where a session begins that a join made: in a fixed plan not on a channel of 500 kHz, which only probed for a gateway. */
  get joinedDataRate(): number {
    const isMeasured = this.fixedDataRate === undefined && this.region.dynamicChannels;
    return isMeasured ? this.uplink.dataRate : this.firstDataRate;
  }

  load(read: (key: string, into: Uint8Array) => number, nowMs: number): void {
    loadRecords(read, this, nowMs);
    if (this.fixedDataRate === undefined || !this.session.joined) return;
    this.session.dataRate = this.fixedDataRate;
    this.session.fitDataRate();
  }

  save(writer: StateWriter): void {
    this.session.save(writer);
    this.session.saveCounters(writer);
    this.answers.save(writer);
    this.join.save(writer);
    this.backOff.save(writer);
    this.dutyCycle.save(writer);
    this.uplink.save(writer);
    writer.u8(this.handler.battery);
    writer.bool(this.handler.adr);
    writer.bool(this.out.sent.acknowledged);
    writer.bool(this.out.sent.fPending);
  }

  /** False, with nothing changed, for the state of another region. */
  restore(reader: StateReader): boolean {
    if (!this.session.restore(reader)) return false;
    this.session.restoreCounters(reader);
    this.answers.restore(reader);
    this.join.restore(reader);
    this.backOff.restore(reader);
    this.dutyCycle.restore(reader);
    this.uplink.restore(reader);
    this.handler.battery = reader.u8();
    this.handler.adr = reader.bool();
    this.out.sent.acknowledged = reader.bool();
    this.out.sent.fPending = reader.bool();
    return true;
  }
}
