import assert from "node:assert/strict";
import { claimBlock, freePort } from "./ports.ts";

Deno.test("each process has ports of its own, and a dead one leaves its block to others", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const first = claimBlock(folder);
    assert.equal(await Deno.readTextFile(`${folder}/${first}`), String(Deno.pid));
    const blocks = new Set([first]);
    for (let i = 1; i < 60; i++) blocks.add(claimBlock(folder));
    assert.equal(blocks.size, 60);
    assert.throws(() => claimBlock(folder), /all 60 blocks of ports are taken/);
    // No process has this number.
    await Deno.writeTextFile(`${folder}/${first}`, "4194999");
    assert.equal(claimBlock(folder), first);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("free ports are different ones, and skip those in use", () => {
  const ports = [freePort(), freePort()];
  using taken = Deno.listen({ hostname: "127.0.0.1", port: ports[1]! + 1 });
  ports.push(freePort());
  assert.equal(new Set(ports).size, 3);
  assert.ok(!ports.includes(taken.addr.port));
});
