import assert from "node:assert/strict";
import { label, MetricsServer, metricsText } from "../../../../../tools/receiver/service/metrics.ts";

describe("metrics of the receiver", () => {
  it("Prometheus text format 0.0.4: help, type, samples with and without labels", () => {
    const text = metricsText([
      { name: "a_total", kind: "counter", help: "All of them", samples: 3 },
      { name: "b", kind: "gauge", help: "Each", samples: new Map([[label("reason", 'a "\\\n'), 1.5]]) },
    ]);
    assert.equal(
      text,
      '# HELP a_total All of them\n# TYPE a_total counter\na_total 3\n# HELP b Each\n# TYPE b gauge\nb{reason="a \\"\\\\\\n"} 1.5\n',
    );
  });

  it("answers GET /metrics and nothing else", async () => {
    const server = await MetricsServer.open({ host: "127.0.0.1", port: 0 }, () => []);
    const url = `http://127.0.0.1:${server.port}`;
    const answer = await fetch(`${url}/metrics`);
    assert.deepEqual([answer.status, answer.headers.get("content-type")], [200, "text/plain; version=0.0.4"]);
    assert.equal((await fetch(`${url}/`)).status, 404);
    assert.equal((await fetch(`${url}/metrics`, { method: "POST" })).status, 404);
    await server.close();
  });
});
