/**
 * `deno task docs`: writes the parts of the documents that are generated from the code, and the
 * Kubernetes manifests. Tests check
 * that they are up to date.
 *
 * @module
 */
import { README, withReference } from "./config_reference.ts";
import { writeKubernetesFiles } from "./kubernetes/manifests.ts";
import { withMetrics } from "./metrics_reference.ts";
import { KIT_README, withNeeds } from "./own/needs_reference.ts";
import { PROTOCOL, withRights } from "./rights_reference.ts";

const readme = await withReference(await Deno.readTextFile(README));
await Deno.writeTextFile(README, await withMetrics(readme));
await Deno.writeTextFile(PROTOCOL, await withRights(await Deno.readTextFile(PROTOCOL)));
await Deno.writeTextFile(KIT_README, await withNeeds(await Deno.readTextFile(KIT_README)));
await writeKubernetesFiles();
