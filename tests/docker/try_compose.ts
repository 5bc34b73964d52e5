/**
 * `deno task docker`: checks that compose.yaml works. Starts it on a Docker engine, uses it like a
 * client, disturbs it, and prints PASS or FAIL for each check; then the profile `cluster`. The argument
 * `cluster` or `single` leaves the other one out. Exits with 1 if a check failed.
 *
 * @module
 */
import assert from "node:assert/strict";
import * as z from "zod";
import { connectClient, type TestClient } from "../harness/client.ts";
import { until } from "../harness/wait.ts";
import { check, failures } from "./check.ts";
import { tryCluster } from "./cluster.ts";
import { say } from "./commands.ts";
import { startEngine } from "./engine.ts";
import { makeOutsideService, type OutsideService } from "./outside_service.ts";
import { composeOn, type ComposeSystem } from "./system.ts";
import { useApi } from "./use_api.ts";

/** Hopwire's services that a message passes through. */
const SERVICES = ["auth", "persistence", "rooms", "gateway"];

/** The addresses that compose.yaml publishes. */
const [PAGE, SOCKET, TOKEN, MONITOR, GRAFANA] = [
  "http://127.0.0.1:8080/",
  "ws://127.0.0.1:8080/ws",
  "http://127.0.0.1:8081/token",
  "http://127.0.0.1:8090/",
  "http://127.0.0.1:3000/api/health",
];

/**
 * How long stopping may take, milliseconds. Shorter than the 10 s after which Docker kills by
 * default.
 */
const QUICK_MS = 9_000;

const ROOM = "chat.docker";

async function signIn(): Promise<TestClient> {
  const response = await fetch(TOKEN, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ username: "Ann", userId: "ann" }),
  });
  const { token } = z.object({ token: z.string() }).parse(await response.json());
  const client = await connectClient(SOCKET);
  client.send({ type: "auth", token });
  assert.equal((await client.take("authenticated")).userId, "ann");
  return client;
}

/** Publishes a message in the room. Returns its seq once it is acked and delivered. */
async function sayInRoom(content: string): Promise<number> {
  const client = await signIn();
  client.send({ type: "subscribe", channel: ROOM });
  await client.take("subscribed");
  const id = crypto.randomUUID();
  client.send({ type: "message", room: ROOM, content, id });
  const ack = await client.take("ack", (frame) => frame.id === id);
  const message = await client.take("room-message", (frame) => frame.id === id);
  assert.deepEqual([message.content, message.seq], [content, ack.seq]);
  client.close();
  return ack.seq;
}

/** Returns the contents of the room's history, oldest first. */
async function history(): Promise<unknown[]> {
  const client = await signIn();
  client.send({ type: "subscribe", channel: ROOM });
  client.send({ type: "history", room: ROOM, after: 0, id: "h" });
  const { messages } = await client.take("history");
  client.close();
  return messages.map(({ content }) => content);
}

async function ok(url: string): Promise<string> {
  const response = await fetch(url);
  assert.equal(response.status, 200, url);
  return await response.text();
}

/** Checks the undisturbed system. */
async function inUse(system: ComposeSystem): Promise<void> {
  await check(
    "a client signs in, publishes, and receives the ack, the message and the history",
    async () => {
      await sayInRoom("first");
      assert.deepEqual(await history(), ["first"]);
    },
  );
  await check("the demo page and Grafana respond", async () => {
    assert.match(await ok(PAGE), /<html/i);
    await ok(GRAFANA);
  });
  await check("monitor knows every service", async () => {
    await until("them", async () => {
      const text = await (await fetch(`${MONITOR}api/overview`)).text();
      return SERVICES.every((name) => text.includes(`"service":"${name}"`));
    });
  });
  await check("the HTTP API takes a key that is made while it runs", () => useApi(system));
  await check("PostgreSQL has the message", async () => {
    await until("the message in the archive", async () => {
      const sql = `SELECT count(*) FROM hopwire_message WHERE room = '${ROOM}'`;
      const { stdout } = await system.exec("postgres", "psql", "-U", "hopwire", "-Atc", sql);
      return stdout === "1";
    });
  });
  await check("each service's traces arrive", async () => {
    // This is the API of Tempo.
    const url = "http://127.0.0.1:3200/api/search/tag/service.name/values";
    await until("the traces of every service", async () => {
      const { stdout } = await system.exec("telemetry", "curl", "-s", url);
      return SERVICES.every((name) => stdout.includes(`"hopwire-${name}"`));
    }, 60_000);
  });
  await check("no service runs as root, can become root or can write", async () => {
    for (const service of [...SERVICES, "api", "monitor", "nats", "postgres"]) {
      const processes = await system.docker(
        "top",
        await system.container(service),
        "-o",
        "uid,pid",
      );
      const users = processes.split("\n").slice(1).map((line) => line.trim().split(/\s+/)[0]);
      assert.ok(users.length > 0 && !users.includes("0"), `${service} runs as ${users}`);
    }
    for (const service of [...SERVICES, "api", "monitor", "nats"]) {
      assert.ok((await system.inspect(service)).HostConfig.ReadonlyRootfs, service);
      const grep = ["grep", "-E", "CapEff|NoNewPrivs", "/proc/1/status"];
      const { stdout } = await system.exec(service, ...grep);
      assert.match(stdout, /CapEff:\s0+\nNoNewPrivs:\s1/, service);
      const { output } = await system.exec(service, "touch", "/written");
      assert.match(output, /Read-only file system/, service);
    }
  });
}

/** Checks what a service that was broken into could reach. */
async function isolated(system: ComposeSystem): Promise<void> {
  const reach = async (service: string, host: string, port: number) => {
    const code = `await Deno.connect({ hostname: "${host}", port: ${port} })`;
    const run = ["timeout", "5", "env", "OTEL_DENO=false", "deno", "eval", code];
    return (await system.exec(service, ...run)).code === 0;
  };
  await check("the database and Grafana are reached by those alone that need them", async () => {
    assert.ok(await reach("persistence", "postgres", 5432));
    for (const service of ["auth", "rooms", "gateway"]) {
      assert.ok(!await reach(service, "postgres", 5432), `${service} reaches the database`);
    }
    assert.ok(await reach("rooms", "nats", 4222));
    assert.ok(!await reach("telemetry", "nats", 4222), "telemetry reaches NATS");
    assert.ok(!await reach("rooms", "nats", 8222), "rooms reaches NATS's monitoring");
  });
  await check("NATS refuses whoever has no key, and each service has its own alone", async () => {
    const code = `const nats = await Deno.connect({ hostname: "nats", port: 4222 });
      await nats.write(new TextEncoder().encode('CONNECT {"verbose":false}\\r\\nPING\\r\\n'));
      for await (const bytes of nats.readable) console.log(new TextDecoder().decode(bytes));`;
    const { stdout } = await system.exec("rooms", "timeout", "5", "deno", "eval", code);
    assert.match(stdout, /Authorization Violation/);
    const { stdout: secrets } = await system.exec("rooms", "ls", "-R", "/secrets");
    assert.match(secrets, /rooms\.nk/);
    assert.doesNotMatch(secrets, /\bauth\b|gateway|persistence|postgres/);
  });
}

/** Scales to three gateways on one port, then back to one. */
async function severalGateways(system: ComposeSystem): Promise<void> {
  await check("connections are distributed over all gateways", async () => {
    await system.compose("up", "-d", "--scale", "gateway=3");
    try {
      const seen = new Set<string>();
      await until("clients at three gateways", async () => {
        // A gateway that is not ready closes the connection.
        const client = await signIn().catch(() => null);
        if (client === null) return false;
        const frame = client.frames.find((frame) => frame.type === "authenticated")!;
        // A connection's id starts with its gateway's id.
        seen.add(frame.connectionId.split("-")[0]!);
        client.close();
        return seen.size === 3;
      }, 60_000);
    } finally {
      await system.compose("up", "-d", "--scale", "gateway=1");
    }
  });
}

/** Checks the system under disturbances. */
async function disturbed(system: ComposeSystem): Promise<void> {
  await check("hanging telemetry makes no service unhealthy or slow to stop", async () => {
    await system.compose("pause", "monitor", "telemetry");
    try {
      for (const service of SERVICES) {
        const [kind, ...words] = (await system.inspect(service)).Config.Healthcheck!.Test;
        const test = kind === "CMD-SHELL" ? ["sh", "-c", ...words] : words;
        const began = performance.now();
        assert.equal((await system.exec(service, ...test)).code, 0, service);
        assert.ok(performance.now() - began < 5_000, `the check of ${service} is slow`);
      }
      await stopped(system, "rooms");
    } finally {
      await system.compose("unpause", "monitor", "telemetry");
    }
    await system.compose("start", "rooms");
    await system.healthy();
  });
  await check(
    "a restarting gateway announces it, and its clients find their history again",
    async () => {
      const client = await signIn();
      await system.compose("restart", "gateway");
      assert.equal((await client.closing()).code, 4100);
      await system.healthy();
      await sayInRoom("second");
      assert.deepEqual(await history(), ["first", "second"]);
    },
  );
}

/** Stops services (all if none is given) and checks how each exited. */
async function stopped(system: ComposeSystem, ...services: string[]): Promise<void> {
  const began = performance.now();
  await system.compose("stop", ...services);
  const took = performance.now() - began;
  const all = services.length > 0 ? services : [...SERVICES, "postgres", "nats"];
  for (const service of all) {
    const { Status, ExitCode } = (await system.inspect(service)).State;
    // nats-server exits with 1 on SIGTERM, after an orderly shutdown.
    const expected = service === "nats" && ExitCode === 1 ? 1 : 0;
    assert.deepEqual([Status, ExitCode], ["exited", expected], service);
  }
  assert.ok(took < QUICK_MS, `it took ${took.toFixed()} ms`);
}

/** Runs all checks. Removes everything afterwards, whatever happens. */
async function tryCompose(): Promise<void> {
  await using engine = await startEngine();
  await using outside = await makeOutsideService();
  const system = await composeOn(engine, outside.variables);
  say(system.version);
  await system.compose("down", "-v");
  if (!Deno.args.includes("cluster")) await trySingle(system, outside);
  if (!Deno.args.includes("single")) await tryCluster(system);
}

/** The checks of the system without a profile. */
async function trySingle(system: ComposeSystem, outside: OutsideService): Promise<void> {
  try {
    if (!await check("the images build", async () => void await system.compose("build"))) return;
    const up = async () => {
      await system.compose("up", "-d");
      await system.healthy();
    };
    if (!await check("everything comes up healthy", up)) {
      say(await system.compose("logs", "--no-color", "--tail", "20"));
      return;
    }
    await inUse(system);
    await check(
      "a service outside of the repository is built and answers",
      () => outside.use(system, signIn),
    );
    await isolated(system);
    await severalGateways(system);
    await disturbed(system);
    await check("everything stops quickly and exits with success", () => stopped(system));
    await check("down leaves only the volumes", async () => {
      await system.compose("down");
      assert.deepEqual(await system.left(), []);
    });
    await check("messages are still there after another up", async () => {
      await up();
      await sayInRoom("third");
      assert.deepEqual(await history(), ["first", "second", "third"]);
    });
    await check("down of the running system is clean", async () => {
      await system.compose("down");
      assert.deepEqual(await system.left(), []);
    });
  } finally {
    await system.compose("down", "-v");
  }
}

await check("the checks come to an end", tryCompose);
say(failures() === 0 ? "PASS" : `FAIL: ${failures()}`);
Deno.exit(failures() === 0 ? 0 : 1);
