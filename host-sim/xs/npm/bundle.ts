/** Bundles an entry module and all that it imports into one script for XS from npm. */
import { build } from "esbuild";

/** Writes the script to `outfile`; it defines the global `entry` with the module's exports. */
export async function bundleForXs(entry: string, outfile: string): Promise<void> {
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    format: "iife",
    globalName: "entry",
    // What XS 13.3 parses: es2022 without class static fields and blocks.
    target: "es2022",
    supported: { "class-static-field": false, "class-static-blocks": false, "class-private-static-field": false },
    logLevel: "error",
  });
}

if (import.meta.main) await bundleForXs(process.argv[2], process.argv[3]);
