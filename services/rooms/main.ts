/**
 * The rooms service: grants entry to rooms, and knows who is in them. Any number of instances may run.
 *
 * @module
 */
import { ALL_CONNECTED_ROOMS, DENIALS_STREAM } from "../contract/mod.ts";
import {
  followDenials,
  followRosters,
  observeValue,
  readNamespaces,
  runService,
} from "../kit/mod.ts";
import { ROOMS_CONFIG } from "./config.ts";
import { serveGrants } from "./serve_grants.ts";
import { serveModeration } from "./moderation.ts";
import { deleteOldBucket } from "./old_bucket.ts";
import { rulesOf } from "./rules.ts";
import { serveRooms } from "./serve_rooms.ts";

await runService({
  name: "rooms",
  description: "Grants entry to rooms, and knows who is in them.",
  config: ROOMS_CONFIG,
  clockStream: DENIALS_STREAM,
  async start({ bus, onDrain }, config) {
    const rules = rulesOf(await readNamespaces(config.NAMESPACES_FILE));
    const rosters = await followRosters(bus);
    onDrain(() => rosters.stop());
    observeValue("hopwire.rooms", () => {
      const others = ALL_CONNECTED_ROOMS.filter((room) => rosters.follower.roster(room));
      return rosters.follower.size.rooms - others.length;
    });
    const denials = followDenials(bus);
    onDrain(() => denials.stop());
    onDrain(serveModeration(bus, denials));
    onDrain(serveGrants(bus, rules, denials));
    onDrain(serveRooms(bus, rules, rosters.follower));
    await deleteOldBucket(bus);
  },
});
