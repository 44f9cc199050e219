import assert from "node:assert/strict";
import { ChannelPlan } from "../../../../firmware/core/lorawan/channel-plan.ts";
import { REGIONS, regionOf } from "../../../../firmware/core/lorawan/region/index.ts";
import { subBandOf } from "../../../../firmware/core/lorawan/region/region.ts";
import { NetworkPlan } from "../../../../host-sim/network/network-plan.ts";

describe("network plans", () => {
  for (const region of REGIONS) {
    it(`RP002-1.0.4: in ${region.name} gateways hear the channels that a device has after the CFList, and no other`, () => {
      const plan = new NetworkPlan(region);
      const device = new ChannelPlan(region);
      device.takeCfList(plan.cfList);
      const after: number[] = [];
      for (let i = 0; i < region.channelCount; i++) {
        if (device.frequencyHz(i) !== 0) after.push(device.frequencyHz(i));
      }
      assert.ok(plan.channelsHz.length >= 3 && plan.channelsHz.length <= 8);
      for (const hz of plan.channelsHz) {
        assert.ok(after.includes(hz), `${hz}`);
        assert.ok(subBandOf(region, hz) >= 0);
        const down = plan.rx1FrequencyHz(hz);
        assert.ok(down >= region.minFrequencyHz && down <= region.maxFrequencyHz);
        assert.ok(plan.downlinkPowerDbm(down) > 10);
      }
      if (region.dynamicChannels) assert.deepEqual(after, plan.channelsHz);
      else assert.equal(device.narrowChannels, 8);
      // ADR's mask is one that the device takes.
      device.beginMask();
      assert.ok(device.addMask(plan.mask.chMaskCntl, plan.mask.chMask));
      assert.ok(device.maskHasChannels() && device.maskSupports(plan.maxAdrDataRate));
      assert.equal(device.commitMask(), false, "it is the CFList's");
    });
  }

  it("RP002-1.0.4, US902-928: sub-band n is channels 8(n - 1) to 8n - 1 and 64 + n - 1; RX1 is channel modulo 8", () => {
    const us915 = regionOf("US915")!;
    const plan = new NetworkPlan(us915, 2);
    assert.equal(plan.channelsHz[0], 903_900_000);
    assert.equal(plan.channelsHz[7], 905_300_000);
    assert.equal(plan.wideChannelHz, 904_600_000);
    assert.equal(plan.rx1FrequencyHz(903_900_000), 923_300_000);
    assert.equal(plan.rx1FrequencyHz(905_300_000), 927_500_000);
    assert.equal(plan.rx1FrequencyHz(904_600_000), 923_900_000, "channel 65");
    assert.equal(Buffer.from(plan.cfList).toString("hex"), "00ff0000000000000200000000000001");
    assert.equal(new NetworkPlan(us915, 8).channelsHz[7], 914_900_000);
    assert.equal(plan.maxPayload(8), 53);
    assert.equal(plan.maxPayload(13), 222);
  });
});
