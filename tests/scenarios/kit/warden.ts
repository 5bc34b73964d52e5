/** A service that says what its callers may do; see kit_rights_scenario_test.ts. */
import * as z from "zod";
import { runApp } from "../../../services/kit/mod.ts";
import { declaration } from "./warden_declaration.ts";

await runApp(declaration, {
  start(app) {
    app.answer("rights", { data: z.string(), result: z.array(z.string()) }, async (call) => {
      return (await call.caller.grant(call.data)).rights;
    });
    app.answer("may", {
      data: z.object({ room: z.string(), method: z.string() }),
      result: z.object({ publish: z.boolean(), call: z.boolean() }),
    }, async ({ data: { room, method }, caller }) => ({
      publish: await caller.may("publish", room),
      call: caller.mayCall("warden", method),
    }));
  },
});
