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
    const openedBy = (pid: number) => [...Deno.readDirSync(`/proc/${pid}/fd`)].length;
    const limitTo = async (pid: number, files: number) => {
      const args = [`--pid=${pid}`, `--nofile=${files}:`];
      assert.ok((await new Deno.Command("prlimit", { args }).output()).success);
    };
    const connectMany = async (port: number) => {
      const hostname = "127.0.0.1";
      const all = Array.from({ length: 3 * LEFT }, () => Deno.connect({ hostname, port }));
      // A server that stops listening resets those that wait.
      return (await Promise.allSettled(all)).flatMap((one) =>
        one.status === "fulfilled" ? one.value : []
      );
    };
    const before = await system.client({ user: "before" });
    before.send({ type: "subscribe", room: "lobby" });
    await before.take("subscribed");

    // So short that nobody notices: on the port of clients, on that of health checks, and with another server.
    const [auth] = system.auths;
    for (
      const [{ pid }, port] of [
        [gateway!.process, gateway!.port],
        [gateway!.process, health],
        [auth!.process, auth!.port],
      ] as const
    ) {
      const limit = openedBy(pid) + LEFT;
      await limitTo(pid, limit);
      const crowd = await connectMany(port);
      await until("all files to be used", () => openedBy(pid) >= limit - 2);
      await limitTo(pid, 20_000);
      for (const connection of crowd) connection.close();
      await until("an answer", async () => (await probe(`http://127.0.0.1:${port}/readyz`)).ok);
    }
    assert.ok(!auth!.process.output.join("").includes("Uncaught"));

    const { pid } = gateway!.process;
    await limitTo(pid, openedBy(pid) + LEFT);
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
