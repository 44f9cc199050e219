import run from "./_xs.ts";
import { bundleForXs } from "../../../../host-sim/xs/npm/bundle.ts";
import { ensureNpmXs } from "../../../../host-sim/xs/npm/engine.ts";
import { runOnNpmXs } from "../../../../host-sim/xs/npm/run.ts";
run("", { print: (l) => console.log("node", l) });
await bundleForXs("test/unit/host-sim/network/_xs.ts", "/tmp/net/xs/b.js");
const engine: any = await (ensureNpmXs as any)("/tmp/net/xs/engine", console.log);
console.log(engine);
await runOnNpmXs({ engine: typeof engine === "string" ? engine : engine.command, bundle: "/tmp/net/xs/b.js", folder: "/tmp/net/xs", argument: {}, onLine: (l) => console.log("xs", l) });
