/**
 * Webhooks in the OpenAPI document: the requests that Hopwire sends to a back-end.
 *
 * @module
 */
import type { JsonObject } from "./json_schemas.ts";

const HEADERS: Readonly<Record<string, string>> = {
  "webhook-id": "The id of the event or of the batch: the same whenever it is sent again.",
  "webhook-timestamp": "When the request was sent, seconds since 1970.",
  "webhook-signature":
    "`v1,` and the base64 of the HMAC-SHA256 over `<id>.<timestamp>.<body>`; one for each secret.",
};

/** Returns the webhooks. `ref` refers to a schema. */
export function webhookRequests(ref: (name: string) => JsonObject): JsonObject {
  const request = (operationId: string, summary: string, schema: string): JsonObject => ({
    post: {
      operationId,
      summary,
      description: "Signed as Standard Webhooks. Verify the signature of the bytes of the body.",
      tags: ["webhooks"],
      security: [],
      parameters: Object.entries(HEADERS).map(([name, description]) => ({
        name,
        in: "header",
        required: true,
        description,
        schema: { type: "string" },
      })),
      requestBody: { required: true, content: { "application/json": { schema: ref(schema) } } },
      responses: {
        "2XX": { description: "The events are acknowledged." },
        410: { description: "The endpoint is disabled." },
        default: { description: "The events are sent again. `Retry-After` counts." },
      },
    },
  });
  return {
    event: request("receiveEvent", "One event.", "WebhookEvent"),
    batch: request("receiveBatch", "Several events, if the endpoint has `batch`.", "WebhookBatch"),
  };
}
