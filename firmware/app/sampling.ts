/** From the sensors to the journal: carries out what the sampler wants and puts every reading on flash. */
import type { Log } from "../ports/log.ts";
import type { RecordLog } from "../ports/storage.ts";
import { newReading } from "../wire/reading-record.ts";
import type { Machines } from "./machines.ts";
import type { NodeConfig, NodePorts } from "./node-ports.ts";
import { SensorReader } from "./sensor-reader.ts";

export class Sampling {
  #config: NodeConfig;
  #journalLog: RecordLog;
  #log: Log;
  #reading;
  #converting = { kind: "converting" as const, durationMs: 0 };
  readonly sensors: SensorReader;
  /** Number of this boot, for the readings. */
  bootCount = 0;
  /** Readings that did not fit into the journal any more. */
  readingsLost = 0;

  constructor(ports: NodePorts, config: NodeConfig) {
    this.#config = config;
    this.#journalLog = ports.journal;
    this.#log = ports.log;
    this.#reading = newReading(config.profile.fields.length);
    this.sensors = new SensorReader(ports.sensors, config.profile);
  }

  /** Lets the sampler have its way; true when it wanted anything. */
  run(machines: Machines, nowMs: number): boolean {
    const { sampler } = machines;
    sampler.handleTimeout(nowMs);
    const command = sampler.pollCommand();
    if (command === undefined) return false;
    if (command.kind === "convert") {
      // The clock shows whole milliseconds: the one that has begun may be over in a moment.
      this.#converting.durationMs = this.sensors.start() + 1;
      sampler.handle(this.#converting, nowMs);
    } else {
      this.sample(machines, command.slotS, command.wall, nowMs);
    }
    return true;
  }

  private sample({ time, quality, journal }: Machines, slotS: number, wall: boolean, nowMs: number): void {
    const { profile, sampleIntervalS, observer } = this.#config;
    const reading = this.#reading;
    reading.profileVersion = profile.version;
    reading.bootCount = this.bootCount;
    reading.intervalS = sampleIntervalS;
    reading.timeQuality = wall ? time.quality(nowMs) : 0;
    reading.wallS = wall ? slotS : 0;
    reading.uptimeS = wall ? Math.floor(nowMs / 1000) : slotS;
    this.sensors.read(reading);
    quality.annotate(reading);
    if (journal.full) this.writeOldest(journal);
    journal.add(reading);
    observer?.onSample?.(reading);
  }

  /** Puts the readings that wait on flash, as long as it may block. */
  writeJournal({ journal }: Machines, mayBlock: () => boolean): void {
    while (!journal.empty && mayBlock()) this.writeOldest(journal);
  }

  private writeOldest(journal: Machines["journal"]): void {
    const command = journal.pollCommand();
    if (command === undefined || this.#journalLog.append(command.record, command.length) >= 0) return;
    this.readingsLost++;
    this.#log.write("error", "journal", "full: a reading is lost");
  }
}
