/**
 * A real Prometheus evaluates every query of the dashboard and of the alert rules on what a running system
 * exports. Skipped where no `prometheus` is installed (Debian: apt-get install prometheus).
 */
import assert from "node:assert/strict";
import * as z from "zod";
import { ALERTS } from "../../services/monitor/grafana/alerts.ts";
import { dashboard } from "../../services/monitor/grafana/dashboard.ts";
import { findOnPath } from "../../services/start/nats_server.ts";
import { apiOf } from "../harness/api.ts";
import { type MetricsReceiver, startMetricsReceiver } from "../harness/otlp_metrics.ts";
import { freePort } from "../harness/ports.ts";
import { startProcess } from "../harness/process.ts";
import { secretOf, startReceiver } from "../harness/receiver.ts";
import { startSystem, type System } from "../harness/system.ts";
import { until } from "../harness/wait.ts";

const prometheus = await findOnPath("prometheus");

const SERVICES = ["gateway", "auth", "rooms", "persistence", "api", "hooks"] as const;

/**
 * What this system does not export: monitor does not run, nats-server may be an old one, and no hop and no
 * audit fails.
 */
const ABSENT = /hopwire_(clock_(offset|error)|monitor_\w+|archive_audit_findings)_|outcome!="ok"/;

/** For how long nats-server stalls at a time, milliseconds. */
const STALL_MS = 400;

/** The windows of queries are shortened: what takes minutes in production takes seconds here. */
function shortened(expr: string): string {
  return expr.replaceAll("$namespace", ".*").replaceAll("$__rate_interval", "10s")
    .replaceAll("[1m])))[1h:1m]", "[2s])))[30s:1s]").replaceAll("[1m]", "[2s]")
    .replaceAll("[5m]", "[10s]");
}

const Panels = z.array(z.object({
  title: z.string(),
  targets: z.array(
    z.object({ expr: z.string().optional(), datasource: z.object({ uid: z.string() }) }),
  )
    .default([]),
}));
const Answer = z.object({
  status: z.literal("success"),
  data: z.object({
    result: z.array(z.object({
      metric: z.record(z.string(), z.string()),
      value: z.tuple([z.number(), z.string()]),
    })),
  }),
});

interface RunningPrometheus extends AsyncDisposable {
  /** Evaluates a query now. */
  query(expr: string): Promise<{ metric: Record<string, string>; value: number }[]>;
}

async function startPrometheus(receiver: MetricsReceiver): Promise<RunningPrometheus> {
  const folder = await Deno.makeTempDir({ prefix: "hopwire-prometheus-" });
  const port = freePort();
  await Deno.writeTextFile(
    `${folder}/prometheus.json`,
    JSON.stringify({
      global: { scrape_interval: "500ms", scrape_timeout: "500ms" },
      scrape_configs: [{
        job_name: "hopwire",
        static_configs: [{ targets: [`127.0.0.1:${receiver.port}`] }],
      }],
    }),
  );
  const server = startProcess(prometheus!, [
    `--config.file=${folder}/prometheus.json`,
    `--storage.tsdb.path=${folder}/data`,
    `--web.listen-address=127.0.0.1:${port}`,
  ], { env: {}, cwd: folder });
  const url = `http://127.0.0.1:${port}`;
  await until("Prometheus to be ready", async () => {
    const { ok, body } = await fetch(`${url}/-/ready`);
    await body?.cancel();
    return ok;
  });
  return {
    async query(expr) {
      const response = await fetch(`${url}/api/v1/query?query=${encodeURIComponent(expr)}`);
      const text = await response.text();
      assert.equal(response.status, 200, `${expr}: ${text}`);
      return Answer.parse(JSON.parse(text)).data.result
        .map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
    },
    async [Symbol.asyncDispose]() {
      await server.kill();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

/** Keeps the system busy, so that rates and percentiles have values. Returns a function that stops. */
async function talk(system: System): Promise<() => Promise<void>> {
  const api = await apiOf(system);
  const [ann, bob] = [await system.client({ user: "ann" }), await system.client({ user: "bob" })];
  for (const [client, room] of [[ann, "lobby"], [bob, "lobby"], [bob, "chat.slow"]] as const) {
    client.send({ type: "subscribe", room });
    await client.take("subscribed");
  }
  let talking = true;
  const done = (async () => {
    for (let i = 0; talking; i++) {
      ann.send({ type: "message", room: "lobby", content: i, id: `m${i}` });
      await ann.take("ack");
      await bob.take("room-message");
      // A service that nobody runs. (Refusals of what a client should not send would end the connection.)
      ann.send({ type: "call", service: "nobody", method: "x", id: `c${i}` });
      await ann.take("error");
      await api.done("stats", {});
      bob.send({ type: "subscribe", room: `room${i % 50}` });
      await bob.take("subscribed");
      if (i % 20 === 0) {
        const stranger = await system.client();
        stranger.send({ type: "auth", token: "e30.e30.e30" });
        await stranger.take("error");
        // One message in ten seconds is allowed.
        for (const id of [`a${i}`, `b${i}`]) {
          bob.send({ type: "message", room: "chat.slow", content: i, id });
          await bob.answer(id);
        }
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  })();
  // Where the test has failed already, the clients are closed.
  done.catch(() => {});
  return async () => {
    talking = false;
    await done;
  };
}

Deno.test({
  name: "every query of dashboard and alerts has a result (skipped without Prometheus)",
  ignore: prometheus === null,
  async fn() {
    await using receiver = startMetricsReceiver();
    await using webhooks = startReceiver();
    // Some events are given up, the others are delivered.
    webhooks.answer = () => webhooks.requests.length % 2 === 0 ? 500 : 204;
    await using system = await startSystem({
      apis: 1,
      webhooks: [{
        id: "shop",
        url: webhooks.url,
        secrets: [secretOf(1)],
        events: ["room.message"],
        retry: { maxAttempts: 1 },
      }],
      env: {
        ...Object.fromEntries(SERVICES.map((name) => [name, receiver.env(name)])),
        persistence: { ...receiver.env("persistence"), AUDIT_MS: "100" },
      },
      namespaces: [{ pattern: "chat.>", rate: { messages: 0.1 } }],
    });
    await using server = await startPrometheus(receiver);
    const stop = await talk(system);
    const panels = Panels.parse(JSON.parse(JSON.stringify(dashboard().panels)));
    const queries = [
      ...panels.flatMap(({ title, targets }) =>
        targets.filter(({ datasource }) => datasource.uid === "prometheus")
          .map(({ expr }) => ({ title, expr: expr! }))
      ),
      ...ALERTS.map(({ title, expr }) => ({ title, expr })),
    ];
    const evaluated = queries.map(({ title, expr }) => ({ title, expr: shortened(expr) }));
    const empty = async () => {
      const results = await Promise.all(
        evaluated.map(async ({ title, expr }) => ({
          title,
          expr,
          found: await server.query(expr),
        })),
      );
      return results.filter(({ found, expr }) => found.length === 0 && !ABSENT.test(expr));
    };
    await until("every query to have a result", async () => {
      const missing = await empty();
      if (missing.length > 0) {
        throw new Error(missing.map(({ title, expr }) => `${title}: ${expr}`).join("\n"));
      }
      return true;
    }, 60_000);

    const conditionOf = (title: string) => ALERTS.find((alert) => alert.title === title)!;
    const slow = conditionOf("A hop is slow");
    await until("the alert for the hop that stalls, and for none inside the gateway", async () => {
      await system.nats.process.stop();
      await new Promise((resolve) => setTimeout(resolve, STALL_MS));
      system.nats.process.signal("SIGCONT");
      const found = await server.query(shortened(slow.expr));
      const hops = found.filter(({ value }) => value > slow.above).map(({ metric }) => metric.hop);
      // Everything that goes through NATS may stall, and before 2.10 delivery includes storing.
      const others = hops.filter((hop) => !/^(bus|rooms|auth)\./.test(hop!));
      assert.deepEqual(others, []);
      return hops.includes("bus.store");
    });
    await stop();

    // What is true of any healthy system: nothing but errors, which this client asks for, alerts.
    const firing = await Promise.all(ALERTS.map(async ({ title, expr, above }) => {
      const found = await server.query(shortened(expr));
      return found.some(({ value }) => value > above) ? [title] : [];
    }));
    const severe = [
      "Not connected to NATS",
      "Unexplained holes",
      "A process is lost",
      "The log is nearly full",
    ];
    assert.deepEqual(firing.flat().filter((title) => severe.includes(title)), []);
    assert.ok(firing.flat().includes("Many errors"), `firing: ${firing.flat()}`);
    const [delivery] = await server.query(
      `histogram_quantile(0.5, sum by (le) (hopwire_delivery_duration_seconds_bucket))`,
    );
    assert.ok(delivery!.value > 0 && delivery!.value < 10, String(delivery!.value));

    await system.rooms[0]!.kill();
    const { expr } = conditionOf("A process is lost");
    await until("the alert for the lost process", async () => {
      const lost = (await server.query(shortened(expr))).filter(({ value }) => value > 0);
      return lost.length === 1 && lost[0]!.metric.service_name === "hopwire-rooms";
    });
  },
});
