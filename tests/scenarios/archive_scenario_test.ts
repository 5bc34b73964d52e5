/** Logs that are restored, erased messages, and takeovers: what clients and operators see. */
import assert from "node:assert/strict";
import type { ServerFrameOf, Since } from "../../services/contract/mod.ts";
import type { TestClient } from "../harness/client.ts";
import { ROOT } from "../harness/root.ts";
import { startSystem, type System } from "../harness/system.ts";
import { until } from "../harness/wait.ts";

const join = async (client: TestClient, room: string, since?: Since) => {
  client.send({ type: "subscribe", room, since });
  return await client.take("subscribed");
};

let sent = 0;

/** Sends messages until each is acknowledged, as a client does while the system recovers. */
async function say(system: System, room: string, contents: string[]): Promise<number[]> {
  const seqs: number[] = [];
  for (const content of contents) {
    const id = `said-${sent++}`;
    seqs.push(
      await until(`${content} to be acknowledged`, async () => {
        const client = await system.client({ user: "speaker" });
        try {
          await join(client, room);
          client.send({ type: "message", room, content, id });
          const answer = await client.answer(id);
          return answer.type === "ack" && answer.seq;
        } finally {
          client.close();
        }
      }),
    );
  }
  return seqs;
}

/** Reads the whole history of a room, oldest first, as contents. */
async function history(client: TestClient, room: string): Promise<unknown[]> {
  const contents: unknown[] = [];
  let cursor: { before?: number; epoch?: string } = {};
  for (let more = true; more;) {
    client.send({ type: "history", room, limit: 100, id: "h", ...cursor });
    const page = await client.answer("h") as ServerFrameOf<"history">;
    contents.unshift(...page.messages.map(({ content }) => content).reverse());
    cursor = { before: page.messages.at(-1)?.seq ?? 0, epoch: page.epoch };
    more = page.more;
  }
  return contents;
}

const run = async (command: string, ...args: string[]) => {
  const { success, stderr } = await new Deno.Command(command, { args }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
};

Deno.test("a log restored from an older copy: nothing archived is lost, nobody recovers wrongly", async () => {
  await using system = await startSystem({ gateways: 2 });
  const ann = await system.client({ user: "ann" });
  await join(ann, "lobby");
  await say(system, "lobby", ["1", "2", "3"]);
  await system.nats.kill();
  await run("cp", "-a", system.nats.data, `${system.nats.data}-copy`);
  await system.nats.restart();
  const lost = await say(system, "lobby", ["lost 1", "lost 2"]);
  const live = await ann.takeMany("room-message", 5);
  const bob = await system.client({ user: "bob", gateway: 1 });
  const { epoch, seq } = await join(bob, "lobby");
  assert.equal(seq, lost.at(-1));
  // Everything is archived.
  assert.equal((await history(bob, "lobby")).length, 5);
  await system.nats.kill();
  await Deno.remove(system.nats.data, { recursive: true });
  await Deno.rename(`${system.nats.data}-copy`, system.nats.data);
  await system.nats.restart();
  // The gateway remembers what the log no longer has.
  assert.equal((await ann.closing()).code, 4104);
  // As many messages as were lost: their seqs are used again.
  assert.deepEqual(await say(system, "lobby", ["new 1", "new 2"]), lost);
  for (const gateway of [0, 1]) {
    const back = await system.client({ user: "back", gateway });
    for (const since of [{ seq: live[2]!.seq, epoch }, { seq: lost[1]!, epoch }]) {
      const subscribed = await join(back, "lobby", since);
      assert.equal(subscribed.recovered, false);
      assert.notEqual(subscribed.epoch, epoch);
      back.send({ type: "unsubscribe", room: "lobby" });
      await back.take("unsubscribed");
    }
    await join(back, "lobby");
    assert.deepEqual(await history(back, "lobby"), [
      "1",
      "2",
      "3",
      "lost 1",
      "lost 2",
      "new 1",
      "new 2",
    ]);
  }
});

Deno.test("a gateway that starts on a restored log claims no recovery before persistence agrees", async () => {
  await using system = await startSystem();
  await say(system, "lobby", ["1"]);
  await system.nats.kill();
  await run("cp", "-a", system.nats.data, `${system.nats.data}-copy`);
  await system.nats.restart();
  const [lost] = await say(system, "lobby", ["lost"]);
  const ann = await system.client({ user: "ann" });
  const { epoch } = await join(ann, "lobby");
  await history(ann, "lobby");
  await system.persistences[0]!.kill();
  await system.gateways[0]!.kill();
  await system.nats.kill();
  await Deno.remove(system.nats.data, { recursive: true });
  await Deno.rename(`${system.nats.data}-copy`, system.nats.data);
  await system.nats.restart();
  await system.gateways[0]!.restart();
  await system.gateways[0]!.ready();
  assert.deepEqual(await say(system, "lobby", ["new"]), [lost]);
  const back = await system.client({ user: "back" });
  // Resuming waits for persistence for a while. Then the client joins without what it missed.
  const resumed = await until("an answer", async () => {
    back.send({ type: "subscribe", room: "lobby", since: { seq: lost!, epoch }, id: "r" });
    const answer = await back.answer("r");
    return answer.type === "subscribed" && answer;
  }, 60_000);
  assert.equal(resumed.recovered, false);
  await system.persistences[0]!.restart();
  await until("the new epoch", async () => {
    const client = await system.client({ user: "late" });
    try {
      return (await join(client, "lobby")).epoch !== epoch;
    } finally {
      client.close();
    }
  });
  const late = await system.client({ user: "late" });
  await join(late, "lobby");
  assert.deepEqual(await history(late, "lobby"), ["1", "lost", "new"]);
});

Deno.test("an erased message leaves windows and history, and members are told", async () => {
  await using system = await startSystem({ gateways: 2 });
  const clients = [
    await system.client({ user: "ann", gateway: 0 }),
    await system.client({ user: "bob", gateway: 1 }),
  ];
  for (const client of clients) await join(client, "lobby");
  const seqs = await say(system, "lobby", ["before", "secret", "after"]);
  const first = (await clients[0]!.takeMany("room-message", 3))[0]!.seq;
  const { epoch } = await join(await system.client({ user: "cid" }), "lobby");
  const command = async (...args: string[]) => {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", `${ROOT}services/start/commands/${args[0]}.ts`, ...args.slice(1)],
      env: system.natsEnv("operator"),
    }).output();
    return { code, text: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
  };
  const erased = await command("erase", "--room", "lobby", "--seq", String(seqs[1]));
  assert.deepEqual(erased, { code: 0, text: "1 messages erased\n" });
  for (const client of clients) {
    assert.equal((await client.take("message-erased")).seq, seqs[1]);
    // The gateway's window: whoever resumes gets the place without the content.
    const back = await system.client({ user: "back", gateway: clients.indexOf(client) });
    assert.equal((await join(back, "lobby", { seq: first, epoch })).recovered, true);
    const replayed = await back.takeMany("room-message", 2);
    assert.deepEqual(replayed.map(({ seq }) => seq), seqs.slice(1));
    assert.deepEqual(replayed.map(({ content }) => content), [null, "after"]);
    assert.deepEqual([replayed[0]!.erased, replayed[0]!.userId], [true, "erased"]);
    assert.deepEqual(await history(back, "lobby"), ["before", null, "after"]);
  }
  const audited = await command("audit");
  assert.deepEqual(audited, {
    code: 0,
    text: "2 messages of the log compared, 0 differences\n",
  });
  const all = await command("erase", "--user", "speaker");
  assert.deepEqual(all, { code: 0, text: "2 messages erased\n" });
  assert.deepEqual(await history(clients[0]!, "lobby"), [null, null, null]);
  const wrong = await command("erase", "--room", "lobby");
  assert.equal(wrong.code, 1);
  assert.match(wrong.text, /^usage: deno task erase --room/);
});

Deno.test("a standby takes over from a killed or suspended instance, and history goes on", async () => {
  await using system = await startSystem({ persistences: 2 });
  const client = await system.client({ user: "ann" });
  await join(client, "lobby");
  const writer = () =>
    until("an instance to archive", () => {
      const terms = system.persistences.map(({ process }) => {
        const line = process.output.findLast((line) => /this instance archives now/.test(line));
        return line === undefined ? 0 : JSON.parse(line).term as number;
      });
      const highest = Math.max(...terms);
      return highest > 0 && { service: system.persistences[terms.indexOf(highest)]!, highest };
    });
  await say(system, "lobby", ["1"]);
  const first = await writer();
  await first.service.kill();
  await say(system, "lobby", ["2"]);
  assert.deepEqual(await until("history", () => history(client, "lobby")), ["1", "2"]);
  const second = await writer();
  assert.ok(second.highest > first.highest);
  await first.service.restart();
  await first.service.ready();
  const taken = async () => (await writer()).service === first.service;
  for (;;) {
    await second.service.process.stop();
    // One that is stopped in the middle of a transaction keeps the SQLite file locked.
    if (await until("the restarted instance to archive", taken, 5_000).catch(() => false)) break;
    second.service.process.signal("SIGCONT");
  }
  await say(system, "lobby", ["3"]);
  second.service.process.signal("SIGCONT");
  await second.service.process.line("this instance archives no longer");
  assert.deepEqual(await until("history", () => history(client, "lobby")), ["1", "2", "3"]);
});
