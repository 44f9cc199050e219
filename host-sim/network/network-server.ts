/**
 * A LoRaWAN 1.0.4 network server with its join server, behind any number of gateways.
 *
 *   gateways --> deduplicate (200 ms) --> join request --> accept in RX1 (5 s) or RX2 (6 s)
 *                                    \-> data frame   --> MIC, counter --> MAC commands, ADR --> event to the application
 *                                                          wait for the application's answer --> downlink in RX1 or RX2
 *
 * Every frame that is not taken is counted under the name of the reason. Nothing here throws on what came over the air.
 */
import { frameType, MTYPE, NO_PORT, newDataFrame, parseDataFrame } from "../../firmware/wire/lorawan-frame.ts";
import { gpsMsFromUnixMs } from "../calendar.ts";
import type { RandomStream } from "../random-stream.ts";
import type { World } from "../world.ts";
import { requiredSnrDb } from "./adr-engine.ts";
import { bestReception, Deduplicator, type UplinkSet } from "./deduplicator.ts";
import { Device, type DeviceRegistration, type DeviceSession } from "./device-session.ts";
import type { DownlinkItem } from "./downlink-queue.ts";
import { Downlinks } from "./downlinks.ts";
import type { NetworkGateway } from "./gateway.ts";
import { JoinServer } from "./join-server.ts";
import { handleUplinkCommands, type MacAnswers, newMacAnswers } from "./mac-layer.ts";
import { type AesKeyFactory, nobleAes } from "./network-crypto.ts";
import type { LogCode, NetworkListener } from "./network-events.ts";
import type { NetworkPlan } from "./network-plan.ts";
import { randomUuid } from "./text-encoding.ts";

export interface NetworkServerOptions {
  plan: NetworkPlan;
  listener: NetworkListener;
  aes?: AesKeyFactory;
  deduplicationMs?: number;
  /**
   * From the uplink's event to the decision about a downlink: the application's chance to answer in the very windows of its uplink. Twice the
   * integration's latency and some.
   */
  applicationMs?: number;
  rx1DelayS?: number;
  rx1DrOffset?: number;
  /** The region's own when not given. */
  rx2DataRate?: number;
  installationMarginDb?: number;
}

interface Refusal {
  reason: string;
  /** The device that the frame names, where it is known, and how ChirpStack's log calls the trouble. */
  device?: Device;
  code?: LogCode;
}

export class NetworkServer {
  /** Frames taken and refused; `refused` by reason. */
  readonly counters = {
    joinsAccepted: 0,
    uplinksAccepted: 0,
    uplinksRepeated: 0,
    duplicatesMerged: 0,
    refused: {} as Record<string, number>,
  };
  /** What became of downlinks. */
  readonly downlinks: Downlinks;
  #world: World;
  #plan: NetworkPlan;
  #listener: NetworkListener;
  #random: RandomStream;
  #applicationUs: number;
  #deduplicator: Deduplicator;
  #joinServer: JoinServer;
  #devices = new Map<string, Device>();
  #sessions = new Map<number, DeviceSession>();
  #parsed = newDataFrame();
  #payload = new Uint8Array(255);

  constructor(world: World, options: NetworkServerOptions) {
    this.#world = world;
    this.#plan = options.plan;
    this.#listener = options.listener;
    this.#random = world.random("network server");
    this.#applicationUs = (options.applicationMs ?? 150) * 1000;
    this.#deduplicator = new Deduplicator(world, (options.deduplicationMs ?? 200) * 1000, (set) => this.#handle(set));
    this.#joinServer = new JoinServer({
      aes: options.aes ?? nobleAes,
      plan: options.plan,
      rx1DelayS: options.rx1DelayS ?? 1,
      rx1DrOffset: options.rx1DrOffset ?? 0,
      rx2DataRate: options.rx2DataRate ?? options.plan.region.rx2DataRate,
      installationMarginDb: options.installationMarginDb ?? 10,
    });
    this.downlinks = new Downlinks(world, options.plan, options.listener, this.#random);
  }

  addGateway(gateway: NetworkGateway): void {
    gateway.onUplink = (uplink) => this.#deduplicator.add(uplink);
  }

  /** Puts a device into the registry. */
  register(registration: DeviceRegistration): Device {
    const device = new Device(registration);
    this.#devices.set(device.devEui, device);
    return device;
  }

  /** A device by its DevEUI in lower-case hexadecimal. */
  device(devEui: string): Device | undefined {
    return this.#devices.get(devEui);
  }

  /** Queues an application's downlink; returns why it was not taken. */
  enqueue(devEui: string, item: DownlinkItem): "unknown-device" | "queue-full" | undefined {
    const device = this.#devices.get(devEui);
    if (device === undefined) return "unknown-device";
    return device.queue.push(item) ? undefined : "queue-full";
  }

  #handle(set: UplinkSet): void {
    this.counters.duplicatesMerged += set.receptions.length - 1;
    const refusal = this.#take(set);
    if (refusal === undefined) return;
    const { reason, device, code } = refusal;
    this.#count(reason);
    if (device === undefined || code === undefined) return;
    this.#listener.onLogged({ device, unixMs: set.receptions[0].unixMs, level: "ERROR", code, description: reason });
  }

  #take(set: UplinkSet): Refusal | undefined {
    const { frame } = set;
    if (frame.length === 0) return { reason: "malformed-frame" };
    const type = frameType(frame);
    if (type === MTYPE.joinRequest) return this.#takeJoin(set);
    if (type === MTYPE.unconfirmedUp || type === MTYPE.confirmedUp) return this.#takeData(set);
    return { reason: "not-an-uplink" };
  }

  #takeJoin(set: UplinkSet): Refusal | undefined {
    const outcome = this.#joinServer.handle(set.frame, (devEui) => this.#devices.get(devEui));
    if (!outcome.ok) {
      const { reason, device } = outcome;
      return { reason, device, code: reason === "wrong-join-mic" ? "UPLINK_MIC" : "OTAA" };
    }
    const { device, session, replaced, accept } = outcome;
    this.counters.joinsAccepted++;
    if (replaced !== undefined) this.#sessions.delete(replaced.parameters.devAddr);
    const { devAddr } = session.parameters;
    this.#sessions.set(devAddr, session);
    const { unixMs } = bestReception(set);
    this.#listener.onJoined({ device, deduplicationId: randomUuid(this.#random), unixMs, devAddr });
    this.downlinks.sendJoinAccept(set, device, accept);
    return undefined;
  }

  #takeData(set: UplinkSet): Refusal | undefined {
    const { frame } = set;
    const parsed = this.#parsed;
    const dataRate = this.#plan.dataRateOf(set.receptions[0].modulation);
    if (!parseDataFrame(frame, frame.length, parsed) || dataRate < 0) return { reason: "malformed-frame" };
    const session = this.#sessions.get(parsed.devAddr);
    if (session === undefined) return { reason: "unknown-dev-addr" };
    const verdict = session.judge(frame, parsed);
    if (verdict.kind === "refused") {
      const { reason } = verdict;
      const code = reason === "wrong-mic" ? "UPLINK_MIC" : "UPLINK_F_CNT_RETRANSMISSION";
      return { reason, device: session.device, code };
    }
    if (verdict.kind === "new") {
      this.#promote(session);
      session.fCntUp = verdict.fCnt;
      this.counters.uplinksAccepted++;
      this.#accept(set, session, verdict.fCnt, dataRate);
    } else {
      this.counters.uplinksRepeated++;
      // Its application has had it. What a repeated frame may still want is the acknowledgement that it did not hear.
      if (parsed.confirmed) this.downlinks.sendData(set, session, { answers: newMacAnswers(), acknowledge: true });
    }
    return undefined;
  }

  /** Acts on the frame that stands in `#parsed`. */
  #accept(set: UplinkSet, session: DeviceSession, fCnt: number, dataRate: number): void {
    const { device } = session;
    const { fPort, adr, confirmed, ack, adrAckReq } = this.#parsed;
    const { unixMs, snrDb, modulation } = bestReception(set);
    const length = session.codec.decryptPayload(set.frame, this.#parsed, fCnt, this.#payload);
    const answers = newMacAnswers();
    this.#takeCommands(set, session, length, answers);
    session.adr.noteUplink(dataRate, snrDb);
    // A request that this uplink did not answer was lost; it is made anew when it is still wanted.
    session.adrAsked = undefined;
    const deduplicationId = randomUuid(this.#random);
    this.#listener.onUplink({
      device,
      deduplicationId,
      unixMs,
      devAddr: session.parameters.devAddr,
      adr,
      dataRate,
      fCnt,
      fPort: fPort === NO_PORT ? 0 : fPort,
      confirmed,
      data: fPort > 0 ? this.#payload.slice(0, length) : new Uint8Array(0),
      set,
    });
    this.downlinks.noteAcknowledgement(device, ack, deduplicationId, unixMs);
    this.#world.after(this.#applicationUs, () => {
      const proposal = adr ? session.proposeAdr(modulation.spreadingFactor) : undefined;
      this.downlinks.sendData(set, session, { answers, acknowledge: confirmed, adrAckReq, proposal });
    });
  }

  /** MAC commands from FOpts, or from the `length` decrypted bytes of FPort 0. */
  #takeCommands(set: UplinkSet, session: DeviceSession, length: number, answers: MacAnswers): void {
    const { fPort, fOptsAt, fOptsLength } = this.#parsed;
    const { unixMs, snrDb, modulation } = bestReception(set);
    const facts = {
      marginDb: snrDb - requiredSnrDb(modulation.spreadingFactor),
      gateways: set.receptions.length,
      gpsMs: gpsMsFromUnixMs(unixMs),
    };
    const readable =
      fPort === 0
        ? handleUplinkCommands(session, this.#payload, 0, length, facts, answers)
        : handleUplinkCommands(session, set.frame, fOptsAt, fOptsAt + fOptsLength, facts, answers);
    if (!readable) this.#count("unreadable-mac-command");
  }

  /** The first uplink under a new session's keys ends the old session. */
  #promote(session: DeviceSession): void {
    const { device } = session;
    if (device.pending !== session) return;
    if (device.current !== undefined) this.#sessions.delete(device.current.parameters.devAddr);
    device.current = session;
    device.pending = undefined;
    device.queue.awaiting = undefined;
  }

  #count(reason: string): void {
    this.counters.refused[reason] = (this.counters.refused[reason] ?? 0) + 1;
  }
}
