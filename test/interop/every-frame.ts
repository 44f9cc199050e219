/**
 * Every LoRaWAN frame that any test in test/sim puts into the simulated air, judged by strangers: by lora-packet as it is sent, and by tshark from
 * captures afterwards. A mocha root hook (.mocharc.json): it looks at the radio channel itself, so that no test can forget to ask.
 *
 * Keys come from the joins in the air, derived by lora-packet from the AppKeys; nothing of the MAC's or the network's books takes part. Who sends is
 * known: frames of attackers are not judged, but for join accepts that they repeat, which may lead a node to a session that only we can follow.
 *
 *   sent -> lora-packet, at once -> capture -> tshark, when the capture is long or the tests are over -> counts, faults
 */
import loraPacket from "lora-packet";
import { P2P_SYNC_WORD } from "../../firmware/wire/p2p-frame.ts";
import type { DeviceRegistration } from "../../host-sim/network/device-session.ts";
import { NetworkServer } from "../../host-sim/network/network-server.ts";
import { type AirTransmission, RadioChannel } from "../../host-sim/radio/channel.ts";
import {
  captureFor,
  type Device,
  faults,
  judgeCaptures,
  type Key,
  type Limit,
  problem,
  type Session,
  Tally,
  tallies,
} from "./shark-captures.ts";

const lora = loraPacket.default ?? loraPacket;
type LoraPacket = ReturnType<typeof lora.fromWire>;

/** By the names of their classes: the node's chip and the networks; and who does harm, in the tests that name it. */
const HONEST = new Set(["LoraModem", "Gateway", "ExactNetwork", "TestLayer"]);
const ATTACKERS = new Set(["Attack", "AcceptThief", "Replayer", "Forger"]);
const LORAWAN_SYNC_WORD = 0x34;
/** tshark takes lengths modulo 256, of which 16 are its own block. */
const LONGEST_JUDGED = 239;
const LONG_CAPTURE_FRAMES = 50_000;
const MOST_FAULTS = 20;
const MIC_BYTES = 4;

const passedOver = { attackers: 0, pointToPoint: 0 };
/** AppKeys of each DevEUI in all tests so far; tests share DevEUIs. */
const known = new Map<string, Device[]>();
/** The test that runs, when it is one of those. */
let test = "";

function fault(text: string): void {
  faults.push(`${text} (${test})`);
}

/** A device that tests may use, with hexadecimal EUIs. */
export function knowDevice(devEui: string, joinEui: string, appKey: Uint8Array): void {
  const key = Buffer.from(appKey);
  const devices = (known.get(devEui) ?? []).filter((other) => !other.appKey.equals(key) || other.joinEui !== joinEui);
  // The newest first: it is the likeliest.
  known.set(devEui, [{ devEui, joinEui, appKey: key }, ...devices]);
}

/** One radio channel, followed from its first join. */
class Air {
  #region = "";
  #tally = new Tally();
  /** Devices that asked to join here, and their last DevNonce. */
  readonly #devices = new Map<Device, Buffer>();
  readonly #sessions = new Map<string, Session[]>();

  sent(transmission: AirTransmission): void {
    const packet = read(transmission.frame);
    if (packet?.isJoinRequestMessage()) this.#joinRequest(packet, transmission);
    else if (packet?.isJoinAcceptMessage()) this.#joinAccept(packet, transmission);
    else if (packet?.isDataMessage()) this.#data(packet, transmission);
    else fault("lora-packet: no LoRaWAN frame");
  }

  /** Only accepts that are the network's own, repeated, mean anything. */
  attacked({ frame }: AirTransmission): void {
    if (frame[0] >>> 5 !== 1 || (frame.length !== 17 && frame.length !== 33)) return;
    const packet = read(frame);
    if (packet?.isJoinAcceptMessage()) this.#openAccept(packet);
  }

  #joinRequest(packet: LoraPacket, transmission: AirTransmission): void {
    const devEui = packet.DevEUI!.toString("hex");
    const joinEui = packet.JoinEUI.toString("hex");
    const device = known
      .get(devEui)
      ?.find((candidate) => candidate.joinEui === joinEui && lora.verifyMIC(packet, undefined, candidate.appKey));
    if (device === undefined) {
      fault(`lora-packet: MIC of a join request of ${devEui}`);
      return;
    }
    if (this.#region === "") this.#setRegion(transmission.modulation.frequencyHz);
    this.#devices.set(device, packet.DevNonce!);
    this.#tally.joinRequests++;
    this.#keep(transmission, { device });
  }

  #joinAccept(packet: LoraPacket, transmission: AirTransmission): void {
    const session = this.#openAccept(packet);
    if (session === undefined) {
      fault("lora-packet: MIC of a join accept");
      return;
    }
    this.#tally.joinAccepts++;
    this.#keep(transmission, { session }, "join accepts");
  }

  /** TS001-1.0.4 6.2.4: it names no device, so each AppKey is tried. */
  #openAccept(packet: LoraPacket): Session | undefined {
    for (const [{ appKey }, devNonce] of this.#devices) {
      const plain = read(lora.decryptJoinAccept(packet, appKey));
      // With OptNeg set it would be an accept of LoRaWAN 1.1: the wrong key's noise.
      if (!plain?.isJoinAcceptMessage() || plain.getDLSettingsOptNeg()) continue;
      if (!lora.verifyMIC(plain, undefined, appKey)) continue;
      const { NwkSKey, AppSKey } = lora.generateSessionKeys10(appKey, plain.NetID!, plain.JoinNonce, devNonce);
      const devAddr = plain.DevAddr!.toString("hex");
      const sessions = this.#sessions.get(devAddr) ?? [];
      let session = sessions.find(({ nwkSKey }) => nwkSKey.equals(NwkSKey));
      if (session === undefined) {
        session = { devAddr, nwkSKey: NwkSKey, appSKey: AppSKey, high: [0, 0], last: [0, 0] };
        this.#sessions.set(devAddr, [session, ...sessions]);
      }
      return session;
    }
    return undefined;
  }

  /** TS001-1.0.4 4.4; 4.3.1.5: 16 of the counter's 32 bits are in the air. */
  #data(packet: LoraPacket, transmission: AirTransmission): void {
    const devAddr = packet.DevAddr!.toString("hex");
    const way = packet.getDir() === "up" ? 0 : 1;
    const fCnt16 = packet.getFCnt()!;
    for (const session of this.#sessions.get(devAddr) ?? []) {
      const now = session.high[way];
      // A counter that has gone round is likelier than an old frame again.
      const highs = fCnt16 < session.last[way] ? [now + 1, now, now - 1] : [now, now - 1, now + 1];
      const high = highs.find((candidate) => candidate >= 0 && isRight(packet, session, candidate));
      if (high === undefined) continue;
      if (high > now || (high === now && fCnt16 > session.last[way])) {
        session.high[way] = high;
        session.last[way] = fCnt16;
      }
      this.#tally.data++;
      this.#keep(transmission, { session }, limitOf(packet, transmission.frame, high), devAddr, fCnt16);
      return;
    }
    fault(`lora-packet: MIC of ${packet.getMType()} ${fCnt16} of ${devAddr}`);
  }

  #keep(transmission: AirTransmission, key: Key, limit?: Limit, devAddr?: string, fCnt16?: number): void {
    if (problem !== undefined) return;
    const capture = captureFor(this.#region, key);
    capture.add(transmission, { test, limit, devAddr, fCnt16 });
    if (capture.frames >= LONG_CAPTURE_FRAMES) capture.judge(this.#tally);
  }

  /** Where a device may ask to join tells these two from all other regions (RP002-1.0.4 2.4.2, 2.5.2). */
  #setRegion(frequencyHz: number): void {
    const mhz = frequencyHz / 1e6;
    this.#region = mhz > 868 && mhz < 869 ? "EU868" : mhz > 902 && mhz < 915 ? "US915" : "other regions";
    this.#tally = tallies.get(this.#region) ?? this.#tally;
    tallies.set(this.#region, this.#tally);
  }
}

/** Undefined where lora-packet throws. */
function read(frame: Uint8Array): LoraPacket | undefined {
  try {
    return lora.fromWire(Buffer.from(frame));
  } catch {
    return undefined;
  }
}

function isRight(packet: LoraPacket, { nwkSKey }: Session, high: number): boolean {
  return lora.verifyMIC(packet, nwkSKey, undefined, Buffer.from([high & 0xff, high >>> 8]));
}

function limitOf(packet: LoraPacket, frame: Uint8Array, high: number): Limit | undefined {
  if (packet.getFPort() === null) return "without FPort";
  if (frame.length - MIC_BYTES > LONGEST_JUDGED) return "over 239 bytes";
  return high > 0 ? "FCnt over 65,535" : undefined;
}

const airs = new WeakMap<RadioChannel, Air>();

function observe(channel: RadioChannel, transmission: AirTransmission): void {
  const { syncWord } = transmission.modulation;
  const sender = transmission.from.constructor.name;
  let air = airs.get(channel);
  if (air === undefined) {
    air = new Air();
    airs.set(channel, air);
  }
  if (ATTACKERS.has(sender)) {
    passedOver.attackers++;
    air.attacked(transmission);
  } else if (!HONEST.has(sender)) fault(`nobody knows who ${sender} is`);
  else if (syncWord === P2P_SYNC_WORD) passedOver.pointToPoint++;
  else if (syncWord === LORAWAN_SYNC_WORD) air.sent(transmission);
  else fault(`sync word ${syncWord}`);
}

/** The channel and the network server tell us what they are given. */
function listenIn(): void {
  const { transmit } = RadioChannel.prototype;
  RadioChannel.prototype.transmit = function (transmission: AirTransmission): void {
    if (test !== "") observe(this, transmission);
    transmit.call(this, transmission);
  };
  const { register } = NetworkServer.prototype;
  NetworkServer.prototype.register = function (registration: DeviceRegistration) {
    const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
    knowDevice(hex(registration.devEui), hex(registration.joinEui), registration.appKey);
    return register.call(this, registration);
  };
}

export const mochaHooks = {
  beforeAll(): void {
    listenIn();
    // Of the trial of receive windows, whose network registers nothing.
    knowDevice("0247540000000001", "0000000000000000", Buffer.alloc(16, 7));
  },
  beforeEach(this: Mocha.Context): void {
    const { currentTest } = this;
    const isOurs = currentTest?.file?.replaceAll("\\", "/").includes("/test/sim/") ?? false;
    test = isOurs ? currentTest!.fullTitle() : "";
  },
  afterEach(): void {
    test = "";
  },
  afterAll(this: Mocha.Context): void {
    this.timeout(0);
    judgeCaptures();
    if (tallies.size > 0) {
      console.log("  every frame of test/sim");
      for (const [region, tally] of tallies) console.log(`    ${region}: ${tally}`);
      const { attackers, pointToPoint } = passedOver;
      console.log(`    not judged: ${attackers} frames of attackers, ${pointToPoint} point to point`);
      if (problem !== undefined) console.log(`    tshark skipped: ${problem}`);
    }
    if (faults.length > 0) throw new Error(`${faults.length} faults:\n${faults.slice(0, MOST_FAULTS).join("\n")}`);
  },
};
