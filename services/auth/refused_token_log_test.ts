import assert from "node:assert/strict";
import { fault } from "../contract/mod.ts";
import { createLogger } from "../kit/mod.ts";
import { createRefusedTokenLog } from "./refused_token_log.ts";

function setUp() {
  let time = 0;
  const lines: Record<string, unknown>[] = [];
  const log = createLogger("auth", { write: (line) => void lines.push(JSON.parse(line)) });
  const refused = createRefusedTokenLog(log, () => time);
  return {
    lines,
    refused: (...args: Parameters<typeof fault>) => {
      time += 1_000;
      refused(fault(...args));
    },
    again: (...args: Parameters<typeof fault>) => refused(fault(...args)),
  };
}

Deno.test("a refused token is logged with the reason and the setting that decides it", () => {
  const { lines, refused } = setUp();
  refused("unauthorized", "signature");
  refused("unauthorized", "issuer");
  refused("unauthorized", "audience");
  refused("unauthorized", "algorithm");
  refused("unauthorized", "not valid yet");
  refused("unauthorized", "key: no such key");
  refused("token_expired");
  refused("unauthorized", "malformed");
  assert.deepEqual(
    lines.map(({ reason, setting }) => [reason, setting]),
    [
      ["signature", "AUTH_SECRET, AUTH_PUBLIC_KEY, AUTH_PUBLIC_KEY_FILE or AUTH_JWKS_URL"],
      ["issuer", "AUTH_ISSUER"],
      ["audience", "AUTH_AUDIENCE"],
      ["algorithm", "AUTH_ALGORITHMS"],
      ["not valid yet", "AUTH_CLOCK_TOLERANCE"],
      ["key: no such key", "AUTH_JWKS_URL"],
      ["expired", "AUTH_CLOCK_TOLERANCE"],
      ["malformed", undefined],
    ],
  );
  assert.ok(lines.every(({ level }) => level === "warn"));
});

Deno.test("at most one line a second, and none where auth itself is at fault", () => {
  const { lines, refused, again } = setUp();
  refused("unauthorized", "signature");
  for (let i = 0; i < 500; i++) again("unauthorized", "signature");
  again("unavailable");
  refused("unauthorized", "signature");
  assert.deepEqual(lines.map(({ suppressed }) => suppressed), [0, 500]);
});
