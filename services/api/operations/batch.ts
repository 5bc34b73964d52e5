/**
 * Several operations in one request.
 *
 * @module
 */
import { createHash } from "node:crypto";
import * as z from "zod";
import { faultOf } from "../../kit/mod.ts";
import { ApiFault } from "./publish.ts";
import { type AnyOperation, type Operation, runOperation } from "./operation.ts";

/** Most operations of one batch. */
export const MAX_BATCH_OPERATIONS = 100;

/** A batch as it is given. */
interface BatchRequest {
  operations: { op: string; data: unknown }[];
}

type BatchResult = { result: unknown } | { error: z.infer<typeof ApiFault> };

/** Makes the operation that runs others, one after the other. */
export function batchOf(
  operations: readonly AnyOperation[],
): Operation<BatchRequest, { results: BatchResult[] }> {
  const batched = operations.filter((one) => one.batched !== false);
  const byName = new Map(batched.map((one) => [one.name, one]));
  const items = batched.map(({ name, request }) =>
    z.strictObject({ op: z.literal(name), data: request })
  );
  return {
    name: "batch",
    // Each operation needs its own.
    scope: null,
    summary: "Run several operations, one after the other",
    description:
      "Each has a result of its own, in the order of `operations`; one that is refused does not " +
      "stop those after it. Each needs its own scope. `broadcast` cannot be part of a batch.",
    request: z.strictObject({
      operations: z.array(
        z.discriminatedUnion("op", items as [typeof items[number], ...typeof items]),
      ).min(1).max(MAX_BATCH_OPERATIONS),
    }),
    reply: z.strictObject({
      results: z.array(z.union([
        z.strictObject({ result: z.record(z.string(), z.unknown()) }),
        z.strictObject({ error: ApiFault }),
      ])),
    }) as unknown as z.ZodType<{ results: BatchResult[] }>,
    example: {
      operations: [
        { op: "publish", data: { room: "chat.lobby", userId: "bot", content: "one" } },
        { op: "kick", data: { room: "chat.lobby", userId: "u9" } },
      ],
    },
    cost: ({ operations }) => operations.length,
    async run({ operations }, call, backend) {
      const results: BatchResult[] = [];
      for (const [index, { op, data }] of operations.entries()) {
        const one = byName.get(op)!;
        const idempotentId = call.idempotentId === undefined
          ? undefined
          : createHash("sha256").update(`${call.idempotentId} ${index}`).digest("base64url");
        try {
          const result = await runOperation(one, data, { ...call, idempotentId }, backend);
          results.push({ result });
        } catch (error) {
          results.push({ error: faultOf(error) });
        }
      }
      return { results };
    },
  };
}
