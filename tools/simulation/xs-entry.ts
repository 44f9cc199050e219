/** The closed loop as an entry for XS: options in, lines out. The first import gives noble what XS lacks. */
import "../../host-sim/xs/linked/text-encoder.ts";
import type { XsHost } from "../../host-sim/xs/entry.ts";
import { NOBLE_CRYPTO } from "../receiver/noble-crypto.ts";
import { runClosedLoop } from "./closed-loop.ts";
import type { SimulationOptions } from "./options.ts";
import { lineSink } from "./sink.ts";

/** `argument`: SimulationOptions as JSON, with the engine's name. The last line is the summary. */
export default function simulateOnXs(argument: string, host: XsHost): number {
  const { engine, ...options } = JSON.parse(argument) as SimulationOptions & { engine: string };
  const summary = runClosedLoop(options, lineSink(host.print), NOBLE_CRYPTO, engine);
  host.print(`summary ${JSON.stringify(summary)}`);
  return summary.complete ? 0 : 1;
}
