/**
 * What a node signs to prove to a tool that it holds its key: label | hardware identifier 8 | challenge 32. The label keeps it apart from tokens, whose
 * signed bytes begin with a CBOR array (RFC 9052 4.4), so no challenge can be made into a token.
 */
const LABEL = "groundtruth console proof 1\n";

export const HARDWARE_ID_BYTES = 8;
export const CHALLENGE_BYTES = 32;
export const PROOF_MESSAGE_BYTES = LABEL.length + HARDWARE_ID_BYTES + CHALLENGE_BYTES;

/** Writes the message into `into` (PROOF_MESSAGE_BYTES). */
export function writeProofMessage(hardwareId: Uint8Array, challenge: Uint8Array, into: Uint8Array): void {
  for (let i = 0; i < LABEL.length; i++) into[i] = LABEL.charCodeAt(i);
  into.set(hardwareId, LABEL.length);
  into.set(challenge, LABEL.length + HARDWARE_ID_BYTES);
}

/** EUI-64 of a MAC address, which names the chip: FF FE in the middle (IEEE Guidelines for EUI, EUI-48 within EUI-64). */
export function hardwareIdOf(mac: Uint8Array): Uint8Array {
  return Uint8Array.of(mac[0], mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5]);
}
