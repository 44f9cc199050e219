/** A virtual base node: the firmware's base application on a modelled radio chip and a Wi-Fi link to the broker, in the world's time. It has mains power. */
import { BaseApp, type BaseConfig } from "../firmware/app/base-app.ts";
import { p2pPlan } from "../firmware/core/uplink/p2p-plan.ts";
import { Sx126x } from "../firmware/drivers/radio/sx126x.ts";
import type { RadioEvents } from "../firmware/ports/radio.ts";
import { KeyValueMemory } from "./chips/key-value-memory.ts";
import { PowerRail } from "./chips/power-rail.ts";
import { Sx1262 } from "./chips/sx1262.ts";
import type { Broker } from "./network/broker.ts";
import { toHex } from "./network/text-encoding.ts";
import { WifiLink } from "./network/wifi-link.ts";
import { lateNetworkEvents, type NodeTiming, slowRadioIo, VirtualClock, VirtualTimer } from "./node-timing.ts";
import type { RadioChannel } from "./radio/channel.ts";
import type { Position } from "./radio/propagation.ts";
import { VirtualCpu } from "./virtual-cpu.ts";
import type { World } from "./world.ts";

/** As on the virtual node's board. */
const TCXO_VOLTS = 1.8;

export interface VirtualBaseOptions {
  world: World;
  channel: RadioChannel;
  position: Position;
  broker: Broker;
  config: BaseConfig;
  /** What is wrong with its time; without it the clock is right, and JavaScript takes no time. */
  timing?: NodeTiming;
}

export class VirtualBase {
  readonly app: BaseApp;
  readonly radioChip: Sx1262;
  readonly wifi: WifiLink;
  /** Reasons that the radio's driver gave for an error. */
  readonly radioErrors: string[] = [];
  #cpu: VirtualCpu | undefined;

  /** It is there, and listens from `powerOn` on. */
  constructor({ world, channel, position, broker, config, timing }: VirtualBaseOptions) {
    const name = `base/${toHex(config.eui)}`;
    const clock = new VirtualClock(world, timing?.clockPpm);
    const cpu =
      timing === undefined
        ? undefined
        : new VirtualCpu(world, world.random(`${name}/cpu`), Math.floor((timing.latencyMs ?? 0) * 1000));
    this.#cpu = cpu;
    this.wifi = new WifiLink(world, broker, name);
    this.radioChip = new Sx1262({ world, channel, position, tcxo: true, dio2RfSwitch: true });
    const events: RadioEvents = {
      onTransmitted: (atMs) => this.app.radioEvents.onTransmitted(atMs),
      onReceived: (...frame) => this.app.radioEvents.onReceived(...frame),
      onReceiveTimeout: (atMs) => this.app.radioEvents.onReceiveTimeout(atMs),
      onError: (reason) => {
        this.radioErrors.push(reason);
        this.app.radioEvents.onError(reason);
      },
    };
    const radio = new Sx126x({
      ...(cpu === undefined ? this.radioChip.io : slowRadioIo(this.radioChip.io, cpu, clock)),
      clock,
      timer: new VirtualTimer(world, clock, cpu),
      events,
      tcxoVoltage: TCXO_VOLTS,
      dio2AsRfSwitch: true,
      frequencyHz: p2pPlan(config.region, config.dataRate).uplink.frequencyHz,
    });
    const timer = new VirtualTimer(world, clock, cpu);
    const keyValue = new KeyValueMemory({ power: new PowerRail(), random: world.random(`${name}/power`) });
    this.app = new BaseApp({ clock, timer, radio, network: this.wifi, keyValue }, config);
  }

  powerOn(): void {
    this.wifi.open(lateNetworkEvents(this.app.networkEvents, this.#cpu));
    this.app.start();
  }
}
