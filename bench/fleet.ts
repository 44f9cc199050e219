/**
 * What a simulated day costs by the number of nodes: `npm run bench [nodes ...]`. Each size runs in a process of its own on one core; beside it,
 * in the same process, the bare signatures of the same number of tokens are timed, so that figures of different machines can be compared.
 */
import { spawnSync } from "node:child_process";
import { p256 } from "@noble/curves/nist.js";
import { NODE_CRYPTO } from "../tools/receiver/node-crypto.ts";
import { runClosedLoop } from "../tools/simulation/closed-loop.ts";
import { ONE_DAY } from "../tools/simulation/options.ts";
import { SILENT_SINK } from "../tools/simulation/sink.ts";

interface Figures {
  nodes: number;
  cpuS: number;
  peakMegabytes: number;
  tokens: number;
  framesUp: number;
  complete: boolean;
  signingS: number;
}

function measure(nodes: number): Figures {
  const before = process.cpuUsage();
  const summary = runClosedLoop({ ...ONE_DAY, nodes }, SILENT_SINK, NODE_CRYPTO, "node");
  const cpuS = seconds(process.cpuUsage(before));
  const peakMegabytes = process.resourceUsage().maxRSS / 1024;
  const key = p256.utils.randomSecretKey(new Uint8Array(48).fill(7));
  const digest = new Uint8Array(32);
  const beforeSigning = process.cpuUsage();
  for (let i = 0; i < summary.tokensSent; i++) {
    digest[i % 32]++;
    p256.sign(digest, key, { prehash: false, lowS: true });
  }
  const signingS = seconds(process.cpuUsage(beforeSigning));
  const { tokensSent: tokens, framesUp, complete } = summary;
  return { nodes, cpuS, peakMegabytes, tokens, framesUp, complete, signingS };
}

function seconds({ user, system }: NodeJS.CpuUsage): number {
  return (user + system) / 1e6;
}

function measureInChild(nodes: number): Figures {
  const child = spawnSync(process.execPath, [import.meta.filename, "--child", `${nodes}`], { encoding: "utf8" });
  if (child.status !== 0) throw new Error(`${nodes} nodes: ${child.stderr}`);
  return JSON.parse(child.stdout) as Figures;
}

if (process.argv[2] === "--child") {
  process.stdout.write(JSON.stringify(measure(Number(process.argv[3]))));
} else {
  const sizes = process.argv.length > 2 ? process.argv.slice(2).map(Number) : [10, 30, 100, 300, 1000];
  console.log("nodes  cpu s  ms a node  MB peak  tokens  frames  bare signatures s  ratio  complete");
  for (const nodes of sizes) {
    const f = measureInChild(nodes);
    const cells = [
      `${f.nodes}`.padStart(5),
      f.cpuS.toFixed(1).padStart(6),
      ((f.cpuS / f.nodes) * 1000).toFixed(1).padStart(10),
      f.peakMegabytes.toFixed(0).padStart(8),
      `${f.tokens}`.padStart(7),
      `${f.framesUp}`.padStart(7),
      f.signingS.toFixed(2).padStart(18),
      (f.cpuS / f.signingS).toFixed(1).padStart(6),
      `${f.complete}`.padStart(9),
    ];
    console.log(cells.join(" "));
  }
}
