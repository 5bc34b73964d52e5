/**
 * Renders the components as a server does: `render.tsx <view as JSON>` prints the HTML. With a client
 * as without one the HTML is the same, and nothing is joined.
 *
 * @module
 */
import assert from "node:assert/strict";
// @ts-types="@types/react-dom/server"
import { renderToString } from "react-dom/server";
import { Hopwire } from "@hopwire/client";
import { useCall } from "@hopwire/client/react";
import { App } from "./app.tsx";

const view = JSON.parse(Deno.args[0]!);
const html = renderToString(<App client={null} view={view} />);

const client = new Hopwire("ws://127.0.0.1:9", { token: "t" });
assert.equal(renderToString(<App client={client} view={view} />), html);
assert.equal(client.rooms.size, 0);
client.close();

function WithoutProvider() {
  return <p>{String(useCall("dice.roll").isPending)}</p>;
}
assert.throws(() => renderToString(<WithoutProvider />), /there is no HopwireProvider/);

await Deno.stdout.write(new TextEncoder().encode(html));
