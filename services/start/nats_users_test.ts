/** Every user of NATS on a real server: what it may do works, and everything else is refused. */
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import assert from "node:assert/strict";
import { type Connect, refusals, withNatsUsers } from "../../tests/harness/nats_users.ts";
import { until } from "../../tests/harness/wait.ts";
import {
  BUS_RIGHTS,
  BUS_USERS,
  inboxPrefix,
  isInbox,
  liveSubject,
  NATS_TRACES,
} from "../contract/mod.ts";
import { authorizationOf, natsAccounts, type NatsUser, natsUsers, seedFile } from "./nats_users.ts";

const USERS = natsUsers([
  "dice",
  "audit+log",
  "backend+erase+revoke+moderate",
  "roller=calls+post",
]);

/** What nobody may do, beside what only some may. */
const NOBODYS = [
  ">",
  "$SYS.>",
  "$SYS.REQ.SERVER.PING",
  "$JS.>",
  "$JS.API.>",
  "$JS.API.STREAM.DELETE.ROOMS",
  "$JS.API.STREAM.CREATE.OTHER",
  "$JS.API.DIRECT.GET.OTHER",
  "$KV.PRESENCE.x",
  "room.>",
  "room.*.1.x",
  "room.live",
  "_INBOX.>",
  "_INBOX.*.>",
  "_INBOX.x",
  "call.>",
  "other.subject",
];

/** What only whoever looks at the bus may do. */
const OBSERVERS = [
  "$JS.API.INFO",
  "$JS.API.STREAM.INFO.OTHER",
  "$JS.API.STREAM.NAMES",
  "$JS.API.CONSUMER.LIST.ROOMS",
];

/** Every subject that some user may use, and more, with wildcards. */
const PATTERNS = [
  ...new Set([
    ...USERS.flatMap(({ rights }) => [...rights.publish, ...rights.subscribe]),
    ...NOBODYS,
    ...OBSERVERS,
  ]),
];

const concrete = (pattern: string) => pattern.replaceAll("*", "x1").replace(/>$/, "x2.x3");

/** Whether a pattern includes all of another one. */
function includes(pattern: string, other: string): boolean {
  const [own, theirs] = [pattern.split("."), other.split(".")];
  for (const [index, token] of own.entries()) {
    if (token === ">") return theirs.length > index;
    if (theirs[index] === undefined || theirs[index] === ">") return false;
    if (token !== "*" && token !== theirs[index]) return false;
  }
  return own.length === theirs.length;
}

const allowed = (patterns: readonly string[], subject: string) =>
  patterns.some((pattern) => includes(pattern, subject));

const withServer = (play: (as: Connect) => Promise<void>) => withNatsUsers(USERS, play);

/** Publishes to and subscribes to each subject as one user. Returns what was refused. */
async function tryAll(
  { name, rights }: NatsUser,
  as: Connect,
): Promise<void> {
  const nats = await as(name);
  const refused = refusals(nats);
  const test = await as("test");
  const arrived = new Set<string>();
  test.subscribe(">", { callback: (_, { subject }) => void arrived.add(subject) });
  await test.flush();
  const published = [...new Set(PATTERNS.map(concrete))];
  const wrong: string[] = [];

  for (const subject of published) nats.publish(subject, "{}");
  const mayPublish = (subject: string) => allowed(rights.publish, subject);
  await nats.flush();
  await until(
    `the refusals of what ${name} publishes`,
    () => refused.publish.size >= published.filter((subject) => !mayPublish(subject)).length,
  );
  await test.flush();
  for (const subject of published) {
    if (mayPublish(subject) !== !refused.publish.has(subject)) wrong.push(`publish ${subject}`);
    // The API of JetStream takes what it is sent, and others do not see it.
    const seen = arrived.has(subject);
    if (mayPublish(subject) !== seen && !subject.startsWith("$JS.API.")) {
      wrong.push(`${subject} ${seen ? "arrived" : "did not arrive"}`);
    }
  }

  const received = new Set<string>();
  for (const pattern of PATTERNS) {
    nats.subscribe(pattern, { callback: (error) => void (error ?? received.add(pattern)) });
  }
  await nats.flush();
  const maySubscribe = (pattern: string) => allowed(rights.subscribe, pattern);
  await until(
    `the refusals of what ${name} subscribes to`,
    () => refused.subscription.size >= PATTERNS.filter((pattern) => !maySubscribe(pattern)).length,
  );
  for (const subject of published) test.publish(subject, "{}");
  await test.flush();
  await nats.flush();
  for (const pattern of PATTERNS) {
    if (maySubscribe(pattern) !== received.has(pattern)) wrong.push(`subscribe ${pattern}`);
  }
  assert.deepEqual(wrong, [], `${name}: the rights differ from the table`);
}

Deno.test("each user may do what the table says, and is refused everything else", () =>
  withServer(async (as) => {
    assert.ok(PATTERNS.length > 60);
    for (const user of USERS) await tryAll(user, as);
  }));

Deno.test("nobody may publish live messages, do everything, or read another's inbox", () => {
  for (const { name, rights } of USERS) {
    for (const subject of NOBODYS.filter((subject) => subject !== "_INBOX.*.>")) {
      assert.ok(!allowed(rights.publish, subject), `${name} may publish ${subject}`);
      assert.ok(!allowed(rights.subscribe, subject), `${name} may subscribe to ${subject}`);
    }
    for (const subject of OBSERVERS) {
      assert.equal(allowed(rights.publish, subject), name === "observer", `${name}: ${subject}`);
    }
    assert.ok(!allowed(rights.publish, liveSubject("lobby")), name);
    for (const other of USERS.filter((other) => other.name !== name)) {
      assert.ok(!allowed(rights.subscribe, `${inboxPrefix(other.name)}.x`), name);
    }
  }
  // What used to make anybody an administrator.
  for (const { name, rights } of USERS.filter(({ name }) => name !== "auth")) {
    assert.ok(!allowed(rights.subscribe, "auth.verify"), name);
  }
  // Tokens for anybody, and ends of anybody's connections.
  for (const { name, rights } of USERS.filter(({ name }) => name !== "api")) {
    for (const subject of ["auth.issue", "gateway.disconnect"]) {
      assert.ok(!allowed(rights.publish, subject), `${name} may publish ${subject}`);
    }
  }
  assert.ok(!allowed(BUS_RIGHTS.api.subscribe, liveSubject("lobby")));
  const ofAuth = BUS_RIGHTS.auth.publish.filter((subject) =>
    !subject.startsWith("denial.") && subject !== NATS_TRACES
  );
  assert.deepEqual(ofAuth.filter((subject) => !subject.endsWith(".DENIALS")), []);
  // Who could write denials could shut anybody out.
  for (const { name, rights } of USERS.filter(({ name }) => !["auth", "rooms"].includes(name))) {
    assert.ok(!allowed(rights.publish, "denial.ban.ann.lobby"), name);
    assert.ok(!allowed(rights.publish, "denial.user.ann"), name);
  }
});

Deno.test("whoever looks at the bus reads no message, and changes nothing", () => {
  const { publish, subscribe } = BUS_RIGHTS.observer;
  for (const subject of publish) {
    assert.match(subject, /^(\$SRV\.>|\$JS\.API\.((STREAM|CONSUMER)\.)?(INFO|LIST|NAMES)[.*]*)$/);
  }
  assert.deepEqual(subscribe, ["_INBOX.observer.>"]);
});

Deno.test("a request is answered once, and only by whom it was sent to", () =>
  withServer(async (as) => {
    const [auth, gateway, dice] = [await as("auth"), await as("gateway"), await as("dice")];
    const refused = refusals(auth);
    let reply = "";
    auth.subscribe("auth.verify", {
      callback(_, message) {
        reply = message.reply!;
        message.respond("one");
        message.respond("two");
      },
    });
    await auth.flush();
    assert.equal((await gateway.request("auth.verify", "")).string(), "one");
    assert.ok(isInbox(reply), reply);
    await until("the second answer to be refused", () => refused.publish.has(reply));
    const others = refusals(dice);
    dice.publish(reply, "forged");
    dice.publish("auth.verify", "{}");
    await until("the others' to be refused", () => others.publish.size === 2);
  }));

Deno.test("a service with the right to the log reads it with a consumer of its own", () =>
  withServer(async (as) => {
    const [test, audit] = [await as("test"), await as("audit")];
    const manager = await jetstreamManager(test);
    await manager.streams.add({ name: "ROOMS", subjects: ["room.message.>"] });
    await test.request("room.message.1.lobby", "hello");
    const refused = refusals(audit);
    const own = await jetstreamManager(audit, { checkAPI: false });
    const consumer = { ack_policy: "explicit", ack_wait: 1e9 } as const;
    await own.consumers.add("ROOMS", { ...consumer, durable_name: "audit" });
    const reader = await jetstream(audit).consumers.get("ROOMS", "audit");
    const message = await reader.next({ expires: 5_000 });
    assert.equal(message!.string(), "hello");
    message!.ack();
    await until("the ack", async () => (await reader.info()).ack_floor.stream_seq === 1);
    assert.deepEqual([...refused.publish, ...refused.subscription], []);
    await assert.rejects(
      own.consumers.add("ROOMS", { ...consumer, durable_name: "archive" }),
      /[Pp]ermission/,
    );
  }));

Deno.test("a service that says what it needs may do that and nothing else", () =>
  withServer(async (as) => {
    const [test, roller] = [await as("test"), await as("roller")];
    const manager = await jetstreamManager(test);
    await manager.streams.add({ name: "ROOMS", subjects: ["room.message.>"] });
    const refused = refusals(roller);
    roller.subscribe("call.roller.*", { callback: (_, message) => void message.respond("4") });
    for (const subject of ["call.audit.*", "room.live.>", "screen.roller"]) {
      roller.subscribe(subject, { callback: () => {} });
    }
    await roller.flush();
    assert.equal((await test.request("call.roller.roll", "")).string(), "4");
    await until("the others' subjects", () => refused.subscription.size === 3);
    assert.equal(
      (await roller.request("room.message.1.lobby", "hi")).json<{ seq: number }>().seq,
      1,
    );
    for (const subject of ["room.signal.1.lobby", "user.event.ann", "history.read"]) {
      roller.publish(subject, "{}");
    }
    await until("what it does not need", () => refused.publish.size === 3);
  }));

Deno.test("services are declared by a name and what they may do beside the usual", () => {
  const names = (services: string[]) => natsUsers(services).map(({ name }) => name);
  assert.deepEqual(names([]), [...BUS_USERS]);
  assert.deepEqual(names(["dice", "a_b-2+log+revoke"]), [...BUS_USERS, "dice", "a_b-2"]);
  const cases: [string[], RegExp][] = [
    [["auth"], /^NATS_SERVICES: there already is a service auth$/],
    [["dice", "dice+log"], /^NATS_SERVICES: there already is a service dice$/],
    [["Dice"], /^NATS_SERVICES: expected names of a-z 0-9 _ - \(got "Dice"\)$/],
    [["di.ce"], /^NATS_SERVICES: expected names/],
    [["*"], /^NATS_SERVICES: expected names/],
    [
      ["dice+admin"],
      /^NATS_SERVICES: dice may have erase, log, moderate, revoke, schedule, screen, screened; not "admin"$/,
    ],
    [["dice=calls+admin"], /^NATS_SERVICES: dice may need calls, listen, .*; not "admin"$/],
  ];
  for (const [services, message] of cases) {
    assert.throws(() => natsUsers(services), { name: "ConfigError", message });
  }
});

Deno.test("keys are generated once, for their owner alone, and the server knows no secret", async () => {
  const folder = `${await Deno.makeTempDir()}/keys`;
  const first = await natsAccounts(folder, natsUsers([]));
  const second = await natsAccounts(folder, natsUsers(["dice"]));
  assert.deepEqual(second.slice(0, first.length), first);
  assert.equal(new Set(second.map(({ seed }) => seed)).size, second.length);
  assert.equal((await Deno.stat(folder)).mode! & 0o777, 0o700);
  const config = authorizationOf(second, { traces: false });
  for (const { name, seed, publicKey } of second) {
    const file = seedFile(folder, name);
    assert.equal((await Deno.stat(file)).mode! & 0o777, 0o600);
    assert.equal(await Deno.readTextFile(file), seed);
    assert.ok(config.includes(publicKey) && !config.includes(seed));
  }
  await Deno.writeTextFile(seedFile(folder, "auth"), "damaged");
  await assert.rejects(natsAccounts(folder, natsUsers([])), /auth\.nk does not hold the seed/);
  await Deno.remove(folder, { recursive: true });
});
