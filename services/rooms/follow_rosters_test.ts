import assert from "node:assert/strict";
import { startNats } from "../../tests/harness/nats.ts";
import { until, within } from "../../tests/harness/wait.ts";
import { connectTestBus, startGateway } from "./rooms_suite.ts";
import { followRosters, type RosterService } from "../kit/mod.ts";

const listed = ({ follower }: RosterService, room: string) =>
  follower.roster(room)?.page(undefined, 100).members.map(({ userId }) => userId).join();

Deno.test("without gateways it is complete", async () => {
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  const service = await followRosters(bus);
  assert.equal(service.follower.size.gateways, 0);
  service.stop();
});

Deno.test("a new instance is complete only when every living gateway has told its state", async () => {
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  await using other = await connectTestBus(server);
  const [one, two, idle] = ["g1", "g2", "g3"].map((id) => startGateway(other, id));
  one!.enter("lobby", "ann", "bob");
  two!.enter("lobby", "bob", "cid");
  two!.silent = true;
  for (const { facts } of [one!, two!]) [...facts.statements()];
  await other.nats.flush();
  let done = false;
  const started = followRosters(bus).then((service) => {
    done = true;
    return service;
  });
  // Two answers: the digests, and the buckets that differ.
  await until("the first gateway to be read", () => one!.answered >= 2);
  await bus.nats.flush();
  assert.equal(done, false);
  two!.silent = false;
  two!.beat();
  const service = await within("the second gateway to be read", started);
  assert.equal(listed(service, "lobby"), "ann,bob,cid");
  assert.equal(service.follower.compared("g2"), true);
  assert.equal(idle!.answered, 0);
  service.stop();
});

Deno.test("a gateway that never answers does not keep it from serving", async () => {
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  await using other = await connectTestBus(server);
  const gateway = startGateway(other, "g1");
  gateway.enter("lobby", "ann");
  gateway.silent = true;
  await other.nats.flush();
  const service = await within("the start", followRosters(bus));
  assert.ok(bus.lines.some((line) => line.includes("some gateways did not tell their state")));
  service.stop();
});

Deno.test("it follows statements, reads what it missed, and repairs drift", async () => {
  await using server = await startNats();
  await using bus = await connectTestBus(server);
  await using other = await connectTestBus(server);
  const service = await followRosters(bus);
  const gateway = startGateway(other, "g1");
  gateway.enter("lobby", "ann");
  gateway.state();
  await until("ann", () => listed(service, "lobby") === "ann");
  assert.equal(gateway.answered, 0);
  // A statement is lost; the next one shows it.
  gateway.enter("lobby", "bob");
  [...gateway.facts.statements()];
  gateway.enter("lobby", "cid");
  gateway.state();
  await until("all three", () => listed(service, "lobby") === "ann,bob,cid");
  assert.equal(gateway.answered, 1);
  // The last statement is lost: the heartbeat shows it.
  gateway.facts.exit("lobby", "ann");
  gateway.enter("garden", "dan");
  [...gateway.facts.statements()];
  gateway.beat();
  await until("the garden", () => listed(service, "garden") === "dan");
  assert.equal(listed(service, "lobby"), "bob,cid");
  service.stop();
});
