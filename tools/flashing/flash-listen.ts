/** Starts the board and listens to what it says. */
import type { SerialLink } from "../serial/serial-link.ts";

export interface Listened {
  /** What it said, line by line, without what a terminal would obey. */
  lines: string[];
  /** It looked for a program and found none that it can run. */
  isStuck: boolean;
}

const BAUD_RATE = 115200;
const RESET_MS = 100;
const MAX_LENGTH = 16_384;
/** Lines of the ROM and of the second-stage bootloader that mean no program was started. */
const STUCK =
  /invalid header: 0x|csum err|No bootable app|Failed to verify partition table|Probe failed|Guru Meditation/;

/** Resets the board by RTS and listens until it has been quiet for `quietMs`, but not beyond `limitMs`. */
export async function startAndListen(link: SerialLink, quietMs: number, limitMs: number): Promise<Listened> {
  let text = "";
  let heardMs = performance.now();
  const decoder = new TextDecoder();
  link.onData = (bytes) => {
    heardMs = performance.now();
    if (text.length < MAX_LENGTH) text += decoder.decode(bytes, { stream: true });
  };
  let isLost = false;
  link.onLost = () => {
    isLost = true;
  };
  await link.open(BAUD_RATE);
  try {
    await link.setLines({ dtr: false, rts: true });
    await sleep(RESET_MS);
    text = "";
    await link.setLines({ dtr: false, rts: false });
    const startMs = performance.now();
    heardMs = startMs;
    while (!isLost && !STUCK.test(text) && performance.now() - startMs < limitMs) {
      // Nothing at all so far: a program may take its time.
      if (text !== "" && performance.now() - heardMs > quietMs) break;
      await sleep(20);
    }
  } finally {
    await link.close();
  }
  const lines = text.split(/\r?\n/).map(printable);
  return { lines: lines.filter((line) => line !== ""), isStuck: STUCK.test(text) };
}

/** Without control characters and the colours of ESP-IDF's log: the board is not to steer the terminal. */
function printable(line: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out.
  return line.replace(/\x1b\[[0-9;]*[A-Za-z]/g, "").replace(/[\x00-\x1f\x7f-\x9f]/g, "");
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
