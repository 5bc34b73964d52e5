import assert from "node:assert/strict";
import { connectedClient } from "./test_client.ts";

Deno.test("the client connects below the server's base path", async () => {
  const { sockets, hop } = await connectedClient();
  assert.equal(sockets[0]!.url, "wss://chat.example/base/ws");
  assert.deepEqual(sockets[0]!.sent[0], { type: "auth", token: "t", id: "~" });
  hop.close();
});
