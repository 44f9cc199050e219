/**
 * Which Telnet options are agreed on (RFC 854; RFC 1143 explains why one must answer changes only: two sides that answer everything never
 * stop).
 */
import { TELNET, TELNET_OPTION, telnetOption } from "./rfc2217.ts";

/** Both sides use these in both directions. */
const WANTED: readonly number[] = [TELNET_OPTION.binary, TELNET_OPTION.suppressGoAhead, TELNET_OPTION.comPort];

export class OptionState {
  /** Options that we have said we use, and that we have told the other side to use. */
  #ours = new Set<number>();
  #theirs = new Set<number>();
  /** What the other side has agreed to for the COM port option; undefined before it says. */
  comPortAgreed: boolean | undefined;

  /** What to say first. */
  opening(): Uint8Array[] {
    return WANTED.flatMap((option) => {
      this.#ours.add(option);
      this.#theirs.add(option);
      return [telnetOption(TELNET.will, option), telnetOption(TELNET.do, option)];
    });
  }

  /** The other side has said something; what to answer, if anything. */
  answer(verb: number, option: number): Uint8Array | undefined {
    if (option === TELNET_OPTION.comPort) {
      if (verb === TELNET.do || verb === TELNET.will) this.comPortAgreed = true;
      else if (this.comPortAgreed === undefined) this.comPortAgreed = false;
    }
    const isWanted = WANTED.includes(option);
    if (verb === TELNET.do) return this.#say(this.#ours, option, isWanted, TELNET.will, TELNET.wont);
    if (verb === TELNET.will) return this.#say(this.#theirs, option, isWanted, TELNET.do, TELNET.dont);
    if (verb === TELNET.dont) return this.#say(this.#ours, option, false, TELNET.will, TELNET.wont);
    return this.#say(this.#theirs, option, false, TELNET.do, TELNET.dont);
  }

  #say(agreed: Set<number>, option: number, on: boolean, yes: number, no: number): Uint8Array | undefined {
    if (on && agreed.has(option)) return undefined;
    if (on) {
      agreed.add(option);
      return telnetOption(yes, option);
    }
    // A refusal of what we never agreed to is the answer to an offer that we do not want; nothing is left to switch off otherwise.
    const wasOn = agreed.delete(option);
    return wasOn || !WANTED.includes(option) ? telnetOption(no, option) : undefined;
  }
}
