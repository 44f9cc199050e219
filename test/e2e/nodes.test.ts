/** `groundtruth nodes` from outside. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { labelText } from "../../tools/provisioning/device-label.ts";
import { NODE_CRYPTO } from "../../tools/receiver/node-crypto.ts";
import { parseNodeRecord } from "../../tools/receiver/node-registry.ts";
import { blockModules, readModules } from "../unit/tools/provisioning/qr-reading.ts";
import { BLOCK, FactoryFloor, JOIN } from "./factory-floor.ts";
import { groundtruth } from "./simulation.ts";

const FIRST = "70b3d57ed0050000";

describe("nodes", () => {
  const floor = new FactoryFloor();

  before(() => {
    equal(floor.createKeystore().status, 0);
    equal(
      floor.provision("batch", "--count", "3", ...BLOCK, ...JOIN, "--serial-prefix", "GT-", "--labels", "none").status,
      0,
    );
  });

  after(() => floor.remove());

  it("list: a line a node, for people and as JSON; without a registry that is said", () => {
    const lines = floor.nodes("list").out.trimEnd().split("\n");
    equal(lines.length, 4);
    match(lines[1], /^70b3d57ed0050000 {2}made {2,}20.*GT-00001$/);
    const json = floor
      .nodes("list", "--json")
      .out.trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    deepEqual(
      json.map(({ serial }) => serial),
      ["GT-00001", "GT-00002", "GT-00003"],
    );
    match(json[0].did, /^did:key:zDn/);
    equal(floor.nodes("list", "--batch", "none", "--json").out, "");
    equal(groundtruth("nodes", "list", "--registry", floor.path("none.db")).status, 2);
  });

  it("show: the identity as the receiver reads it, and the label, which a QR reader reads off the terminal", () => {
    const shown = JSON.parse(floor.nodes("show", FIRST.toUpperCase(), "--json").out);
    equal(shown.state, "made");
    ok(parseNodeRecord(JSON.stringify(shown.identity), NODE_CRYPTO).ok);
    const text = labelText({ joinEui: JOIN[1], devEui: FIRST, profileId: "00000000", serial: "GT-00001" });
    equal(shown.label, text);
    const { out } = floor.nodes("show", FIRST, "--qr");
    const picture = out
      .split("\n")
      .filter((line) => /^[ █▀▄]+$/.test(line))
      .join("\n");
    equal(readModules(blockModules(picture)), text);
    equal(floor.nodes("show", "70b3d57ed0059999").status, 2);
    equal(floor.nodes("show", "70b3").status, 2);
  });

  it("export: identities, a table, a JWK set", () => {
    equal(floor.nodes("export", "--out", floor.path("identities")).status, 0);
    const names = readdirSync(floor.path("identities"));
    equal(names.length, 3);
    for (const name of names) {
      deepEqual(readFileSync(floor.path(`identities/${name}`)), readFileSync(floor.path(`batch/nodes/${name}`)));
    }
    equal(floor.nodes("export", "--out", floor.path("identities")).status, 2);
    equal(floor.nodes("export", "--format", "csv", "--out", floor.path("nodes.csv")).status, 0);
    equal(readFileSync(floor.path("nodes.csv"), "utf8").trimEnd().split("\r\n").length, 4);
    equal(floor.nodes("export", "--format", "jwks", "--out", floor.path("jwks.json")).status, 0);
    const { keys } = JSON.parse(readFileSync(floor.path("jwks.json"), "utf8"));
    deepEqual(
      keys.map(({ alg, use }: { alg: string; use: string }) => [alg, use]),
      new Array(3).fill(["ES256", "sig"]),
    );
  });

  it("retire: not without a yes, for good, and not exported any more", () => {
    const unasked = floor.nodes("retire", FIRST, "--why", "stolen");
    equal(unasked.status, 2);
    match(unasked.err, /--yes/);
    equal(floor.nodes("retire", FIRST, "70b3d57ed0059999", "--why", "stolen", "--yes").status, 2);
    equal(JSON.parse(floor.nodes("show", FIRST, "--json").out).state, "made");
    const retired = floor.nodes("retire", FIRST, "--why", "stolen", "--yes", "--json");
    equal(JSON.parse(retired.out).why, "stolen");
    match(floor.nodes("list").out, /70b3d57ed0050000 {2}retired/);
    const { nodes } = JSON.parse(floor.nodes("export", "--out", floor.path("left"), "--json").out);
    equal(nodes, 2);
    equal(JSON.parse(floor.nodes("export", "--all", "--out", floor.path("all"), "--json").out).nodes, 3);
    const again = floor.provision("again", ...BLOCK, ...JOIN, "--json");
    equal(JSON.parse(again.out).firstDevEui, "70b3d57ed0050003");
  });
});
