import assert from "node:assert/strict";
import { createTracedUser } from "./traced_user.ts";

Deno.test("spans name users as they are told to", () => {
  const claims = { rooms: null, calls: [], tokenId: null, issuedAt: null };
  const ann = { userId: "ann", username: "Ann", expiresAt: null, ...claims };
  assert.deepEqual(createTracedUser("plain")(ann), { "enduser.id": "ann" });
  assert.deepEqual(createTracedUser("off")(ann), {});
  const hashed = createTracedUser("hashed");
  assert.match(hashed(ann)["enduser.id"]!, /^[0-9a-f]{16}$/);
  assert.equal(hashed(ann), hashed(ann));
});
