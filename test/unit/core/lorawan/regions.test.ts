import { deepEqual, equal, ok } from "node:assert/strict";
import { Chance } from "../../../../firmware/core/lorawan/chance.ts";
import { ANY_BANK, ChannelPlan, NO_JOIN } from "../../../../firmware/core/lorawan/channel-plan.ts";
import { DutyCycle } from "../../../../firmware/core/lorawan/duty-cycle.ts";
import { REGIONS, regionOf } from "../../../../firmware/core/lorawan/region/index.ts";
import {
  defaultChannelCount,
  isDataRate,
  type Region,
  subBandOf,
} from "../../../../firmware/core/lorawan/region/region.ts";
import { timeOnAirUs } from "../../../../firmware/wire/time-on-air.ts";
import { RandomStream } from "../../../../host-sim/random-stream.ts";
import { MacBench } from "./mac-bench.ts";

function region(name: string): Region {
  const found = regionOf(name);
  ok(found);
  return found;
}

function joined(name: string, options: ConstructorParameters<typeof MacBench>[0] = {}): MacBench {
  const bench = new MacBench({ region: region(name), ...options });
  bench.join({ rx2DataRate: region(name).rx2DataRate });
  bench.exchange();
  bench.nowMs += 60_000;
  bench.seen = [];
  return bench;
}

function answers(bench: MacBench, commands: string): string {
  bench.exchange({ rx1: bench.down({}, commands) });
  bench.nowMs += 60_000;
  return bench.exchange().fOpts;
}

/** The channels that `count` uplinks use, ascending. */
function channels(bench: MacBench, count: number): number[] {
  const used = new Set<number>();
  for (let i = 0; i < count; i++) {
    bench.nowMs += 60_000;
    bench.exchange();
    used.add(bench.last("transmit").modulation!.frequencyHz);
  }
  return [...used].sort((a, b) => a - b);
}

const bank = (index: number, firstHz = 902_300_000): number[] =>
  Array.from({ length: 8 }, (_, i) => firstHz + (8 * index + i) * 200_000);

describe("LoRaWAN regions", () => {
  it("RP002-1.0.4: defaults by region", () => {
    const rows = REGIONS.map((each) => [
      each.name,
      each.defaultChannels[0].firstHz / 1e6,
      defaultChannelCount(each),
      each.rx2FrequencyHz / 1e6,
      each.rx2DataRate,
      each.maxEirpDbm,
      each.maxTxPower,
    ]);
    deepEqual(rows, [
      ["EU868", 868.1, 3, 869.525, 0, 16, 7],
      ["US915", 902.3, 72, 923.3, 8, 30, 14],
      ["AU915", 915.2, 72, 923.3, 8, 30, 14],
      ["AS923-1", 923.2, 2, 923.2, 2, 16, 7],
      ["AS923-2", 921.4, 2, 921.4, 2, 16, 7],
      ["AS923-3", 916.6, 2, 916.6, 2, 16, 7],
      ["AS923-4", 917.3, 2, 917.3, 2, 16, 7],
      ["IN865", 865.0625, 3, 866.55, 2, 30, 10],
      ["KR920", 922.1, 3, 921.9, 0, 14, 7],
    ]);
    equal(regionOf("EU433"), undefined);
  });

  for (const each of REGIONS) {
    it(`${each.name}: the tables fit together`, () => {
      const { maxUplinkDataRate, rx1DataRates, rx1DataRatesDwell, joinDataRates, lowerDataRate } = each;
      equal(rx1DataRates.length, rx1DataRatesDwell.length);
      for (let dataRate = 0; dataRate <= maxUplinkDataRate; dataRate++) {
        ok(isDataRate(each, dataRate));
        ok(each.maxMacPayload[dataRate] >= each.maxMacPayloadDwell[dataRate]);
        ok(lowerDataRate[dataRate] < dataRate);
        ok(rx1DataRates[dataRate][0] >= each.minDownlinkDataRate);
        for (const down of rx1DataRates[dataRate]) ok(down === 7 || isDataRate(each, down), `${down}`);
        // Within the dwell time: what the table allows lasts 400 ms at most.
        if (each.uplinkDwell && each.maxMacPayloadDwell[dataRate] > 0) {
          const { spreadingFactor, bandwidthHz } = each.dataRates[dataRate]!;
          const modulation = { spreadingFactor, bandwidthHz, codingRate: 1, preambleSymbols: 8, crcOn: true };
          ok(timeOnAirUs(modulation, each.maxMacPayloadDwell[dataRate] + 5) <= 400_000, `DR${dataRate}`);
        }
      }
      const plan = new ChannelPlan(each);
      for (const dataRate of joinDataRates) ok(plan.supports(dataRate));
      for (let i = 0; i < defaultChannelCount(each); i++) ok(subBandOf(each, plan.frequencyHz(i)) >= 0);
      ok(each.rx2FrequencyHz >= each.minFrequencyHz && each.rx2FrequencyHz <= each.maxFrequencyHz);
    });

    it(`${each.name}: a node joins, hears both windows, keeps its session through reset and deep sleep`, () => {
      const bench = new MacBench({ region: each });
      bench.cycles = true;
      bench.handle({ kind: "join" });
      bench.air();
      bench.nowMs = bench.last("joinFailed").untilMs!;
      bench.join({ rx2DataRate: each.rx2DataRate, rx1DrOffset: 1 });
      bench.exchange({ rx1: bench.down({}, "06", "aa") });
      bench.nowMs += 600_000;
      bench.exchange({ rx2: bench.down({}, "", "bb") });
      equal(bench.all("downlink").length, 2);
      const frequencyHz = bench.last("receive").modulation!.frequencyHz;
      equal(frequencyHz, each.rx2FrequencyHz);
      const { dataRate } = bench.mac;
      bench.reboot();
      ok(bench.mac.joined);
      equal(bench.mac.dataRate, dataRate);
      equal(bench.exchange().fCnt16, 64);
    });
  }
});

describe("fixed channel plans", () => {
  it("RP002-1.0.4, US902-928, join channels: 72 join requests probe bank after bank and use every channel once", () => {
    const plan = new ChannelPlan(region("US915"));
    const dutyCycle = new DutyCycle(region("US915"));
    const chance = new Chance(new RandomStream(2, "banks"));
    const used: number[] = [];
    for (let pass = 0; pass < 8; pass++) {
      for (let step = 0; step < 8; step++) {
        const channel = plan.select(0, 400, 0, step, dutyCycle, chance);
        equal(Math.floor(channel / 8), step);
        used.push(channel);
      }
      const wide = plan.select(4, 400, 0, ANY_BANK, dutyCycle, chance);
      ok(wide >= 64);
      used.push(wide);
    }
    equal(new Set(used).size, 72);
  });

  it("a node that knows its sub-band joins and sends on that bank and its channel of 500 kHz only", () => {
    for (const [name, firstHz, wideHz] of [
      ["US915", 902_300_000, 904_600_000],
      ["AU915", 915_200_000, 917_500_000],
    ] as const) {
      const bench = new MacBench({ region: region(name), subBand: 2 });
      const frequencies = new Set<number>();
      for (let i = 0; i < 16; i++) {
        bench.handle({ kind: "join" });
        const { modulation } = bench.last("transmit");
        equal(modulation!.bandwidthHz, i % 2 === 0 ? 125_000 : 500_000);
        if (i % 2 === 1) equal(modulation!.frequencyHz, wideHz);
        else frequencies.add(modulation!.frequencyHz);
        bench.air();
        bench.nowMs = bench.last("joinFailed").untilMs!;
      }
      deepEqual([...frequencies].sort(), bank(1, firstHz));
      bench.join({ rx2DataRate: 8 });
      deepEqual(channels(bench, 16), bank(1, firstHz));
    }
  });

  it("RP002-1.0.4, US902-928, CFList: a CFList of type 1 is masks; type 0, and masks that leave nothing, change nothing", () => {
    const cfList = Buffer.from("00ff000000000000" + "0200" + "00000000000001", "hex").subarray(0, 16);
    equal(cfList.length, 16);
    cfList[15] = 1;
    for (const [type, mask, expected] of [
      [1, 0xff, 8],
      [0, 0xff, 64],
      [1, 0x00, 64],
    ]) {
      const list = Uint8Array.from(cfList);
      list[1] = mask;
      if (mask === 0) list[8] = 0;
      list[15] = type;
      const bench = new MacBench({ region: region("US915") });
      bench.join({ rx2DataRate: 8, hasCfList: true, cfList: list });
      equal(channels(bench, 90).length, expected);
    }
  });

  it("RP002-1.0.4, US902-928, LinkADRReq: ChMaskCntl 0 to 7", () => {
    const bench = joined("US915");
    equal(answers(bench, "0330020051"), "0307", "5: bank 1 and channel 65");
    deepEqual(channels(bench, 16), bank(1));
    equal(answers(bench, "0340020041"), "0307", "4: channels 64 to 71 beside the bank");
    deepEqual(channels(bench, 3), [904_600_000]);
    equal(answers(bench, "0330ff0061"), "0307", "6: all of 125 kHz");
    ok(channels(bench, 90).length >= 63, "the answer went out on one of them");
    equal(answers(bench, "033f000071" + "0330030021"), "03070307", "7, then 2: channels 32 and 33");
    deepEqual(channels(bench, 4), [908_700_000, 908_900_000]);
    equal(answers(bench, "033f000071" + "0330010021"), "03060306", "FCC 15.247: two channels at least");
    equal(answers(bench, "0330ffff41"), "0307", "bits behind channel 71 are RFU");
  });

  it("RP002-1.0.4, US902-928, receive windows: RX1 is downlink channel n modulo 8, at 500 kHz", () => {
    const bench = joined("US915");
    for (let i = 0; i < 20; i++) {
      bench.exchange();
      const up = bench.last("transmit").modulation!;
      const down = bench.all("receive").at(-2)!.modulation!;
      const index = (up.frequencyHz - 902_300_000) / 200_000;
      equal(down.frequencyHz, 923_300_000 + (index % 8) * 600_000);
      equal(down.bandwidthHz, 500_000);
      equal(down.spreadingFactor, 10, "DR0 up is DR10 down");
    }
  });

  it("RP002-1.0.4, US902-928, power, FCC 15.247: 30 dBm over 64 channels, 21 dBm over 8, 26 dBm at 500 kHz", () => {
    const bench = joined("US915");
    bench.exchange();
    equal(bench.last("transmit").powerDbm, 28, "less 2 dB of antenna");
    equal(answers(bench, "0330020051"), "0307");
    equal(bench.last("transmit").powerDbm, 19);
    equal(answers(bench, "0340020041"), "0307");
    equal(bench.last("transmit").powerDbm, 24);
    equal(answers(bench, "0345020041"), "0307");
    equal(bench.last("transmit").powerDbm, 18, "TXPower 5 is 20 dBm");
  });

  it("RP002-1.0.4, US902-928, receive windows: RX2 only where and how gateways send", () => {
    const bench = joined("US915");
    equal(answers(bench, "050868e28c"), "0507", "923.3 MHz");
    equal(answers(bench, "0508d8f98c"), "0507", "923.9 MHz");
    equal(answers(bench, "050850e68c"), "0506", "923.4 MHz is no downlink channel");
    equal(answers(bench, "050068e28c"), "0505", "DR0 is no downlink data rate");
    equal(answers(bench, "054868e28c"), "0503", "RX1DROffset 4");
  });

  it("a join probes at 500 kHz; the session begins at the slow data rate all the same", () => {
    const bench = new MacBench({ region: region("US915") });
    for (let i = 0; i < 8; i++) {
      bench.handle({ kind: "join" });
      bench.air();
      bench.nowMs = bench.last("joinFailed").untilMs!;
    }
    bench.handle({ kind: "join" });
    equal(bench.last("transmit").modulation!.bandwidthHz, 500_000);
    bench.transmitted();
    bench.window(bench.accept({ rx2DataRate: 8 }));
    equal(bench.mac.dataRate, 0);
    equal(bench.mac.maxPayload(), 11);
  });
});

describe("dwell time", () => {
  it("RP002-1.0.4, AU915-928 and AS923, dwell time: until TXParamSetupReq lifts it, no uplink over 400 ms: no DR0, DR1, and short frames above", () => {
    for (const name of ["AU915", "AS923-1"]) {
      const sizes = [2, 3, 4, 5].map((fixedDataRate) => joined(name, { fixedDataRate }).mac.maxPayload());
      deepEqual(sizes, [11, 53, 125, 222]);
      const bench = joined(name);
      const all = name === "AU915" ? "ff0061" : "030001";
      equal(answers(bench, `0300${all}`), "0305");
      equal(answers(bench, "0905"), "09");
      equal(answers(bench, `0300${all}`), "0307");
      equal(bench.mac.maxPayload(), 51);
      equal(answers(bench, "0915"), "09");
      equal(bench.mac.dataRate, 2, "the slowest that is left");
    }
  });

  it("RP002-1.0.4, AS923, receive windows: with the downlink's dwell time RX1 goes no lower than DR2", () => {
    const bench = joined("AS923-1");
    equal(answers(bench, "0905055280de8c"), "090507");
    equal(answers(bench, "0332030001"), "0307");
    bench.exchange();
    equal(bench.all("receive").at(-2)!.modulation!.spreadingFactor, 12, "DR3 less 5");
    equal(answers(bench, "0925"), "09");
    bench.exchange();
    equal(bench.all("receive").at(-2)!.modulation!.spreadingFactor, 10);
  });

  it("RP002-1.0.4, AS923, receive windows: a data rate whose RX1 would be FSK is refused, and so is such an offset", () => {
    const bench = joined("AS923-1");
    equal(answers(bench, "057280de8c"), "0503", "DR5 with offset 7 is DR7");
    equal(answers(bench, "0342030001"), "0307");
    equal(answers(bench, "057280de8c"), "0507");
    equal(answers(bench, "0352030001"), "0305");
  });

  it("RP002-1.0.4, AS923, join: join requests at DR2 to DR5, whatever data rate is fixed", () => {
    for (const fixedDataRate of [undefined, 0]) {
      const bench = new MacBench({ region: region("AS923-2"), fixedDataRate });
      const factors: number[] = [];
      for (let i = 0; i < 5; i++) {
        bench.handle({ kind: "join" });
        factors.push(bench.last("transmit").modulation!.spreadingFactor);
        bench.air();
        bench.nowMs = bench.last("joinFailed").untilMs!;
      }
      deepEqual(factors, [7, 8, 9, 10, 7]);
    }
  });

  it("RP002-1.0.4, KR920-923, power: in Korea 10 dBm below 922 MHz, 14 dBm above", () => {
    const bench = joined("KR920");
    const powers = new Map<number, number>();
    equal(answers(bench, "0703189c8c50"), "0703", "921.5 MHz");
    for (let i = 0; i < 12; i++) {
      bench.exchange();
      bench.nowMs += 60_000;
      const { modulation, powerDbm } = bench.last("transmit");
      powers.set(modulation!.frequencyHz, powerDbm!);
    }
    equal(powers.get(921_500_000), 8);
    equal(powers.get(922_100_000), 12);
  });

  it("select: no join means any enabled channel", () => {
    const plan = new ChannelPlan(region("KR920"));
    const chance = new Chance(new RandomStream(1, "any"));
    ok(plan.select(5, 60, 0, NO_JOIN, new DutyCycle(region("KR920")), chance) >= 0);
    equal(plan.select(6, 60, 0, NO_JOIN, new DutyCycle(region("KR920")), chance), -1);
  });
});
