/** Declares the service of kit_rights_scenario_test.ts. */
import { declareService } from "../../../services/kit/mod.ts";

export const declaration = declareService({
  name: "warden",
  description: "Says what its callers may do.",
  needs: ["calls"],
});
