/** All checkers of the frames in the air at once, on one radio channel. */
import type { AirTransmission, RadioChannel } from "../radio/channel.ts";
import { type AirFrame, AirSessions, type SniffedDevice } from "./air-sessions.ts";
import { CounterChecker } from "./counter-checker.ts";
import { DutyCycleChecker } from "./duty-cycle-checker.ts";
import { SeqChecker } from "./seq-checker.ts";

export class AirMonitor {
  readonly sessions: AirSessions;
  readonly counters = new CounterChecker();
  readonly seqs = new SeqChecker();
  readonly dutyCycle: DutyCycleChecker;
  /** Called with each frame whose MIC is right, whoever sent it; good until the call returns. */
  onFrame: ((frame: AirFrame, transmission: AirTransmission) => void) | undefined;

  /** `isDevice`: whether this transmitter is one of the devices that are checked, and no gateway or attacker. */
  constructor(
    channel: RadioChannel,
    devices: readonly SniffedDevice[],
    isDevice: (from: object) => boolean,
    dutyCycle = new DutyCycleChecker(),
  ) {
    this.sessions = new AirSessions(devices);
    this.dutyCycle = dutyCycle;
    channel.onTransmission((transmission) => {
      const bytes = transmission.frame;
      const frame = this.sessions.read(bytes);
      if (isDevice(transmission.from)) {
        this.dutyCycle.sent(transmission);
        if (frame === undefined) this.counters.unreadable(bytes);
        else {
          this.counters.sent(frame, bytes);
          this.seqs.sent(frame);
        }
      }
      if (frame !== undefined) this.onFrame?.(frame, transmission);
    });
  }

  /** What any checker found. */
  get violations(): string[] {
    return [...this.counters.violations, ...this.seqs.violations, ...this.dutyCycle.violations];
  }
}
