/**
 * A receiver of webhooks: verifies each request with the library of Standard Webhooks, handles every event once,
 * and answers 204.
 *
 *     WEBHOOK_SECRET=whsec_... deno run --allow-net --allow-env services/hooks/examples/receiver.ts
 *
 * @module
 */
import { Webhook } from "standardwebhooks";

/** An event, as PROTOCOL.md describes it. */
interface WebhookEvent {
  id: string;
  type: string;
  timestamp: string;
  data: Record<string, unknown>;
}

const webhook = new Webhook(Deno.env.get("WEBHOOK_SECRET")!);

/** The ids of events that were handled. Keep them in your database, with what you do for the event. */
const handled = new Set<string>();

Deno.serve({ port: Number(Deno.env.get("PORT") ?? 9000) }, async (request) => {
  // The signature is one of the bytes: verify them before anything else is done with them.
  const body = await request.text();
  try {
    webhook.verify(body, Object.fromEntries(request.headers));
  } catch {
    return new Response("wrong signature", { status: 401 });
  }
  const event = JSON.parse(body) as WebhookEvent | {
    type: "batch";
    data: { events: WebhookEvent[] };
  };
  const events = "id" in event ? [event] : event.data.events;
  for (const { id, type, data } of events) {
    // At least once means that an event may come again.
    if (handled.has(id)) continue;
    handled.add(id);
    // deno-lint-ignore no-console
    console.log(type, JSON.stringify(data));
  }
  return new Response(null, { status: 204 });
});
