/** Builds the ways out that a configuration asks for, in the order of preference: Wi-Fi costs no airtime. */

import { SLEEPING_TIME_REFRESH_MS, TIME_REFRESH_MS } from "../core/bounds.ts";
import { Chance } from "../core/lorawan/chance.ts";
import { p2pPlan } from "../core/uplink/p2p-plan.ts";
import { CompactCoder } from "../wire/compact-coder.ts";
import { compactRules } from "../wire/compact-profiles.ts";
import { LorawanPath } from "./lorawan-path.ts";
import type { NodeConfig, NodePorts } from "./node-ports.ts";
import { P2pPath } from "./p2p-path.ts";
import type { PathOwner } from "./uplink-path.ts";
import { WifiPath } from "./wifi-path.ts";

export interface Paths {
  wifi: WifiPath | undefined;
  /** What works on the radio port. */
  radio: LorawanPath | P2pPath | undefined;
  /** Of compact tokens, where such are sent. */
  coder: CompactCoder | undefined;
}

export function createPaths(ports: NodePorts, config: NodeConfig, ueid: Uint8Array, owner: PathOwner): Paths {
  const { devEui, joinEui, region, subBand, abp, fixedDataRate, profile, downlinks = true } = config;
  const paths: Paths = { wifi: undefined, radio: undefined, coder: undefined };
  const timeRefreshMs = config.deepSleep ? SLEEPING_TIME_REFRESH_MS : TIME_REFRESH_MS;
  const uplinkOptions = { ueid, ciphers: ports.crypto, downlinks, timeRefreshMs };
  if (config.uplink === "wifi" || config.uplink === "both") {
    if (ports.network === undefined) throw new RangeError("node: Wi-Fi without a network port");
    paths.wifi = new WifiPath(ports.network, devEui, ports.crypto, ueid, owner, downlinks);
  }
  if (config.uplink === "lorawan" || config.uplink === "both") {
    if (ports.radio === undefined) throw new RangeError("node: LoRaWAN without a radio port");
    const crypto = ports.crypto;
    const macOptions = { devEui, joinEui, region, subBand, abp, fixedDataRate, crypto, random: crypto };
    const rules = compactRules(profile);
    paths.coder = rules && new CompactCoder(profile, rules);
    const tokenOptions = { ...uplinkOptions, profile, coder: paths.coder };
    paths.radio = new LorawanPath(ports.radio, ports.keyValue, macOptions, tokenOptions, owner);
  }
  if (config.uplink === "p2p") {
    if (ports.radio === undefined) throw new RangeError("node: point to point without a radio port");
    const plan = p2pPlan(region, fixedDataRate);
    const options = { ueid, region, plan, ciphers: ports.crypto, chance: new Chance(ports.crypto) };
    paths.radio = new P2pPath(ports.radio, ports.keyValue, options, uplinkOptions, owner);
  }
  return paths;
}
