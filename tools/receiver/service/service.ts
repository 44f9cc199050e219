/**
 * A receiver that runs for years: joins the library (receiver.ts) to a broker, HTTP, the store, outputs and metrics. Node.js only.
 *
 *   MQTT --+                 +-> acknowledgement (MQTT, HTTP)
 *          +-> Receiver -> SqliteStore, many tokens a transaction -+-> outputs (files, topics), each from the store when it is behind
 *   HTTP --+
 *
 * In a group (`group`, `partition`) the broker gives each message to one of the receivers ($share/GROUP/...). That one handles it if the node is
 * its own, and otherwise passes it on: groundtruth/group/{GROUP}/{count}/{index}/{topic}, where the broker keeps it while the owner is away.
 */

import { randomUUID } from "node:crypto";
import { DIGEST_STATE } from "../digest-checks.ts";
import { bytesToHex } from "../hex.ts";
import { NODE_CRYPTO } from "../node-crypto.ts";
import { type Partition, partitionOf } from "../partition.ts";
import { Receiver, type ReceiverNode, type Refused, type TokenAnswer } from "../receiver.ts";
import type { SqliteStore } from "../sqlite-store.ts";
import { type HttpAddress, HttpTokens } from "./http-tokens.ts";
import { type Metric, MetricsServer } from "./metrics.ts";
import { type LinkError, type LinkOptions, MqttLink } from "./mqtt-link.ts";
import { OperatorPort } from "./operator-port.ts";
import { OutputTopics } from "./output-topics.ts";
import { Outputs } from "./outputs.ts";
import { serviceMetrics } from "./service-metrics.ts";
import { SOURCES, type SourceName, sourceOf } from "./sources.ts";

export interface ServiceOptions {
  /** Where and as whom; without it nothing comes by MQTT. */
  mqtt?: Pick<LinkOptions, "url" | "username" | "password" | "ca">;
  sources: readonly SourceName[];
  partition: Partition;
  /** Name of the group of receivers that share a broker's messages. */
  group?: string;
  /** Topic prefix for verified readings. */
  publish?: string;
  http?: HttpAddress;
  metrics?: HttpAddress;
  /** Where the operator asks. */
  operator?: HttpAddress;
}

export interface ServiceEvents {
  report(text: string): void;
  refused?(refused: Refused): void;
  /** The service cannot go on. */
  failed(error: LinkError): void;
}

const TICK_MS = 1_000;
/** Reasons of refusals that are counted by name; there are fewer, so this only bounds what a mistake of ours could do. */
const MAX_REASONS = 256;

export class ReceiverService {
  readonly outputs: Outputs;
  readonly receiver: Receiver;
  readonly store: SqliteStore;
  readonly counters = { tokens: 0, readings: 0, downlinks: 0, passedOn: 0, notOurs: 0, startedMs: Date.now() };
  readonly refusals = new Map<string, number>();
  /** Accepted statements by kind. */
  readonly statements = new Map<string, number>();
  readonly links: MqttLink[] = [];
  http: HttpTokens | undefined;
  #metrics: MetricsServer | undefined;
  #operator: OperatorPort | undefined;
  readonly #options: ServiceOptions;
  readonly #events: ServiceEvents;
  readonly #groupTopic: string;
  #timer: NodeJS.Timeout | undefined;
  #stopping = false;

  constructor(options: ServiceOptions, store: SqliteStore, nodes: readonly ReceiverNode[], events: ServiceEvents) {
    this.#options = options;
    this.#events = events;
    this.store = store;
    this.outputs = new Outputs(store, (text) => events.report(text));
    this.#groupTopic = `groundtruth/group/${options.group}/${options.partition.count}/`;
    this.receiver = new Receiver({
      nodes: [],
      crypto: NODE_CRYPTO,
      store,
      output: {
        onToken: (token, claims) => {
          this.counters.tokens++;
          if (claims.kind === "batch") this.counters.readings += claims.count;
          else this.statements.set(claims.kind, (this.statements.get(claims.kind) ?? 0) + 1);
          this.outputs.handOn(token, claims);
        },
        onRefused: (refused) => this.#refused(refused),
        onDownlink: (topic, body) => this.#answer(topic, body),
        onDigest: ({ devEui, seq, state }) => {
          if (state === DIGEST_STATE.mismatch)
            events.report(`${devEui}: the tokens held are not those of its digest, seq ${seq}`);
        },
        onChallenge: (devEui, { nonce, answer }) =>
          events.report(
            `${devEui}: answered challenge ${bytesToHex(nonce)} in boot ${answer?.bootCount}, seq ${answer?.seq}`,
          ),
      },
    });
    this.setNodes(nodes);
    store.onBatch = () => this.outputs.endBatch();
  }

  /** Adds nodes, or gives known ones new keys; those of other partitions are left to their receivers. Returns how many are ours. */
  setNodes(nodes: readonly ReceiverNode[]): number {
    const ours = nodes.filter(({ record }) => this.#isOurs(record.devEui));
    for (const node of ours) this.receiver.addNode(node);
    return ours.length;
  }

  /** Opens the servers and begins to connect. Fails when an address cannot be had. */
  async start(): Promise<void> {
    const { http, metrics, operator } = this.#options;
    if (http !== undefined) {
      this.http = await HttpTokens.open(http, (devEui, token, answer) => this.#takeHttp(devEui, token, answer));
    }
    if (metrics !== undefined) this.#metrics = await MetricsServer.open(metrics, () => this.metrics());
    if (operator !== undefined) this.#operator = await OperatorPort.open(operator, this.receiver);
    this.#connect();
    this.#tick();
  }

  /** Address of the metrics, for whoever asked for port 0. */
  get metricsPort(): number | undefined {
    return this.#metrics?.port;
  }

  /** The operator's port, likewise. */
  get operatorPort(): number | undefined {
    return this.#operator?.port;
  }

  /** Takes nothing more, commits and hands on what has come, and ends. */
  async stop(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    clearTimeout(this.#timer);
    for (const link of this.links) link.pause();
    this.store.flush();
    await Promise.all([this.http?.close(), this.#metrics?.close(), this.#operator?.close()]);
    this.store.flush();
    await Promise.all(this.links.map((link) => link.close()));
    while (this.outputs.catchUp());
    this.outputs.close(this.receiver.changedAccounts(), this.receiver.changedDigests());
    this.store.close();
  }

  metrics(): Metric[] {
    return serviceMetrics(this);
  }

  #connect(): void {
    const { mqtt, sources, group, publish, partition } = this.#options;
    if (mqtt === undefined) return;
    const name =
      group === undefined ? this.store.fact("instance") : `${group}-${partition.index}-of-${partition.count}`;
    const shared = sources.filter((source) => group !== undefined && SOURCES[source].nodeOf !== undefined);
    const own = sources.filter((source) => !shared.includes(source)).map((source) => SOURCES[source].filter);
    if (group !== undefined) own.push(`${this.#groupTopic}${partition.index}/#`);
    const protocolVersion = group === undefined ? 4 : 5;
    this.#open({ ...mqtt, clientId: `groundtruth-${name}`, protocolVersion, clean: false, topics: own });
    if (group !== undefined) {
      // A session that outlives its connection would keep messages from the rest of the group, and who had this place before.
      const topics = shared.map((source) => `$share/${group}/${SOURCES[source].filter}`);
      const place = { topic: `${this.#groupTopic}owner/${partition.index}`, name: randomUUID() };
      this.#open({ ...mqtt, clientId: `groundtruth-${name}-shared`, protocolVersion, clean: true, topics, place });
    }
    if (publish !== undefined) {
      const [link] = this.links;
      const known = this.store.outputPosition("publish");
      this.outputs.add(
        new OutputTopics(
          publish,
          (...args) => link.publish(...args),
          () => link.connected,
          known,
          this.store.lastId,
        ),
      );
    }
  }

  #open(options: LinkOptions): void {
    const link = new MqttLink(options, {
      message: (topic, payload) => this.#take(topic, payload),
      report: (text) => this.#events.report(text),
      failed: (error) => this.#events.failed(error),
    });
    this.links.push(link);
  }

  #take(fullTopic: string, payload: Buffer): void {
    const passedOn = fullTopic.startsWith(this.#groupTopic);
    const topic = passedOn ? fullTopic.slice(fullTopic.indexOf("/", this.#groupTopic.length) + 1) : fullTopic;
    const source = sourceOf(topic);
    if (source === undefined) {
      this.#refused({ devEui: undefined, reason: "topic-unknown" });
      return;
    }
    if (this.#options.partition.count > 1 && !passedOn) {
      const devEui = source.nodeOf?.(topic, payload);
      if (devEui !== undefined && !this.#isOurs(devEui)) {
        this.#passOn(devEui, topic, payload);
        return;
      }
    }
    source.handle(this.receiver, topic, payload, Date.now());
  }

  #passOn(devEui: string, topic: string, payload: Buffer): void {
    if (this.#options.group === undefined) {
      this.counters.notOurs++; // its own receiver hears it as well
      return;
    }
    this.counters.passedOn++;
    const owner = partitionOf(devEui, this.#options.partition.count);
    this.links[0].answer(`${this.#groupTopic}${owner}/${topic}`, payload);
  }

  #takeHttp(devEui: string, token: Uint8Array, answer: TokenAnswer): void {
    if (this.#stopping) answer.refused("receiver-stopping", false);
    else this.receiver.handleToken(devEui, token, Date.now(), answer);
  }

  #answer(topic: string, body: string | Uint8Array): void {
    this.counters.downlinks++;
    this.links[0]?.answer(topic, body);
  }

  #refused(refused: Refused): void {
    // "store-failed: disk I/O error" and the like: the part behind the colon is for people.
    const [reason] = refused.reason.split(":", 1);
    if (this.refusals.has(reason) || this.refusals.size < MAX_REASONS) {
      this.refusals.set(reason, (this.refusals.get(reason) ?? 0) + 1);
    }
    this.#events.refused?.(refused);
  }

  #isOurs(devEui: string): boolean {
    const { index, count } = this.#options.partition;
    return count === 1 || partitionOf(devEui, count) === index;
  }

  #tick(): void {
    const nowMs = Date.now();
    if ((this.receiver.pollTimeout() ?? Number.POSITIVE_INFINITY) <= nowMs) this.receiver.handleTimeout(nowMs);
    this.outputs.checkpoint(this.receiver.changedAccounts(), this.receiver.changedDigests());
    const more = this.outputs.catchUp();
    this.#timer = setTimeout(() => this.#tick(), more ? 0 : TICK_MS);
  }
}
