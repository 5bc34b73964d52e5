import assert from "node:assert/strict";
import { fault } from "../../contract/mod.ts";
import { limitOf } from "./refusals.ts";

Deno.test("what a limit refused is counted by the limit", () => {
  const limits: [
    code: Parameters<typeof fault>[0],
    detail: string | undefined,
    limit: string | null,
  ][] = [
    ["rate_limited", undefined, "connection frames"],
    ["rate_limited", "frames of this user", "user frames"],
    ["rate_limited", "new rooms of this user", "user new rooms"],
    ["rate_limited", "connections of this user", "user connections"],
    ["rate_limited", "64 answers of this user are pending already", "user answers"],
    ["rate_limited", "1000 rooms of this user are open already", "user rooms"],
    ["rate_limited", "messages in chat.>", "namespace messages"],
    ["rate_limited", "your earlier pages have not been read", "unread history"],
    ["rate_limited", "read what is queued for you first", "unread history"],
    ["rate_limited", "too many frames wait", "waiting frames"],
    ["rate_limited", "something else", "other"],
    ["unavailable", "too many frames from this address", "address frames"],
    ["unavailable", "too many new rooms from this address", "address new rooms"],
    ["unavailable", "too many messages await storage", "pending messages"],
    ["unavailable", "the message bus is unreachable", null],
    ["too_many_rooms", "100 on one connection", "connection rooms"],
    ["forbidden", "frames of this user", null],
  ];
  for (const [code, detail, limit] of limits) {
    assert.equal(limitOf(fault(code, detail)), limit, detail);
  }
});
