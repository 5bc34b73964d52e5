/** A service that is written with the kit knows what those who call it may do. */
import { connect } from "@nats-io/transport-node";
import assert from "node:assert/strict";
import { RoomsBan } from "../../services/contract/mod.ts";
import type { TestClient } from "../harness/client.ts";
import { startOwnService } from "../harness/own_service.ts";
import { startSystem } from "../harness/system.ts";
import { until } from "../harness/wait.ts";
import { declaration } from "./kit/warden_declaration.ts";

async function ask(client: TestClient, method: string, data: unknown): Promise<unknown> {
  const id = crypto.randomUUID();
  client.send({ type: "call", service: "warden", method, data, id });
  const answer = await client.answer(id);
  return answer.type === "error" ? answer.code : answer.type === "result" && answer.data;
}

Deno.test("a service knows what its callers may do", async (t) => {
  await using system = await startSystem({
    own: [declaration],
    namespaces: [
      { pattern: "staff.*", access: [] },
      { pattern: "quiet.*", access: ["subscribe", "history"], presence: "off" },
    ],
  });
  await using _warden = await startOwnService(system, declaration, {
    main: "tests/scenarios/kit/warden.ts",
  });
  const nats = await connect({ servers: system.nats.url });
  const ann = await system.client({ user: "ann" });
  const bob = await system.client({
    user: "bob",
    claims: { rooms: { "chat.*": ["subscribe"], "staff.*": ["publish"] }, calls: ["warden.*"] },
  });

  await t.step("by the namespace without a claim, and by the claim with one", async () => {
    const all = ["subscribe", "publish", "history", "presence", "trace"];
    assert.deepEqual(await ask(ann, "rights", "chat.a"), all);
    assert.deepEqual(await ask(ann, "rights", "quiet.a"), ["subscribe", "history"]);
    assert.deepEqual(await ask(ann, "rights", "staff.a"), []);
    assert.deepEqual(await ask(bob, "rights", "chat.a"), ["subscribe"]);
    assert.deepEqual(await ask(bob, "rights", "other"), []);
    assert.deepEqual(await ask(bob, "rights", "staff.a"), [], "who may not enter may publish");
    assert.equal(await ask(bob, "rights", "no room"), "invalid_format");
    const may = { room: "chat.a", method: "anything" };
    assert.deepEqual(await ask(ann, "may", may), { publish: true, call: true });
    assert.deepEqual(await ask(bob, "may", may), { publish: false, call: true });
  });

  await t.step("and a ban takes the rights", async () => {
    const ban = JSON.stringify({ room: "chat.a", userId: "ann" });
    RoomsBan.reply.parse((await nats.request(RoomsBan.subject, ban)).json());
    await until("the ban to count", async () => {
      assert.deepEqual(await ask(ann, "rights", "chat.a"), []);
      return true;
    });
    assert.notDeepEqual(await ask(ann, "rights", "chat.b"), []);
  });

  await t.step("nothing is known about callers of an earlier gateway", async () => {
    const payload = JSON.stringify({ data: "chat.b", userId: "ann", username: "ann" });
    const reply = await nats.request("call.warden.rights", payload);
    assert.equal(reply.headers?.get("Hopwire-Error-Code"), "unavailable");
    assert.match(reply.headers!.get("Nats-Service-Error"), /the gateway does not say/);
  });
  await nats.close();
});
