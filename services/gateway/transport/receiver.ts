/**
 * Mends a cost of npm ws: it ends the receiver of a connection once more when the socket closes. Node's
 * streams then make an error for a callback that nobody has given, with its stack: 20 us for each client
 * that leaves, of 80.
 *
 * @module
 */
// @ts-types="@types/ws"
import * as ws from "ws";

/** What ws calls of its receiver, which is a stream. Its types leave the class out. */
interface Receiver {
  readonly writableFinished: boolean;
  end(...given: unknown[]): Receiver;
}

const { prototype } = (ws as unknown as { Receiver: { prototype: Receiver } }).Receiver;
const { end } = prototype;

/** Makes a second `end` of a finished receiver do nothing. Call it once, before the first connection. */
export function endReceiversOnce(): void {
  prototype.end = function (this: Receiver, ...given: unknown[]): Receiver {
    return given.length === 0 && this.writableFinished ? this : end.apply(this, given);
  };
}
