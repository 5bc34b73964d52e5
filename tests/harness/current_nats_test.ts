import assert from "node:assert/strict";
import { findNatsServer, natsVersion } from "../../services/start/nats_server.ts";
import {
  AGAIN_ON_CURRENT,
  CURRENT_VERSION,
  findCurrentNats,
  NOT_AGAIN,
  selectAgain,
  without,
  withServer,
} from "./current_nats.ts";
import { ROOT } from "./root.ts";

Deno.test("a limited run repeats only what depends on the server", () => {
  assert.deepEqual(selectAgain([]), AGAIN_ON_CURRENT);
  assert.deepEqual(selectAgain(["./services/kit/", "tests/client"]), ["services/kit"]);
  assert.deepEqual(
    selectAgain(["tests"]),
    AGAIN_ON_CURRENT.filter((path) => path.startsWith("tests/")),
  );
  assert.deepEqual(selectAgain(["servicesque"]), []);
});

Deno.test("a folder without some of its files is the list of the others", async () => {
  assert.deepEqual(await without(["client", "tests/torture"], ["tests/torture"]), ["client"]);
  const scenarios = await without(["services/kit", "tests/scenarios"], NOT_AGAIN);
  assert.equal(scenarios[0], "services/kit");
  assert.ok(scenarios.includes("tests/scenarios/rooms_scenario_test.ts"));
  for (const path of NOT_AGAIN) assert.ok(!scenarios.includes(path), path);
  assert.ok(!(await without(["services", "client", "tests"], ["tests/torture"])).includes("tests"));
});

Deno.test("of a service only the tests that run a server are repeated", async () => {
  const repeated = await withServer(["services/kit", "services/rooms/serve_rooms_test.ts"]);
  assert.ok(repeated.includes("services/rooms/serve_rooms_test.ts"));
  assert.ok(repeated.includes("services/kit/bus_test.ts"));
  assert.ok(!repeated.includes("services/kit/log_test.ts"));
});

Deno.test("what runs again on the current server exists", async () => {
  for (const path of [...AGAIN_ON_CURRENT, ...NOT_AGAIN]) await Deno.stat(`${ROOT}${path}`);
});

Deno.test("the version of a server is what its binary says", async () => {
  assert.match(await natsVersion(await findNatsServer()), /^\d+\.\d+\.\d+/);
});

Deno.test("NATS_SERVER_CURRENT replaces the pinned package, and must name a file", async () => {
  const before = Deno.env.get("NATS_SERVER_CURRENT");
  try {
    Deno.env.set("NATS_SERVER_CURRENT", "/nowhere/nats-server");
    await assert.rejects(findCurrentNats(() => {}), /NATS_SERVER_CURRENT: .*\/nowhere/);
    const installed = await findNatsServer();
    Deno.env.set("NATS_SERVER_CURRENT", installed);
    assert.equal(await findCurrentNats(() => {}), installed);
  } finally {
    if (before === undefined) Deno.env.delete("NATS_SERVER_CURRENT");
    else Deno.env.set("NATS_SERVER_CURRENT", before);
  }
});

Deno.test("the pinned release is of the line that compose.yaml pins", async () => {
  const compose = await Deno.readTextFile(`${ROOT}compose.yaml`);
  const line = CURRENT_VERSION.split(".").slice(0, 2).join(".");
  for (const [, version] of compose.matchAll(/image: nats:(\S+)/g)) {
    assert.ok(
      version!.startsWith(`${line}.`),
      `nats:${version}, but tests have ${CURRENT_VERSION}`,
    );
  }
});
