/** Declares the service of kit_rights_, kit_flood_ and screening_backends_scenario_test.ts. */
import { declareService } from "../../../services/kit/mod.ts";

export const declaration = declareService({
  name: "warden",
  description: "Says what its callers may do, and posts what they say.",
  needs: ["calls", "post", "signal", "events", "screen", "screened"],
});
