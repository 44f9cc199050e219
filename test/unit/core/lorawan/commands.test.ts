import { deepEqual, equal, ok } from "node:assert/strict";
import { MacAnswers } from "../../../../firmware/core/lorawan/answers.ts";
import { CommandHandler } from "../../../../firmware/core/lorawan/command-handler.ts";
import { EU868 } from "../../../../firmware/core/lorawan/region/eu868.ts";
import type { Region } from "../../../../firmware/core/lorawan/region/region.ts";
import { Session } from "../../../../firmware/core/lorawan/session.ts";
import { MacBench } from "./mac-bench.ts";

function joined(options: ConstructorParameters<typeof MacBench>[0] = {}): MacBench {
  const bench = new MacBench(options);
  bench.join();
  bench.exchange();
  bench.nowMs += 60_000;
  return bench;
}

/** Sends `commands` down in FOpts; returns the answers of the next uplink. */
function answers(bench: MacBench, commands: string): string {
  bench.exchange({ rx1: bench.down({}, commands) });
  bench.nowMs += 60_000;
  return bench.exchange().fOpts;
}

function channels(bench: MacBench, uplinks = 20): number[] {
  const used = new Set<number>();
  for (let i = 0; i < uplinks; i++) {
    bench.nowMs += 60_000;
    bench.exchange();
    used.add(bench.last("transmit").modulation!.frequencyHz);
  }
  return [...used].sort((a, b) => a - b);
}

describe("MAC commands on the device", () => {
  it("TS001-1.0.4 5.2: LinkADRReq sets data rate, power, mask and NbTrans, and is on flash before it is answered", () => {
    const bench = joined();
    bench.seen = [];
    equal(answers(bench, "0334050002"), "0307");
    ok(bench.kinds().includes("store lw.down, store lw.sess, sleepRadio, sent"));
    equal(bench.last("transmit").modulation!.spreadingFactor, 9);
    equal(bench.last("transmit").powerDbm, 16 - 8 - 2);
    deepEqual(channels(bench), [868_100_000, 868_500_000]);
    equal(bench.mac.dataRate, 3);
  });

  it("TS001-1.0.4 5.2: what cannot be is refused whole: each bit for itself", () => {
    const refused: [string, string, string][] = [
      ["an undefined channel", "0334ff0001", "0306"],
      ["no channel at all", "0334000001", "0306"],
      ["an RFU mask control", "0334070011", "0306"],
      ["an unknown data rate", "0374070001", "0305"],
      ["a data rate that no channel has", "0364070001", "0305"],
      ["an unknown power", "0358070001", "0303"],
      ["everything", "0378ff0011", "0300"],
    ];
    for (const [why, command, answer] of refused) {
      const bench = joined();
      equal(answers(bench, command), answer, why);
      equal(bench.last("transmit").modulation!.spreadingFactor, 7, why);
      equal(bench.last("transmit").powerDbm, 14, why);
      deepEqual(channels(bench), [868_100_000, 868_300_000, 868_500_000], why);
    }
  });

  it("TS001-1.0.4 5.2: 15 keeps data rate and power; NbTrans 0 is 1; control 6 switches all defined channels on", () => {
    const bench = joined();
    answers(bench, "0353010002");
    equal(answers(bench, "03ff000060"), "0307");
    equal(bench.last("transmit").modulation!.spreadingFactor, 7);
    equal(bench.last("transmit").powerDbm, 14 - 6);
    deepEqual(channels(bench), [868_100_000, 868_300_000, 868_500_000]);
    ok(bench.all("transmit").at(-1)!.atMs - bench.all("transmit").at(-2)!.atMs > 60_000, "no repeats");
  });

  it("TS001-1.0.4 5.2: a block of LinkADRReq is one request: masks build up, the last one's values count, all or none", () => {
    const bench = joined();
    // The first mask alone would leave nothing; the second puts channel 1 on. Values of the first are not looked at.
    equal(answers(bench, "037f000001" + "0341020001"), "03070307");
    equal(bench.last("transmit").modulation!.spreadingFactor, 8);
    deepEqual(channels(bench), [868_300_000]);
    equal(answers(bench, "0341ff0001" + "0352010001"), "03060306");
    deepEqual(channels(bench), [868_300_000]);
    // Another command between them makes two blocks.
    equal(answers(bench, "0341010001" + "06" + "0341ff0001"), "030706ff050306");
    deepEqual(channels(bench), [868_100_000]);
  });

  it("TS001-1.0.4 4.3.1.1: with ADR off only the channel mask is taken", () => {
    const bench = joined({ fixedDataRate: 4 });
    equal(answers(bench, "0301010003"), "0301");
    equal(bench.last("transmit").modulation!.spreadingFactor, 8);
    equal(bench.last("transmit").powerDbm, 14);
    deepEqual(channels(bench), [868_100_000]);
    equal(answers(bench, "0301ff0003"), "0300");
  });

  it("TS001-1.0.4 5.3: DutyCycleReq silences the device on every channel", () => {
    const bench = joined();
    equal(answers(bench, "0407"), "04");
    const { bytes } = bench.last("transmit");
    ok(bytes);
    bench.seen = [];
    bench.send();
    equal(bench.last("refused").reason, "duty-cycle");
    const silentMs = bench.last("refused").untilMs! - bench.nowMs;
    ok(silentMs > 0 && silentMs < 127 * 60);
    bench.nowMs = bench.last("refused").untilMs!;
    bench.send();
    equal(bench.all("transmit").length, 1);
  });

  it("TS001-1.0.4 5.4: RXParamSetupReq is all or none, and is answered until a downlink comes", () => {
    const bench = joined();
    equal(answers(bench, "0523d2ad84"), "0507");
    equal(bench.all("receive").at(-2)!.modulation!.spreadingFactor, 9, "DR5 less 2");
    equal(bench.last("receive").modulation!.spreadingFactor, 9, "DR3");
    equal(bench.exchange().fOpts, "0507");
    equal(bench.exchange({ rx1: bench.down() }).fOpts, "0507");
    equal(bench.exchange().fOpts, "");
    equal(answers(joined(), "0573d2ad84"), "0503");
    equal(answers(joined(), "052fd2ad84"), "0505");
    equal(answers(joined(), "0523000000"), "0506");
  });

  it("TS001-1.0.4 5.5: DevStatusAns has the battery and the margin of the request", () => {
    const bench = joined();
    bench.mac.battery = 200;
    bench.exchange({ rx1: bench.down({}, "06"), snrDb: -3.6 });
    equal(bench.exchange().fOpts, "06c83c");
    equal(bench.exchange().fOpts, "");
  });

  it("TS001-1.0.4 5.6: NewChannelReq defines, changes and removes a channel, but none of the defaults", () => {
    const bench = joined();
    equal(answers(bench, "0703184f8450"), "0703");
    deepEqual(channels(bench), [867_100_000, 868_100_000, 868_300_000, 868_500_000]);
    equal(answers(bench, "070300000050"), "0703");
    deepEqual(channels(bench), [868_100_000, 868_300_000, 868_500_000]);
    equal(answers(bench, "0700184f8450"), "0700", "a default channel");
    equal(answers(bench, "0710184f8450"), "0700", "no such channel");
    equal(answers(bench, "0703000a8450"), "0703");
    equal(answers(bench, "0704c0f58550"), "0702", "868.65 MHz is for alarms");
    equal(answers(bench, "0704184f8405"), "0701", "a range upside down");
    equal(answers(bench, "0704184f8470"), "0701", "DR7 is not done");
  });

  it("TS001-1.0.4 5.6: removing the only enabled channel brings the defaults back", () => {
    const bench = joined();
    answers(bench, "0703184f8450");
    equal(answers(bench, "0350080001"), "0307");
    deepEqual(channels(bench), [867_100_000]);
    answers(bench, "070300000050");
    deepEqual(channels(bench), [868_100_000, 868_300_000, 868_500_000]);
  });

  it("TS001-1.0.4 5.6: DlChannelReq moves RX1 and is answered until a downlink comes", () => {
    const bench = joined();
    equal(answers(bench, "0a00d2ad84" + "0a01d2ad84"), "0a030a03");
    equal(bench.exchange().fOpts, "0a030a03");
    for (let i = 0; i < 6; i++) {
      bench.exchange();
      const isMoved = bench.last("transmit").modulation!.frequencyHz !== 868_500_000;
      equal(bench.all("receive").at(-2)!.modulation!.frequencyHz, isMoved ? 869_525_000 : 868_500_000);
    }
    equal(answers(bench, "0a07d2ad84"), "0a01");
    equal(answers(bench, "0a00000000"), "0a02");
  });

  it("TS001-1.0.4 5.7: RXTimingSetupReq moves both windows and is answered until a downlink comes; 0 is 1 s", () => {
    const bench = joined();
    equal(answers(bench, "080f"), "08");
    bench.send();
    equal(bench.uplink().fOpts, "08");
    bench.transmitted();
    const endMs = bench.nowMs;
    bench.window(undefined);
    ok(Math.abs(bench.last("receive").atMs - endMs - 15_000) < 30);
    bench.window(undefined);
    ok(Math.abs(bench.last("receive").atMs - endMs - 16_000) < 30);
    equal(answers(bench, "0800"), "08");
    ok(bench.last("receive").atMs - bench.last("transmit").atMs < 2_100);
  });

  it("TS001-1.0.4 5.8: TXParamSetupReq is neither processed nor answered where the region does without", () => {
    equal(answers(joined(), "0905" + "06"), "06ff05");
  });

  it("TS001-1.0.4 5.8: where the region has it, it limits the EIRP and is answered", () => {
    const region: Region = { ...EU868, txParamSetup: true };
    const bench = joined({ region });
    equal(answers(bench, "0902"), "09");
    equal(bench.last("transmit").powerDbm, 12 - 2);
    equal(bench.exchange().fOpts, "09");
  });

  it("TS001-1.0.4 5.1: LinkCheckReq rides on an uplink until it is answered", () => {
    const bench = joined();
    bench.handle({ kind: "requestLinkCheck" });
    equal(bench.exchange().fOpts, "02");
    equal(bench.exchange({ rx1: bench.down({}, "021402") }).fOpts, "02");
    equal(bench.last("linkCheck").marginDb, 20);
    equal(bench.last("linkCheck").gateways, 2);
    equal(bench.exchange({ rx1: bench.down({}, "021402") }).fOpts, "");
    equal(bench.all("linkCheck").length, 1, "an answer to no question");
  });

  it("TS001-1.0.4 5.9: the time that DeviceTimeAns tells is that of the end of the uplink", () => {
    const bench = joined();
    bench.handle({ kind: "requestTime" });
    bench.exchange({ rx2: bench.down({}, "0d006d7c4d80") });
    const time = bench.last("time");
    equal(time.gpsMs, 1_300_000_000_500);
    const { bytes, modulation, atMs } = bench.last("transmit");
    ok(bytes && modulation);
    ok(time.timeMs! > atMs && time.timeMs! < atMs + 100);
    equal(bench.exchange({ rx1: bench.down({}, "0d006d7c4d80") }).fOpts, "");
    equal(bench.all("time").length, 1);
  });

  it("TS001-1.0.4 5: commands on FPort 0 are carried out and never shown to the application", () => {
    const bench = joined();
    bench.exchange({ rx1: bench.down({ fPort: 0 }, "", "060334050001") });
    equal(bench.all("downlink").length, 0);
    equal(bench.exchange().fOpts, "06ff050307");
  });

  it("TS001-1.0.4 5: an unknown command ends the sequence; what stood before it counts", () => {
    equal(answers(joined(), "06" + "e0" + "06"), "06ff05");
    equal(answers(joined(), "06" + "0334"), "06ff05");
  });

  it("TS001-1.0.4 5 table 15: answers that do not fit FOpts get a frame of their own before the uplink is over", () => {
    const bench = joined();
    bench.seen = [];
    bench.send("aa", true);
    bench.air({ rx1: bench.down({ fPort: 0, ack: true }, "", "06".repeat(8)) });
    equal(bench.all("sent").length, 0);
    bench.toTimeout();
    const flush = bench.uplink();
    equal(flush.fPort, 0);
    equal(flush.payload, "06ff05".repeat(8));
    bench.air();
    equal(bench.all("sent").length, 1);
    equal(bench.last("sent").acknowledged, true);
    equal(bench.exchange().fOpts, "");
  });

  it("TS001-1.0.4 5: more answers than any frame holds are cut at the end of a command, and all commands are carried out", () => {
    const bench = joined();
    bench.send();
    bench.air({ rx1: bench.down({ fPort: 0 }, "", `${"06".repeat(60)}0334050001`) });
    bench.toTimeout();
    equal(bench.uplink().payload, "06ff05".repeat(17));
    equal(bench.last("transmit").modulation!.spreadingFactor, 9);
  });

  it("TS001-1.0.4 5.6: a region with a fixed plan ignores commands for dynamic channels", () => {
    const region: Region = { ...EU868, dynamicChannels: false };
    const waiting = new MacAnswers();
    const handler = new CommandHandler(region, new Session(region), waiting, true);
    const commands = Buffer.from("0703184f84500a00d2ad84", "hex");
    handler.process(commands, 0, commands.length, 0);
    equal(waiting.length, 0);
    ok(!handler.takeChange());
  });
});
