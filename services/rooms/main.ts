/**
 * The rooms service: grants entry and keeps presence. Any number of instances.
 *
 * @module
 */
import { readNamespaces, runService } from "../kit/mod.ts";
import { ROOMS_CONFIG } from "./config.ts";
import { openPresence } from "./presence.ts";
import { serveRooms } from "./serve_rooms.ts";

await runService({
  name: "rooms",
  config: ROOMS_CONFIG,
  async start({ bus, health, onDrain }, config) {
    const namespaces = await readNamespaces(config.NAMESPACES_FILE);
    const presences = await openPresence(bus, {
      leaseMs: config.GATEWAY_LEASE_MS,
      maxBytes: config.PRESENCE_MAX_BYTES,
    });
    health.require("presence", () => presences.following);
    onDrain(() => presences.stop());
    onDrain(serveRooms(bus, namespaces, presences));
    onDrain(() => presences.stopSweeping());
  },
});
