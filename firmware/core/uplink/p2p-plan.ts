/**
 * Where point to point frames are sent, derived from a region's table, so that node and base agree by naming region and data rate: uplinks on the first
 * channel that LoRaWAN has there too, answers where LoRaWAN has RX2 (in EU868 the sub-band with 10 %, since a base answers for many nodes).
 *
 * A node does not hop. Where the region obliges to that at 125 kHz (US915 and AU915, FCC 15.247), the channel is the first of those with 500 kHz,
 * which is digital modulation and need not. Listen before talk, which Korea and Japan may ask for, is not done.
 */
import type { LoraModulation } from "../../ports/radio.ts";
import { MAX_P2P_ANSWER_BYTES, MAX_P2P_FRAME_BYTES, P2P_SYNC_WORD } from "../../wire/p2p-frame.ts";
import type { Region } from "../lorawan/region/region.ts";

/** MHDR and MIC, which LoRaWAN sends around what the region's table limits. */
const AROUND_MAC_PAYLOAD_BYTES = 5;
/** Gain of the antenna less the loss before it: the region limits what is radiated. */
const ANTENNA_GAIN_DB = 2;

export interface P2pPlan {
  readonly uplink: LoraModulation;
  readonly answer: LoraModulation;
  /** The longest uplink, in bytes. */
  readonly maxFrameBytes: number;
  readonly powerDbm: number;
}

/** `dataRate`: numbered as the region does; without it the fastest that its channel has. Throws when the region does not have it there. */
export function p2pPlan(region: Region, dataRate?: number): P2pPlan {
  const channel = region.defaultChannels[region.dynamicChannels ? 0 : 1];
  const rate = dataRate ?? channel.maxDataRate;
  const modulation = region.dataRates[rate];
  if (modulation === undefined || rate < channel.minDataRate || rate > channel.maxDataRate)
    throw new RangeError(`point to point: ${region.name} has no DR${rate} on its channel`);
  const maxMacPayload = (region.uplinkDwell ? region.maxMacPayloadDwell : region.maxMacPayload)[rate];
  const maxFrameBytes = Math.min(maxMacPayload + AROUND_MAC_PAYLOAD_BYTES, MAX_P2P_FRAME_BYTES);
  if (maxFrameBytes < MAX_P2P_ANSWER_BYTES)
    throw new RangeError(`point to point: no room in a frame of ${region.name} DR${rate}`);
  const common = { ...modulation, codingRate: 1, preambleSymbols: 8, syncWord: P2P_SYNC_WORD, crcOn: true };
  return {
    uplink: { ...common, frequencyHz: channel.firstHz, invertIq: false },
    // Nodes do not hear each other, nor bases other bases.
    answer: { ...common, frequencyHz: region.rx2FrequencyHz, invertIq: true },
    maxFrameBytes,
    powerDbm: region.maxEirpDbm - ANTENNA_GAIN_DB,
  };
}
