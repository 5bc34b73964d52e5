/** Secrets and personal data: what logs and telemetry hold of tokens and users. */
import { connect } from "@nats-io/transport-node";
import assert from "node:assert/strict";
import { SignJWT } from "jose";
import {
  AuthRevoke,
  AuthUnrevoke,
  callSubject,
  HistoryErase,
  messageSubject,
  revokedSubject,
  RoomsBan,
  RoomsKick,
  RoomsUnban,
  userEventSubject,
} from "../../services/contract/mod.ts";
import { connectClient, type TestClient } from "../harness/client.ts";
import { startOtlpReceiver } from "../harness/otlp.ts";
import { startSystem, type System, tokenFor } from "../harness/system.ts";
import { until } from "../harness/wait.ts";

const servicesOf = ({ gateways, auths, rooms, persistences }: System) => [
  ...gateways,
  ...auths,
  ...rooms,
  ...persistences,
];

Deno.test("refused tokens are logged with the client's address, and never themselves", async () => {
  await using system = await startSystem({
    env: {
      all: { LOG_LEVEL: "debug" },
      gateway: { TOKEN_IN_QUERY: "true", TRUSTED_PROXIES: "127.0.0.1" },
    },
  });
  const gateway = system.gateways[0]!;
  const base = `http://127.0.0.1:${gateway.port}`;
  const now = Math.floor(Date.now() / 1_000);
  const forged = (claims: Record<string, unknown>) =>
    new SignJWT(claims).setProtectedHeader({ alg: "HS256", kid: "guessed-key-id" })
      .sign(new TextEncoder().encode("a secret that somebody has guessed, wrongly"));
  const tokens = [
    await forged({ sub: "victim", exp: now + 600 }),
    await tokenFor("expired-user", { iat: now - 900, exp: now - 600 }),
    await tokenFor("odd-claims", { rooms: "claim-of-a-secret-room" }),
    await tokenFor("no-expiry", { exp: undefined }),
    `${btoa('{"alg":"none"}').replace(/=/g, "")}.${btoa('{"sub":"nobody"}').replace(/=/g, "")}.`,
    "not-even-a-token-but-maybe-a-password",
  ];
  const headers = { "x-forwarded-for": "198.51.100.7" };
  for (const token of tokens) {
    const ways: (() => Promise<TestClient>)[] = [
      () => connectClient(system.url(), { headers }),
      () => connectClient(`${system.url()}?token=${token}`, { headers }),
      () =>
        connectClient(system.url(), { headers: { ...headers, authorization: `Bearer ${token}` } }),
      () => connectClient(system.url(), { headers, protocols: ["hopwire.v1", `bearer.${token}`] }),
    ];
    for (const [index, open] of ways.entries()) {
      const client = await open();
      if (index === 0) client.send({ type: "auth", token });
      const { code } = await client.closing();
      assert.ok(code === 4001 || code === 4002, String(code));
      assert.doesNotMatch(JSON.stringify(client.frames), new RegExp(token.split(".")[1] ?? token));
    }
    await fetch(`${base}/poll`, {
      method: "POST",
      body: "{}",
      headers: { ...headers, authorization: `Bearer ${token}` },
    }).then((answer) => answer.text());
    // Where no token belongs.
    await fetch(`${base}/${token}`, { headers: { cookie: token, origin: `https://${token}` } })
      .then((answer) => answer.text());
  }
  let counted = 0;
  await until("all refusals to be logged", () => {
    const lines = gateway.process.output.filter((line) => line.includes("refused authentications"));
    counted = 0;
    for (const line of lines) {
      for (const { address, refused } of JSON.parse(line).most) {
        assert.equal(address, "198.51.100.7");
        counted += refused;
      }
    }
    return counted === tokens.length * 5;
  });
  await system.auths[0]!.process.line("refused a token");
  const logs = servicesOf(system).flatMap(({ process }) => process.output).join("\n");
  const parts = [
    ...tokens.flatMap((token) => token.split(".")).filter((part) => part.length > 12),
    ...["victim", "expired-user", "odd-claims", "claim-of-a-secret-room", "guessed-key-id"],
  ];
  for (const part of parts) assert.ok(!logs.includes(part), part);
});

/** A user's id that nothing else contains, and one that subjects encode. */
const USERS = ["personal-ann-4711", "personal bob 4712"];

/** Everything that services do with users. */
async function doEverything(system: System): Promise<void> {
  const nats = await connect({ servers: system.nats.url, inboxPrefix: "_INBOX.test" });
  nats.subscribe(callSubject("dice", "roll"), {
    callback: (_error, message) => void message.respond("{}"),
  });
  await nats.flush();
  const clients: TestClient[] = [];
  for (const user of USERS) {
    const client = await system.client({ user });
    clients.push(client);
    client.send({ type: "subscribe", room: "lobby", presence: { status: "here" } });
    await client.take("subscribed");
    client.send({ type: "message", room: "lobby", content: "hello", id: "m" });
    await client.take("ack");
    client.send({ type: "signal", room: "lobby", content: 1 });
    client.send({ type: "update-presence", room: "lobby", presence: { status: "away" } });
    client.send({ type: "history", room: "lobby", id: "h" });
    await client.answer("h");
    client.send({ type: "presence", room: "lobby", id: "p" });
    await client.answer("p");
    client.send({ type: "call", service: "dice", method: "roll", data: {}, id: "c" });
    await client.answer("c");
    client.send({ type: "call", service: "nobody", method: "roll", data: {}, id: "d" });
    await client.answer("d");
    nats.publish(userEventSubject(user), '{"topic":"t","data":1}');
    // Invalid ones, which are logged.
    nats.publish(userEventSubject(user), "{}");
    nats.publish(revokedSubject(user), '{"userId":1}');
    nats.publish(messageSubject("lobby"), JSON.stringify({ userId: user, content: 1 }));
    await client.take("event");
  }
  const request = async (subject: string, data: object) => {
    const answer = await nats.request(subject, JSON.stringify(data), { timeout: 10_000 });
    assert.equal(answer.headers?.get("Nats-Service-Error-Code") ?? "", "", answer.string());
  };
  for (const [index, userId] of USERS.entries()) {
    await request(RoomsKick.subject, { room: "lobby", userId });
    await clients[index]!.take("unsubscribed");
    await request(RoomsBan.subject, { room: "lobby", userId });
    // A ban is effective within a second.
    let tries = 0;
    await until("the ban", async () => {
      const id = `join-${tries++}`;
      clients[index]!.send({ type: "subscribe", room: "lobby", id });
      return (await clients[index]!.answer(id)).type === "error";
    });
    await request(RoomsUnban.subject, { room: "lobby", userId });
    await request(HistoryErase.subject, { userId });
    await request(AuthRevoke.subject, { userId });
    assert.equal((await clients[index]!.closing()).code, 4004);
    await request(AuthUnrevoke.subject, { userId });
  }
  await nats.close();
}

for (const mode of ["hashed", "off"] as const) {
  Deno.test(`with TRACE_USER_IDS=${mode} no telemetry and no log of any service names a user`, async () => {
    await using receiver = startOtlpReceiver();
    const service = (name: string) => ({ OTEL_SERVICE_NAME: name });
    await using system = await startSystem({
      env: {
        all: {
          ...receiver.env,
          LOG_LEVEL: "debug",
          OTEL_METRIC_EXPORT_INTERVAL: "500",
          OTEL_BLRP_SCHEDULE_DELAY: "100",
        },
        gateway: { ...service("gateway"), TRACE_USER_IDS: mode },
        auth: service("auth"),
        rooms: service("rooms"),
        persistence: service("persistence"),
      },
    });
    await doEverything(system);
    const { traces, metrics, logs } = receiver.bodies;
    await until("telemetry of every service", () => {
      for (const [what, bodies] of Object.entries(receiver.bodies)) {
        for (const service of ["gateway", "auth", "rooms", "persistence"]) {
          const name = new RegExp(`"service.name"[^}]{1,40}"${service}"`);
          if (!bodies.some((body) => name.test(body))) throw new Error(`${service}: ${what}`);
        }
      }
      return true;
    });
    await until("the spans of messages", () => traces.join().includes("edge.receive"));
    await until("the invalid events", () => logs.join().includes("ignored an invalid event"));
    const named = () => receiver.spans.filter(({ attributes }) => "enduser.id" in attributes);
    if (mode === "hashed") await until("a span with a hash", () => named().length > 0);
    else assert.deepEqual(named(), []);
    const printed = servicesOf(system).flatMap(({ process }) => process.output);
    for (const text of [...traces, ...metrics, ...logs, ...printed]) {
      // In subjects the second one is base64.
      for (const part of [...USERS, "cGVyc29uYWwgYm9iIDQ3MTI"]) {
        const at = text.indexOf(part);
        assert.equal(at, -1, text.slice(Math.max(0, at - 200), at + 100));
      }
    }
  });
}
