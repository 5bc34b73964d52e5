/** A gateway that runs out of files says so, and takes clients again when others have left. */
import assert from "node:assert/strict";
import { findOnPath } from "../../services/start/nats_server.ts";
import { probe } from "../../services/start/probe.ts";
import { freePort } from "../harness/ports.ts";
import { startSystem } from "../harness/system.ts";
import { until } from "../harness/wait.ts";

/** Files that the gateway may open beside those that it has. */
const LEFT = 40;

Deno.test({
  name: "a gateway without files left is not ready, and accepts clients once there are some",
  ignore: await findOnPath("prlimit") === null,
  async fn() {
    const health = freePort();
    await using system = await startSystem({ env: { gateway: { HEALTH_PORT: String(health) } } });
    const [gateway] = system.gateways;
    const { pid } = gateway!.process;
    const opened = () => [...Deno.readDirSync(`/proc/${pid}/fd`)].length;
    const before = await system.client({ user: "before" });
    before.send({ type: "subscribe", room: "lobby" });
    await before.take("subscribed");

    const limitTo = async (files: number) => {
      const args = [`--pid=${pid}`, `--nofile=${files}:`];
      assert.ok((await new Deno.Command("prlimit", { args }).output()).success);
    };
    const connectMany = (port: number) =>
      Promise.all(Array.from(
        { length: 3 * LEFT },
        () => Deno.connect({ hostname: "127.0.0.1", port }),
      ));

    // So short that nobody notices, first on the port of clients, then on that of health checks.
    for (const port of [gateway!.port, health]) {
      const limit = opened() + LEFT;
      await limitTo(limit);
      const crowd = await connectMany(port);
      await until("all files to be used", () => opened() >= limit);
      await limitTo(20_000);
      for (const connection of crowd) connection.close();
      await until(
        "an answer",
        async () => (await probe(`http://127.0.0.1:${port}/readyz`)).ok,
      );
    }

    await limitTo(opened() + LEFT);
    const crowd = await connectMany(gateway!.port);
    await until(
      "a line that says so",
      () => gateway!.process.output.some((line) => line.includes("out of file descriptors")),
    );
    // Who is connected stays.
    before.send({ type: "message", room: "lobby", content: "still here", id: "1" });
    await before.take("ack");

    for (const connection of crowd) connection.close();
    await until(
      "the gateway to be ready",
      async () => (await probe(`http://127.0.0.1:${health}/readyz`)).ok,
    );
    const after = await system.client({ user: "after" });
    after.send({ type: "subscribe", room: "lobby" });
    await after.take("subscribed");
    before.send({ type: "message", room: "lobby", content: "welcome", id: "2" });
    assert.equal((await after.take("room-message")).content, "welcome");
  },
});
