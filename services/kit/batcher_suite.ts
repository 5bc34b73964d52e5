/**
 * A batcher whose batches a test answers.
 *
 * @module
 */
import { Batcher, type BatcherOptions } from "./batcher.ts";
import { FaultError } from "./fault_error.ts";

type Answers = (string | FaultError)[];

/** A batcher whose batches the test answers, and what was sent. */
export function batcherOf(options: Partial<BatcherOptions<string, string>> = {}) {
  const batches: {
    items: string[];
    timeout: number;
    answer: (answers?: Answers) => void;
    fail: (error?: Error) => void;
  }[] = [];
  const batcher = new Batcher<string, string>({
    maxBatch: 10,
    maxQueue: 1_000,
    deadlineMs: 4_000,
    random: () => 0,
    send: (items, timeout) =>
      new Promise((resolve, reject) =>
        batches.push({
          items,
          timeout,
          answer: (answers = items.map((item) => item.toUpperCase())) => resolve(answers),
          fail: (error = new FaultError("unavailable")) => reject(error),
        })
      ),
    ...options,
  });
  /** Submits items and keeps what becomes of each. */
  const results: Record<string, string> = {};
  const submit = (items: string[], wanted?: () => boolean) => {
    for (const item of items) {
      batcher.submit(item, wanted).then(
        (result) => results[item] = result,
        ({ fault }) => results[item] = `${fault.code} ${fault.retryAfter}`,
      );
    }
  };
  return {
    batcher,
    batches,
    results,
    submit,
    sent: () => batches.map(({ items }) => items.join()),
  };
}

/** Items `i0`, `i1` and so on. */
export const ids = (count: number, prefix = "i") =>
  Array.from({ length: count }, (_, i) => prefix + i);
