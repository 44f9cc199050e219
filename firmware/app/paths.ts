/** Builds the ways out that a configuration asks for, in the order of preference: Wi-Fi costs no airtime. */

import { LorawanPath } from "./lorawan-path.ts";
import type { NodeConfig, NodePorts } from "./node-ports.ts";
import type { PathOwner } from "./uplink-path.ts";
import { WifiPath } from "./wifi-path.ts";

export interface Paths {
  wifi: WifiPath | undefined;
  lorawan: LorawanPath | undefined;
}

export function createPaths(ports: NodePorts, config: NodeConfig, ueid: Uint8Array, owner: PathOwner): Paths {
  const { devEui, joinEui, region, fixedDataRate } = config;
  const paths: Paths = { wifi: undefined, lorawan: undefined };
  if (config.uplink !== "lorawan") {
    if (ports.network === undefined) throw new RangeError("node: Wi-Fi without a network port");
    paths.wifi = new WifiPath(ports.network, devEui, ports.crypto, ueid, owner);
  }
  if (config.uplink !== "wifi") {
    if (ports.radio === undefined) throw new RangeError("node: LoRaWAN without a radio port");
    const macOptions = { devEui, joinEui, region, fixedDataRate, crypto: ports.crypto, random: ports.crypto };
    paths.lorawan = new LorawanPath(ports.radio, ports.keyValue, macOptions, ueid, owner);
  }
  return paths;
}
