/**
 * Downlinks of Class A: what goes into the one frame that an uplink makes room for. An acknowledgement and MAC commands come first, then the
 * head of the application's queue, when it fits; FPending says that more waits.
 */
import { type DataHeader, NO_PORT } from "../../firmware/wire/lorawan-frame.ts";
import type { RandomStream } from "../random-stream.ts";
import type { World } from "../world.ts";
import type { AdrSetting } from "./adr-engine.ts";
import type { UplinkSet } from "./deduplicator.ts";
import type { Device, DeviceSession } from "./device-session.ts";
import type { DownlinkItem } from "./downlink-queue.ts";
import { type ReceiveWindow, type Scheduled, scheduleDownlink } from "./downlink-scheduler.ts";
import type { TxStatus } from "./gateway.ts";
import { addLinkAdrReq, type MacAnswers } from "./mac-layer.ts";
import type { NetworkListener } from "./network-events.ts";
import type { NetworkPlan } from "./network-plan.ts";

/** RP002-1.0.4 2.5.8: JOIN_ACCEPT_DELAY1; RX2 is a second later, here as for data. */
const JOIN_ACCEPT_DELAY_S = 5;
const NO_PAYLOAD = new Uint8Array(0);

/** What an uplink asks of its downlink. */
export interface DownlinkReasons {
  answers: MacAnswers;
  acknowledge: boolean;
  /** The device wants to hear anything at all (TS001-1.0.4 4.3.1.1). */
  adrAckReq?: boolean;
  proposal?: AdrSetting | undefined;
}

export class Downlinks {
  /** Frames scheduled by window; those that no gateway had the airtime for, or that every gateway refused; items too long for their device. */
  readonly counters = { rx1: 0, rx2: 0, noAirtime: 0, refused: 0, tooLong: 0 };
  #world: World;
  #plan: NetworkPlan;
  #listener: NetworkListener;
  #random: RandomStream;

  constructor(world: World, plan: NetworkPlan, listener: NetworkListener, random: RandomStream) {
    this.#world = world;
    this.#plan = plan;
    this.#listener = listener;
    this.#random = random;
  }

  sendJoinAccept(set: UplinkSet, device: Device, accept: Uint8Array): void {
    const { region } = this.#plan;
    const windows = this.#windows(set, JOIN_ACCEPT_DELAY_S, 0, region.rx2DataRate);
    const { nowUs } = this.#world;
    const underWay = scheduleDownlink(set, windows, accept, nowUs, (scheduled, refusal) =>
      this.#countOutcome(device, windows, scheduled, refusal),
    );
    if (!underWay) this.counters.noAirtime++;
  }

  /** Sends what an uplink asks for and what waits in the queue; nothing when there is nothing to say. */
  sendData(set: UplinkSet, session: DeviceSession, reasons: DownlinkReasons): void {
    const { device, parameters } = session;
    const { answers, proposal, acknowledge, adrAckReq } = reasons;
    if (proposal !== undefined) addLinkAdrReq(answers, proposal, this.#plan.mask);
    const windows = this.#windows(set, parameters.rx1DelayS, parameters.rx1DrOffset, parameters.rx2DataRate);
    this.#dropTooLong(device, windows);
    const item = device.queue.head;
    const wanted = acknowledge || answers.length > 0 || adrAckReq === true;
    if (item !== undefined && this.#send(set, session, reasons, windows, item)) return;
    if (wanted && this.#send(set, session, reasons, windows, undefined)) return;
    if (item !== undefined || wanted) this.counters.noAirtime++;
  }

  /** Every new uplink decides about a confirmed downlink before it. */
  noteAcknowledgement(device: Device, ack: boolean, deduplicationId: string, unixMs: number): void {
    const { awaiting } = device.queue;
    if (awaiting === undefined) return;
    device.queue.awaiting = undefined;
    const { id, fCntDown } = awaiting;
    this.#listener.onAcknowledged({
      device,
      deduplicationId,
      unixMs,
      queueItemId: id,
      acknowledged: ack,
      fCntDown,
    });
  }

  /** Tries one frame; false when it fits in no window or no gateway has the airtime. */
  #send(
    set: UplinkSet,
    session: DeviceSession,
    reasons: DownlinkReasons,
    windows: readonly ReceiveWindow[],
    item: DownlinkItem | undefined,
  ): boolean {
    const { device } = session;
    const { answers, acknowledge, proposal } = reasons;
    const payload = item?.data ?? NO_PAYLOAD;
    const roomy = windows.filter(({ dataRate }) => payload.length + answers.length <= this.#plan.maxPayload(dataRate));
    if (roomy.length === 0) return false;
    const waiting = device.queue.length - (item === undefined ? 0 : 1);
    const header: DataHeader = {
      uplink: false,
      confirmed: item?.confirmed ?? false,
      devAddr: session.parameters.devAddr,
      adr: true,
      adrAckReq: false,
      ack: acknowledge,
      fPending: waiting > 0,
      fCnt: session.takeFCntDown(),
      fPort: item?.fPort ?? NO_PORT,
    };
    const buffer = new Uint8Array(255);
    const { bytes, length: fOptsLength } = answers;
    const length = session.codec.writeData(header, bytes, fOptsLength, payload, payload.length, buffer);
    const frame = buffer.slice(0, length);
    return scheduleDownlink(set, roomy, frame, this.#world.nowUs, (scheduled, refusal) => {
      this.#countOutcome(device, windows, scheduled, refusal);
      if (scheduled === undefined) return;
      session.adrAsked = proposal;
      if (item !== undefined) this.#itemLeft(device, item, header.fCnt, scheduled);
    });
  }

  #itemLeft(device: Device, item: DownlinkItem, fCntDown: number, { reception, window }: Scheduled): void {
    if (device.queue.head === item) device.queue.shift();
    if (item.confirmed) device.queue.awaiting = { id: item.id, fCntDown };
    this.#listener.onTransmission({
      device,
      unixMs: this.#world.unixMs,
      downlinkId: this.#random.u32(),
      queueItemId: item.id,
      fCntDown,
      gatewayId: reception.gateway.id,
      modulation: window.modulation,
      powerDbm: window.powerDbm,
      delayS: window.delayS,
      counter: reception.counter,
    });
  }

  /** RX1 and RX2 of an uplink. */
  #windows(set: UplinkSet, delayS: number, rx1DrOffset: number, rx2DataRate: number): ReceiveWindow[] {
    const plan = this.#plan;
    const { modulation } = set.receptions[0];
    const { rx2FrequencyHz } = plan.region;
    const rx1DataRate = plan.rx1DataRate(plan.dataRateOf(modulation), rx1DrOffset);
    const window = (frequencyHz: number, dataRate: number, atS: number): ReceiveWindow => ({
      delayS: atS,
      dataRate,
      modulation: plan.downlink(frequencyHz, dataRate),
      powerDbm: plan.downlinkPowerDbm(frequencyHz),
    });
    const rx1FrequencyHz = plan.rx1FrequencyHz(modulation.frequencyHz);
    return [window(rx1FrequencyHz, rx1DataRate, delayS), window(rx2FrequencyHz, rx2DataRate, delayS + 1)];
  }

  /** An item that no window takes even alone would wait for ever: it is dropped, and the application told, as ChirpStack does. */
  #dropTooLong(device: Device, windows: readonly ReceiveWindow[]): void {
    const most = Math.max(...windows.map(({ dataRate }) => this.#plan.maxPayload(dataRate)));
    while (device.queue.head !== undefined && device.queue.head.data.length > most) {
      device.queue.shift();
      this.counters.tooLong++;
      this.#log(device, "DOWNLINK_PAYLOAD_SIZE", `payload exceeds ${most} bytes`);
    }
  }

  #countOutcome(
    device: Device,
    windows: readonly ReceiveWindow[],
    scheduled: Scheduled | undefined,
    refusal: TxStatus | undefined,
  ): void {
    if (scheduled === undefined) {
      this.counters.refused++;
      this.#log(device, "DOWNLINK_GATEWAY", refusal ?? "refused");
    } else if (scheduled.window === windows[0]) {
      this.counters.rx1++;
    } else {
      this.counters.rx2++;
    }
  }

  #log(device: Device, code: "DOWNLINK_PAYLOAD_SIZE" | "DOWNLINK_GATEWAY", description: string): void {
    this.#listener.onLogged({ device, unixMs: this.#world.unixMs, level: "ERROR", code, description });
  }
}
