/** What a receiver measures of itself. */
import { label, type Metric } from "./metrics.ts";
import type { ReceiverService } from "./service.ts";

/** All metrics of a receiver, now. */
export function serviceMetrics(service: ReceiverService): Metric[] {
  const { counters, refusals, statements, receiver, store, links, outputs, http } = service;
  const { intake } = receiver;
  const nodes = [...receiver.devEuis()].map((devEui) => ({
    node: label("node", devEui),
    account: receiver.account(devEui)!,
    digests: receiver.knownOf(devEui)!.digests.counts,
  }));
  const byNode = (value: (account: (typeof nodes)[number]["account"]) => number): Map<string, number> =>
    new Map(nodes.map(({ node, account }) => [node, value(account)]));
  const { rss, heapUsed, external } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  const linkSum = (name: keyof (typeof links)[number]["counters"]): number =>
    links.reduce((sum, link) => sum + link.counters[name], 0);
  return [
    counter("groundtruth_tokens_accepted_total", "Tokens accepted since the start", counters.tokens),
    counter("groundtruth_readings_accepted_total", "Readings in them", counters.readings),
    counter(
      "groundtruth_statements_accepted_total",
      "Boot, digest, anchor and key tokens among them",
      labelled("kind", statements),
    ),
    counter("groundtruth_compact_tokens_total", "Tokens among them that came compact", intake.counters.compactTokens),
    counter("groundtruth_compact_checks_total", "Signatures checked for compact tokens", intake.counters.compactChecks),
    gauge(
      "groundtruth_parked_tokens",
      "Tokens that wait for a boot, a key or a neighbour to become known",
      intake.parking.size,
    ),
    counter("groundtruth_boot_requests_total", "Boot tokens asked for", intake.counters.bootRequests),
    counter("groundtruth_refused_total", "Tokens and messages refused since the start", labelled("reason", refusals)),
    counter(
      "groundtruth_ignored_total",
      "Messages that carry nothing for a receiver",
      labelled("event", receiver.ignoredEvents),
    ),
    counter("groundtruth_downlinks_total", "Acknowledgements and requests to nodes", counters.downlinks),
    counter("groundtruth_passed_on_total", "Messages given to the receiver that owns the node", counters.passedOn),
    counter("groundtruth_not_ours_total", "Messages left to the receiver that owns the node", counters.notOurs),
    counter("groundtruth_store_commits_total", "Transactions of the store", store.counters.commits),
    counter("groundtruth_store_failures_total", "Transactions that failed", store.counters.failures),
    counter("groundtruth_store_seconds_total", "Time spent in transactions", store.counters.seconds),
    counter("groundtruth_mqtt_messages_total", "Messages from the broker", linkSum("messages")),
    counter("groundtruth_mqtt_published_total", "Answers handed to the broker", linkSum("published")),
    counter(
      "groundtruth_mqtt_dropped_total",
      "Answers dropped because the broker was away or slow",
      linkSum("dropped"),
    ),
    gauge(
      "groundtruth_mqtt_connected",
      "1 while every connection to the broker stands",
      links.every((link) => link.connected) ? 1 : 0,
    ),
    counter("groundtruth_http_requests_total", "Requests by status", labelled("status", http?.statuses ?? new Map())),
    gauge(
      "groundtruth_output_backlog_tokens",
      "Accepted tokens that an output has not taken yet",
      new Map(outputs.backlog().map(({ name, tokens }) => [label("output", name), tokens])),
    ),
    gauge("groundtruth_nodes", "Nodes that this receiver is responsible for", nodes.length),
    gauge(
      "groundtruth_node_next_seq",
      "One above the highest number accepted",
      byNode(({ next }) => next),
    ),
    gauge(
      "groundtruth_node_missing_tokens",
      "Numbers below it that are missing",
      byNode(({ missing }) => missing),
    ),
    counter(
      "groundtruth_node_refused_total",
      "Refused of this node, over all starts",
      byNode(({ refused }) => refused),
    ),
    counter(
      "groundtruth_node_duplicates_total",
      "Tokens that came again",
      byNode(({ duplicates }) => duplicates),
    ),
    gauge(
      "groundtruth_node_digests",
      "Digest tokens by what the tokens held say of them",
      new Map(
        nodes.flatMap(({ node, digests }) =>
          (["agree", "incomplete", "mismatch"] as const).map((state) => [
            `${node},${label("state", state)}`,
            digests[state],
          ]),
        ),
      ),
    ),
    gauge("process_resident_memory_bytes", "Resident memory", rss),
    gauge("nodejs_heap_size_used_bytes", "Memory of JavaScript objects", heapUsed),
    gauge("nodejs_external_memory_bytes", "Memory of buffers", external),
    counter("process_cpu_seconds_total", "Processor time", (user + system) / 1e6),
    gauge("process_start_time_seconds", "Start of the process", Math.floor(counters.startedMs / 1000)),
  ];
}

function counter(name: string, help: string, samples: Metric["samples"]): Metric {
  return { name, kind: "counter", help, samples };
}

function gauge(name: string, help: string, samples: Metric["samples"]): Metric {
  return { name, kind: "gauge", help, samples };
}

function labelled(name: string, values: ReadonlyMap<string | number, number>): Map<string, number> {
  return new Map([...values].map(([value, count]) => [label(name, `${value}`), count]));
}
