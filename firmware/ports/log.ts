/** One log format on the device and in simulation. */

export type LogLevel = "error" | "warn" | "info" | "debug";

/** Takes one line. Keys, key material and raw secrets never go into it. */
export interface Log {
  write(level: LogLevel, source: string, text: string): void;
}
