/** An IP uplink: MQTT over Wi-Fi on a board, in-process or a real broker in the simulator. */

export interface NetworkEvents {
  onOnline(): void;
  onOffline(): void;
  /** A message on a subscribed topic. `payload` is good until the call returns. */
  onMessage(topic: string, payload: Uint8Array): void;
  /** SNTP's answer (RFC 5905): it was `unixMs` at `atMs` on the clock port's scale, within `uncertaintyMs`. */
  onTime(unixMs: number, atMs: number, uncertaintyMs: number): void;
}

export interface Network {
  readonly online: boolean;
  /** Topics are subscribed anew by the port after each reconnect. */
  subscribe(topic: string): void;
  /** Hands a message to the broker at QoS 1; delivery to the receiver is only ever known from the receiver's own acknowledgement. */
  publish(topic: string, payload: Uint8Array, length: number): void;
}
