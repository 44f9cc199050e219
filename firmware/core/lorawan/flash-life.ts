/**
 * What LoRaWAN's counters cost the flash: writes a day for a way of reporting, and how long the flash lasts. For ESP-IDF's NVS: a value of n bytes
 * takes 2 entries and one for each 32 bytes begun; a page of 4 KB has 126 entries and is erased when it is full; pages take turns, and one is
 * kept free.
 *
 *   lw.up     one write in FCNT_BLOCK uplinks             lw.down   one for each downlink
 *   lw.duty   at most one for each 32nd of an hour's duty cycle that is sent, and none for a node that sends evenly
 *   lw.sess, lw.join   some for each join and each change that the network makes: rare, and given by who asks
 */
import { FCNT_BLOCK } from "./mac-records.ts";

const PAGE_BYTES = 4_096;
const PAGE_ENTRIES = 126;
/** ESP32 modules' NOR flash: at least so many erasures of a sector. */
const ERASE_CYCLES = 100_000;
const COUNTER_ENTRIES = 3;
const SESSION_ENTRIES = 8;
const DUTY_LEVELS = 32;
const DAYS_A_YEAR = 365.25;

export interface Reporting {
  uplinksPerDay: number;
  /** Acknowledgements, ADR and everything else that comes down. */
  downlinksPerDay: number;
  /** Time on air of one uplink in milliseconds. */
  airtimeMs: number;
  /** Of the sub-band used: 10 is 1 %; 1000 is no limit. */
  dutyCyclePermille: number;
  /** Joins, and MAC commands that change the session. */
  sessionChangesPerDay: number;
}

export interface FlashLife {
  /** Without and with the duty cycle's record at its most. */
  writesPerDay: number;
  mostWritesPerDay: number;
  /** Until the first page has been erased so often as its maker promises, with the most writes. */
  years: number;
}

/** `partitionBytes`: of the NVS partition, 8 KB at least. */
export function flashLife(reporting: Reporting, partitionBytes: number): FlashLife {
  const { uplinksPerDay, downlinksPerDay, airtimeMs, dutyCyclePermille, sessionChangesPerDay } = reporting;
  const counters = uplinksPerDay / FCNT_BLOCK + downlinksPerDay;
  const levelMs = (dutyCyclePermille * 3_600) / DUTY_LEVELS;
  const duty = dutyCyclePermille >= 1_000 ? 0 : Math.min((uplinksPerDay * airtimeMs) / levelMs, uplinksPerDay);
  const entriesPerDay = (counters + duty) * COUNTER_ENTRIES + sessionChangesPerDay * SESSION_ENTRIES;
  const pages = Math.floor(partitionBytes / PAGE_BYTES) - 1;
  const writesPerDay = counters + sessionChangesPerDay;
  return {
    writesPerDay,
    mostWritesPerDay: writesPerDay + duty,
    years: (pages * PAGE_ENTRIES * ERASE_CYCLES) / entriesPerDay / DAYS_A_YEAR,
  };
}
