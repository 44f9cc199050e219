/**
 * What the firmware may take, in one place. The tests read it; raising a figure takes a reason in the change that raises it. Slots are the 16
 * bytes of a device.
 */
export const BUDGETS = Object.freeze({
  /**
   * The board's JavaScript as linked, without the engine: tables, byte code, strings. All regions and both radio families are in every image. An OTA
   * slot of an 8 MB board has 3.5 MB.
   */
  linkedImageBytes: 768 * 1024,
  /** RAM of a whole node at rest on linked XS, every driver and buffer included: an ESP32-C3 leaves 235 KB beside the engine. */
  node: { slotBytes: 40 * 1024, chunkBytes: 24 * 1024, stackSlots: 400 },
  /** The LoRaWAN machine alone, of that: slots and chunks under 8 KB; `linkedBytes` of flash with one region. */
  lorawan: { slotBytes: 6 * 1024, chunkBytes: 2 * 1024, stackSlots: 256, linkedBytes: 120 * 1024 },
  /** The radio's driver alone, of that. */
  radio: { slotBytes: 4 * 1024, chunkBytes: 2 * 1024, stackSlots: 256 },
});
