import assert from "node:assert/strict";
import { createLogger } from "../../../kit/mod.ts";
import { RefusedAuthentications } from "./refused_authentications.ts";

function setUp() {
  const lines: Record<string, unknown>[] = [];
  const log = createLogger("gateway", { write: (line) => void lines.push(JSON.parse(line)) });
  return { lines, refused: new RefusedAuthentications(log) };
}

Deno.test("refusals are logged together, with the addresses that have the most", () => {
  const { lines, refused } = setUp();
  for (let i = 0; i < 30; i++) refused.add("192.0.2.1", "Not authenticated: signature");
  for (let i = 2; i < 9; i++) refused.add(`192.0.2.${i}`, "Token expired");
  assert.deepEqual(lines, []);
  refused.flush();
  refused.flush();
  assert.equal(lines.length, 1);
  const { level, message, refused: count, addresses, most } = lines[0]!;
  assert.deepEqual([level, message, count, addresses], [
    "warn",
    "refused authentications",
    37,
    8,
  ]);
  assert.deepEqual((most as unknown[]).slice(0, 2), [
    { address: "192.0.2.1", refused: 30, reason: "Not authenticated: signature" },
    { address: "192.0.2.2", refused: 1, reason: "Token expired" },
  ]);
  assert.equal((most as unknown[]).length, 5);
});

Deno.test("a line and what waits for it are bounded", () => {
  const { lines, refused } = setUp();
  for (let i = 0; i < 5_000; i++) refused.add(`2001:db8::${i.toString(16)}`, "x".repeat(5_000));
  refused.flush();
  assert.deepEqual([lines[0]!.refused, lines[0]!.addresses], [5_000, 1_000]);
  assert.ok(JSON.stringify(lines[0]).length < 1_500);
});
