/** What is sent, how it is signed, when it is tried again, and where it may go. */
import assert from "node:assert/strict";
import { Webhook } from "standardwebhooks";
import { type WebhookEndpoint, WebhooksFile } from "../../contract/mod.ts";
import { parseEndpoints } from "../endpoints_file.ts";
import { isPrivateAddress } from "./address.ts";
import { Circuit } from "./circuit.ts";
import { createPoster } from "./post.ts";
import type { Delivery } from "./pull_reader.ts";
import { groupsOf, type Item } from "./requests.ts";
import { isGivenUp, retryDelay } from "./retry.ts";
import { signedHeaders } from "./sign.ts";
import { Slots } from "./slots.ts";

const SECRETS = [1, 2].map((n) => `whsec_${new Uint8Array(24).fill(n).toBase64()}`);

const endpointOf = (more: object = {}) =>
  WebhooksFile.parse({
    endpoints: [{
      id: "shop",
      url: "https://shop.example/",
      secrets: SECRETS,
      events: ["room.message"],
      ...more,
    }],
  }).endpoints[0]!;

Deno.test("an independent library verifies each signature, and refuses others", () => {
  const body = JSON.stringify({ text: "Grüße 🎉" });
  const seconds = Math.floor(Date.now() / 1_000);
  const headers = signedHeaders({ id: "evt_1", seconds, body }, SECRETS);
  for (const secret of SECRETS) assert.ok(new Webhook(secret).verify(body, headers));
  const other = `whsec_${new Uint8Array(24).fill(3).toBase64()}`;
  assert.throws(() => new Webhook(other).verify(body, headers));
  assert.throws(() => new Webhook(SECRETS[0]!).verify(`${body} `, headers));
  const old = signedHeaders({ id: "evt_1", seconds: seconds - 600, body }, SECRETS);
  assert.throws(() => new Webhook(SECRETS[0]!).verify(body, old), /too old/);
});

Deno.test("a wrong file is refused with what is wrong, and without its secrets", () => {
  const good = { id: "a", url: "https://a.example/", secrets: SECRETS, events: ["room.left"] };
  const cases: [object, RegExp][] = [
    [{ ...good, url: "http://a.example/" }, /^endpoints\.0\.url: expected https/],
    [{ ...good, url: "https://me:pw@a.example/" }, /no user or password/],
    [{ ...good, url: "ftp://a.example/" }, /http or https URL/],
    [{ ...good, id: "A b" }, /^endpoints\.0\.id: expected 1 to 32/],
    [{ ...good, secrets: ["whsec_short"] }, /^endpoints\.0\.secrets\.0: expected whsec_/],
    [{ ...good, secrets: [] }, /secrets/],
    [{ ...good, events: ["room.gone"] }, /events/],
    [{ ...good, rooms: ["a..b"] }, /rooms\.0: expected a room pattern/],
    [{ ...good, timeout: 1 }, /timeout/],
    [{ ...good, concurrency: 65 }, /concurrency/],
  ];
  for (const [endpoint, error] of cases) {
    assert.throws(() => parseEndpoints(JSON.stringify({ endpoints: [endpoint] })), (thrown) => {
      assert.match((thrown as Error).message, error);
      return !(thrown as Error).message.includes("AQEB");
    });
  }
  assert.throws(() => parseEndpoints(JSON.stringify({ endpoints: [good, good] })), /same id/);
  assert.throws(() => parseEndpoints("{"), /not JSON/);
  for (const url of ["http://127.0.0.1:9000/x", "http://localhost/", "http://[::1]:1/"]) {
    assert.equal(parseEndpoints(JSON.stringify({ endpoints: [{ ...good, url }] })).length, 1);
  }
});

Deno.test("delays grow to their limit, with a random part; then an event is given up", () => {
  const { retry } = endpointOf();
  const delays = [1, 2, 3, 4, 20, 1_000].map((attempts) => retryDelay(attempts, retry, () => 1));
  assert.deepEqual(delays, [1_000, 3_000, 9_000, 27_000, 3_600_000, 3_600_000]);
  assert.equal(retryDelay(1, retry, () => 0), 500);
  const hour = 3_600_000;
  assert.equal(isGivenUp(19, 71 * hour, retry), false);
  assert.equal(isGivenUp(20, 0, retry), true);
  assert.equal(isGivenUp(2, 100 * hour, retry), false);
  assert.equal(isGivenUp(3, 73 * hour, retry), true);
});

Deno.test("five failures in a row open the circuit; then one at a time may try", () => {
  let now = 0;
  const circuit = new Circuit(1_000, () => now);
  for (let i = 0; i < 4; i++) circuit.ended(false, circuit.began());
  assert.deepEqual([circuit.open, circuit.wait()], [false, 0]);
  const late = circuit.began();
  circuit.ended(false, circuit.began());
  assert.ok(circuit.open && circuit.wait()! >= 500 && circuit.wait()! <= 1_000);
  // Others that were in progress fail as well: that makes the pause no longer.
  for (let i = 0; i < 60; i++) circuit.ended(false, late);
  assert.ok(circuit.wait()! <= 1_000);
  now = 1_000;
  assert.equal(circuit.wait(), 0);
  let probe = circuit.began();
  assert.equal(circuit.wait(), undefined);
  circuit.ended(false, late);
  assert.equal(circuit.wait(), undefined);
  circuit.ended(false, probe);
  assert.ok(circuit.wait()! >= 1_500);
  for (let i = 0; i < 50; i++) circuit.ended(false, circuit.began());
  assert.ok(circuit.wait()! <= 300_000);
  now += 300_000;
  probe = circuit.began();
  circuit.ended(true, probe);
  assert.deepEqual([circuit.open, circuit.wait()], [false, 0]);
  circuit.ended(false, circuit.began(), 7_000);
  assert.equal(circuit.wait(), 7_000);
});

Deno.test("requests hold as many events as they may, and those that have failed twice alone", () => {
  const item = (n: number, delivered = 1, size = 10): Item => ({
    event: { id: `e${n}` } as Item["event"],
    delivery: { delivered } as Delivery,
    json: "x".repeat(size),
  });
  const sizes = (items: Item[], endpoint: WebhookEndpoint) =>
    groupsOf(items, endpoint).map((group) => group.length);
  const items = [1, 2, 3, 4, 5].map((n) => item(n));
  assert.deepEqual(sizes(items, endpointOf()), [1, 1, 1, 1, 1]);
  const batch = endpointOf({ batch: { maxEvents: 3 } });
  assert.deepEqual(sizes(items, batch), [3, 2]);
  assert.deepEqual(sizes([item(1, 2), item(2, 3), item(3), item(4)], batch), [1, 1, 2]);
  const large = [item(1, 1, 700_000), item(2, 1, 400_000), item(3, 1, 10)];
  assert.deepEqual(sizes(large, batch), [1, 2]);
});

Deno.test("addresses that are not of the internet are private, however they are written", () => {
  for (
    const address of [
      "10.1.2.3",
      "127.0.0.1",
      "169.254.169.254",
      "172.31.0.1",
      "100.64.0.1",
      "0.0.0.0",
      "::1",
      "::",
      "[fd00::1]",
      "fe80::1%eth0",
      "::ffff:192.168.0.1",
      "::ffff:a00:1",
      "64:ff9b::a00:1",
      "2002:a00:1::",
      "not an address",
    ]
  ) assert.equal(isPrivateAddress(address), true, address);
  for (const address of ["8.8.8.8", "172.32.0.1", "2606:4700::1111", "::ffff:8.8.8.8"]) {
    assert.equal(isPrivateAddress(address), false, address);
  }
});

Deno.test("a request follows no redirect, reads little, ends in time, and goes nowhere private", async () => {
  let answer = () => new Response("x".repeat(1_000_000));
  const paths: string[] = [];
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request) => {
      paths.push(new URL(request.url).pathname);
      return answer();
    },
  );
  const { port } = server.addr;
  const base = { timeoutMs: 300, concurrency: 2, allowPrivate: false };
  const poster = createPoster({ ...base, url: `http://127.0.0.1:${port}/hook` });
  assert.deepEqual((await poster.post("{}", {})).text, "HTTP 200");
  answer = () => new Response(null, { status: 302, headers: { location: "/other" } });
  assert.deepEqual((await poster.post("{}", {})).status, 302);
  answer = () => new Response("busy", { status: 503, headers: { "retry-after": "9" } });
  const { text, retryAfterMs } = await poster.post("{}", {});
  assert.deepEqual([text, retryAfterMs], ["HTTP 503: busy", 9_000]);
  answer = () => new Response(new ReadableStream({ start() {} }));
  const late = await poster.post("{}", {});
  assert.equal(late.ok, false);
  assert.match(late.text, /no answer within 300 ms/);
  assert.deepEqual([...new Set(paths)], ["/hook"]);
  poster.close();
  const before = paths.length;
  answer = () => new Response(null, { status: 204 });
  // A name that resolves to this machine, and addresses that are it.
  for (const host of ["inside.example", "[::ffff:127.0.0.1]", "0x7f000001"]) {
    const other = createPoster(
      { ...base, url: `http://${host}:${port}/hook` },
      (_, __, found) => found(null, [{ address: "127.0.0.1", family: 4 }]),
    );
    const outcome = await other.post("{}", {});
    assert.equal(outcome.ok, host === "0x7f000001", `${host}: ${outcome.text}`);
    if (host.startsWith("inside")) assert.match(outcome.text, /private address: see allowPrivate/);
    other.close();
  }
  // The URL parser makes a loopback address of the last one, as it is.
  assert.equal(paths.length, before + 1);
});

Deno.test("slots are bounded, and given in order", async () => {
  const slots = new Slots(1);
  const order: number[] = [];
  await slots.take();
  const waiting = [1, 2].map((n) => slots.take().then(() => order.push(n)));
  slots.release();
  await waiting[0];
  assert.deepEqual(order, [1]);
  slots.release();
  await waiting[1];
  assert.deepEqual(order, [1, 2]);
});
