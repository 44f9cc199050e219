/**
 * What the firmware may take, in one place. The tests read it; raising a figure takes a reason in the change that raises it. Slots are the 16
 * bytes of a device.
 */

const LORA_AND_WIFI = Object.freeze({ linkedBytes: 520 * 1024, ramBytes: 168 * 1024 });

const BOARDS: Readonly<Record<string, { readonly linkedBytes: number; readonly ramBytes: number }>> = Object.freeze({
  "esp32-c3-devkit-sx1262": { linkedBytes: 440 * 1024, ramBytes: 96 * 1024 },
  "esp32-c6-devkit-sx1262": LORA_AND_WIFI,
  "heltec-wifi-lora-32-v3": LORA_AND_WIFI,
  "lilygo-t-beam-sx1262": LORA_AND_WIFI,
  "lilygo-t-beam-sx1276": LORA_AND_WIFI,
  "lilygo-t3-s3": LORA_AND_WIFI,
  "m5stack-atom-lite": { linkedBytes: 330 * 1024, ramBytes: 168 * 1024 },
  "m5stack-core2-lora868": LORA_AND_WIFI,
  rak3112: LORA_AND_WIFI,
  "xiao-esp32s3-wio-sx1262": LORA_AND_WIFI,
});

export const BUDGETS = Object.freeze({
  /**
   * Each board's JavaScript as linked, the SDK's included, with the features and regions of its manifest, and the memory that the engine takes at
   * start. The smallest slot for an image has 1,728 KB. The goal for the ESP32-C3 is 220 KB, which is not reached.
   */
  boards: BOARDS,
  /** RAM of a whole node at rest on linked XS, every driver and buffer included: an ESP32-C3 leaves 235 KB beside the engine. */
  node: { slotBytes: 34 * 1024, chunkBytes: 18 * 1024, stackSlots: 400 },
  /** The LoRaWAN machine alone, of that: slots and chunks under 8 KB; `linkedBytes` of flash with one region. */
  lorawan: { slotBytes: 6 * 1024, chunkBytes: 2 * 1024, stackSlots: 256, linkedBytes: 120 * 1024 },
  /** Batch, compact coder and fragments with the LoRaWAN uplink's own machine, of that, at rest and at work; the aim is 12 KB in all. */
  attestation: { slotBytes: 8 * 1024, chunkBytes: 5.5 * 1024, stackSlots: 400 },
  /** The radio's driver alone, of that. */
  radio: { slotBytes: 4 * 1024, chunkBytes: 2 * 1024, stackSlots: 256 },
});
