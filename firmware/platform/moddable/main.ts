/** The firmware's entry, run at boot. Everything else is preloaded; this cannot be. */
import { startNode } from "./start-node.ts";

startNode();
