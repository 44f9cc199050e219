/**
 * The certification list of LoRaWAN 1.0.4 end-devices, Class A, by its numbers, and how a case is written down here.
 *
 * Where the numbers come from: the numbers themselves stand in a campaign report of the LoRa Alliance's test tool that is attached to an issue of
 * Lora-net/LoRaMac-node (TP_A_EU868_ED_MAC_104_BV_000 to _022), their subjects in the list of issue 383 of lora-rs/lora-rs ("LW 1.0.4
 * Certification for EU868 devices", 2025-05-19). The test texts ("LoRaWAN 1.0.4 End Device Certification Requirements for All Regions") were at hand
 * in small parts only: of NewChannelReq (2.5.2) its steps, of the rest titles. So each test here checks the subject of its case as TS001-1.0.4,
 * RP002-1.0.4 and TS009-1.1.0 have it, in steps of our own. What is not certain: the tool's own steps and their order, and by what the parts A and
 * B of 012, 015 and 019 differ (our division is said in their titles). That these pass is no certificate.
 */
import { TestLayer } from "./test-layer.ts";

export const CASES: Readonly<Record<string, string>> = Object.freeze({
  "000": "activation and usage",
  "001A": "over-the-air activation",
  "002": "cryptography",
  "003": "downlink sequence number",
  "004": "confirmed frames",
  "005": "DevStatusReq",
  "006": "NewChannelReq",
  "007": "DlChannelReq",
  "008": "RXParamSetupReq",
  "009": "RXTimingSetupReq",
  "010": "TXParamSetupReq",
  "011": "LinkCheckReq",
  "012A": "LinkADRReq, part 1: single requests",
  "012B": "LinkADRReq, part 2: blocks, refusals, back-off",
  "013": "DutyCycleReq",
  "014": "DeviceTimeReq",
  "015A": "RX1 window, part 1: every uplink data rate",
  "015B": "RX1 window, part 2: every RX1DROffset",
  "016": "RX2 window",
  "017": "frames in RX1 and RX2",
  "018": "oversized downlink",
  "019A": "maximum allowed payload, part 1: without MAC commands",
  "019B": "maximum allowed payload, part 2: with MAC commands",
  "020": "MAC commands in payload and frame options",
  "021": "several MAC commands at once",
  "022": "FPort 224 deactivation",
});

export const BOTH = Object.freeze(["EU868", "US915"]);

/** One case in each region; at the end every frame that was in the air has gone through lora-packet. */
export function certificationCase(
  number: string,
  body: (tcl: TestLayer, region: string) => void,
  regions: readonly string[] = BOTH,
): void {
  for (const region of regions) {
    it(`${number} ${CASES[number]}, ${region}`, () => {
      const tcl = new TestLayer(region);
      body(tcl, region);
      tcl.finish();
    });
  }
}

/** LinkADRReq for all default channels. */
export function linkAdr(region: string, dataRate: number, txPower = 0, nbTrans = 1): string {
  const first = ((dataRate << 4) | txPower).toString(16).padStart(2, "0");
  // EU868: channels 0 to 2. US915: all of 125 kHz (control 6), all of 500 kHz.
  return region === "EU868" ? `03${first}07000${nbTrans}` : `03${first}ff006${nbTrans}`;
}

export const EU_DATA_RATES = Object.freeze([0, 1, 2, 3, 4, 5]);
export const US_DATA_RATES = Object.freeze([0, 1, 2, 3, 4]);

export function dataRates(region: string): readonly number[] {
  return region === "EU868" ? EU_DATA_RATES : US_DATA_RATES;
}
