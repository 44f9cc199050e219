/** First byte of each machine's saved state (wire/state-record.ts): which machine wrote it. The LoRaWAN MAC has its own. */
export const STATE_TAG = Object.freeze({
  node: 0x10,
  timeKeeper: 0x11,
  sampler: 0x12,
  quality: 0x13,
  journal: 0x14,
  attester: 0x15,
  outbox: 0x16,
  router: 0x17,
  lorawanUplink: 0x18,
  fragmentSender: 0x19,
  wifiUplink: 0x1a,
  timeRequest: 0x1b,
  p2pLink: 0x1c,
  agenda: 0x1d,
});
