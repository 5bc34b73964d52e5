/** Declares the service of kit_app_scenario_test.ts. */
import * as z from "zod";
import { declareService } from "../../../services/kit/mod.ts";

export const declaration = declareService({
  name: "parrot",
  description: "Uses everything that the kit offers.",
  needs: ["calls", "listen", "log", "post", "signal", "events", "history", "presence", "schedule"],
  config: {
    /** Each line tells what a handler did. */
    PARROT_FILE: z.string(),
    /** Set: handlers of durable messages never return. */
    PARROT_HOLD: z.string().optional(),
  },
});
