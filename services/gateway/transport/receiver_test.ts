import assert from "node:assert/strict";
// @ts-types="@types/ws"
import * as ws from "ws";
import { endReceiversOnce } from "./receiver.ts";

interface Receiver {
  once(event: "finish", listener: () => void): void;
  end(done?: (error?: Error) => void): void;
}

/** Returns how many errors a call makes whose stack is then written. */
function stacksOf(run: () => void): number {
  const before = Error.prepareStackTrace;
  let stacks = 0;
  Error.prepareStackTrace = (error) => {
    stacks++;
    return String(error);
  };
  try {
    run();
  } finally {
    Error.prepareStackTrace = before;
  }
  return stacks;
}

Deno.test("a finished receiver that is ended again makes no error, unless somebody waits for it", async () => {
  endReceiversOnce();
  const receiver = new (ws as unknown as { Receiver: new () => Receiver }).Receiver();
  await new Promise<void>((resolve) => {
    receiver.once("finish", resolve);
    receiver.end();
  });
  assert.equal(stacksOf(() => receiver.end()), 0);
  const error = await new Promise<Error | undefined>((resolve) => receiver.end(resolve));
  assert.match(String(error), /already finished|ERR_STREAM_ALREADY_FINISHED/);
});
