/**
 * Reads a capture with tshark's own dissectors (LoRaTap, LoRaWAN), which share nothing with this project, in a temporary personal
 * configuration that holds the keys.
 *
 * What the dissector of Wireshark 4.0 (Debian 12) can and cannot do, from its source (epan/dissectors/packet-lorawan.c) and by trial:
 *  - Keys stand in one table, `encryption_keys_lorawan`: "DevAddr","NwkSKey","AppSKey","AppEUI". Later versions (4.4) have two tables.
 *  - DevAddr and AppEUI are compared with the bytes in the air: they are written least significant byte first.
 *  - A join request's MIC is checked with the AppSKey column of the first row whose AppEUI matches: one AppKey to a JoinEUI. Where devices
 *    share a JoinEUI, this helper runs tshark once for each of them and takes each join request from the run that holds its key.
 *  - A data frame takes the first row with its DevAddr; so a DevAddr must not be used for two sessions.
 *  - A join accept is never decrypted: its fields are shown as they stand in the air, its MIC stays unverified.
 *  - A data frame without FPort is "malformed": the FPort is taken from the MIC.
 *  - FPort 0 is decrypted with the AppSKey, which gives nonsense; its MIC is checked all the same, unless the nonsense reads as a cut command.
 *  - Only the lower 16 bits of the frame counter are known: from FCnt 65,536 on every MIC is "bad".
 *  - Lengths are kept in 8 bits: from 240 bytes before the MIC on, every MIC is "bad" (EU868 with repeaters stays below, at 231).
 *  - The SNR is shown without its sign, and the packet RSSI as value - 139 dBm whatever the SNR. Only LoRaTap version 0 is understood.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** All in hexadecimal as written, most significant digit first. */
export interface SessionKeys {
  devAddr: string;
  nwkSKey: string;
  appSKey: string;
}

export interface RootKey {
  devEui: string;
  joinEui: string;
  appKey: string;
}

export interface DissectedFrame {
  number: number;
  unixS: number;
  frequencyHz: number;
  bandwidthHz: number;
  spreadingFactor: number;
  /** As tshark shows it, in dBm. */
  rssiDbm: number;
  /** Quarters of a dB, two's complement, as in the header. */
  snrQuarters: number;
  /** 0 join request, 1 join accept, 2 to 5 data, undefined where tshark saw no LoRaWAN. */
  mtype: number | undefined;
  devEui: string | undefined;
  devAddr: string | undefined;
  fCnt16: number | undefined;
  fPort: number | undefined;
  /** Decrypted with the AppSKey, in hexadecimal; undefined when there was no key, or nothing to decrypt. */
  payload: string | undefined;
  mic: "good" | "bad" | "unverified";
  malformed: boolean;
}

const FIELDS = [
  "frame.number",
  "frame.time_epoch",
  "loratap.channel.frequency",
  "loratap.channel.bandwidth",
  "loratap.channel.sf",
  "loratap.rssi.packet",
  "loratap.rssi.snr",
  "lorawan.mhdr.mtype",
  "lorawan.join_request.deveui",
  "lorawan.fhdr.devaddr",
  "lorawan.fhdr.fcnt",
  "lorawan.fport",
  "lorawan.frmpayload_decrypted",
  "lorawan.mic.status",
  "_ws.malformed",
];
const RSSI_OFFSET_DB = 139;
const NO_EUI = "ffffffffffffffff";
const NO_KEY = "00".repeat(16);

/** Why tshark cannot judge here, undefined when it can. Later versions name the fields and the tables of keys otherwise. */
export function tsharkProblem(): string | undefined {
  let version: string;
  try {
    version = execFileSync("tshark", ["--version"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  } catch {
    return "no tshark on this machine";
  }
  const [line] = version.split("\n");
  return / 4\.[0-2]\./.test(line) ? undefined : `written for Wireshark 4.0 to 4.2, found ${line}`;
}

function reversed(hex: string): string {
  return (hex.match(/../g) ?? []).reverse().join("");
}

/** Rows of keys, in rounds such that no round has two AppKeys for one JoinEUI. */
function keyRounds(
  sessions: readonly SessionKeys[],
  roots: readonly RootKey[],
): { rows: string[]; devEuis: Set<string> }[] {
  const sessionRows = sessions.map(
    ({ devAddr, nwkSKey, appSKey }) => `"${reversed(devAddr)}","${nwkSKey}","${appSKey}","${NO_EUI}"`,
  );
  const rounds = [{ rows: sessionRows, devEuis: new Set<string>(), joinEuis: new Set<string>() }];
  for (const { devEui, joinEui, appKey } of roots) {
    let round = rounds.find((candidate) => !candidate.joinEuis.has(joinEui));
    if (round === undefined) {
      round = { rows: [], devEuis: new Set(), joinEuis: new Set() };
      rounds.push(round);
    }
    round.joinEuis.add(joinEui);
    round.devEuis.add(devEui);
    round.rows.push(`"ffffffff","${NO_KEY}","${appKey}","${reversed(joinEui)}"`);
  }
  return rounds;
}

function run(capture: Uint8Array, rows: readonly string[]): DissectedFrame[] {
  const folder = mkdtempSync(join(tmpdir(), "groundtruth-tshark-"));
  try {
    const file = join(folder, "capture.pcap");
    writeFileSync(file, capture);
    writeFileSync(join(folder, "encryption_keys_lorawan"), `${rows.join("\n")}\n`);
    const output = execFileSync(
      "tshark",
      ["-r", file, "-T", "fields", "-E", "occurrence=f", ...FIELDS.flatMap((field) => ["-e", field])],
      {
        encoding: "utf8",
        env: { ...process.env, WIRESHARK_CONFIG_DIR: folder },
        stdio: ["ignore", "pipe", "ignore"],
        maxBuffer: 1 << 28,
      },
    );
    return output
      .split("\n")
      .filter((line) => line !== "")
      .map(frameOf);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function frameOf(line: string): DissectedFrame {
  const values = line.split("\t");
  const text = (field: string): string | undefined => values[FIELDS.indexOf(field)] || undefined;
  const number = (field: string): number | undefined => {
    const value = text(field);
    return value === undefined ? undefined : Number(value);
  };
  const status = text("lorawan.mic.status");
  return {
    number: number("frame.number") ?? 0,
    unixS: number("frame.time_epoch") ?? 0,
    frequencyHz: number("loratap.channel.frequency") ?? 0,
    bandwidthHz: (number("loratap.channel.bandwidth") ?? 0) * 125_000,
    spreadingFactor: number("loratap.channel.sf") ?? 0,
    rssiDbm: (number("loratap.rssi.packet") ?? 0) - RSSI_OFFSET_DB,
    snrQuarters: number("loratap.rssi.snr") ?? 0,
    mtype: number("lorawan.mhdr.mtype"),
    devEui: text("lorawan.join_request.deveui")?.replaceAll(":", ""),
    devAddr: text("lorawan.fhdr.devaddr")?.replace("0x", ""),
    fCnt16: number("lorawan.fhdr.fcnt"),
    fPort: number("lorawan.fport"),
    payload: text("lorawan.frmpayload_decrypted")?.replaceAll(":", ""),
    mic: status === "1" || status === "Good" ? "good" : status === "0" || status === "Bad" ? "bad" : "unverified",
    malformed: text("_ws.malformed") !== undefined,
  };
}

/** Dissects a pcap file's bytes, frame by frame, with the given keys. */
export function dissect(
  capture: Uint8Array,
  sessions: readonly SessionKeys[],
  roots: readonly RootKey[],
): DissectedFrame[] {
  const rounds = keyRounds(sessions, roots);
  const frames = run(capture, rounds[0].rows);
  for (const { rows, devEuis } of rounds.slice(1)) {
    run(capture, rows).forEach((frame, index) => {
      if (frame.mtype === 0 && frame.devEui !== undefined && devEuis.has(frame.devEui)) frames[index] = frame;
    });
  }
  return frames;
}
