/** The service of kit_rights_scenario_test.ts and screening_backends_scenario_test.ts. */
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

    app.answer("post", {
      data: z.object({ room: z.string(), content: z.unknown(), screen: z.boolean() }),
      result: z.number(),
    }, async ({ data: { room, content, screen }, caller }) => {
      return (await app.post(room, content, { as: caller, screen })).seq;
    });

    app.screen(async ({ room, content }) => {
      // Would it ask itself about this, it would never end.
      if (room === "own.a") await app.post(room, `heard ${content}`, { screen: true });
      return { verdict: "accept" };
    });
  },
});
