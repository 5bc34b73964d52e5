/**
 * Reads of a TCP socket without a stream between. A socket of node:net reads through a native handle,
 * which calls `onread`; Node's own `onread` makes a buffer for each read and sends it through a stream.
 * Here one buffer serves all reads of all sockets. Handles are no public API of Node, so
 * {@link DIRECT_READS} says whether the runtime has them as expected; without them nothing here may be
 * called.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import process from "node:process";

/** Size of the buffer for reads, bytes: what Node reads at a time. */
const READ_BYTES = 65_536;

/** What becomes of the bytes that a socket reads. */
export interface Receiver {
  /** `bytes` holds what was read in its first `length` bytes. It is overwritten after the call. */
  received(bytes: Buffer, length: number): void;
  /** The client sends nothing more, or the connection is lost. */
  ended(): void;
}

/** The native handle of a socket, as far as it is used here. */
interface Handle {
  onread: (this: Handle, bytes?: ArrayBuffer) => void;
  reading: boolean;
  readStart(): number;
  readStop(): number;
  useUserBuffer(bytes: Uint8Array): void;
  [RECEIVER]?: Receiver;
}

const RECEIVER = Symbol("receiver");

/** The outcome of the last read: a length, or a negative error. */
interface ReadState {
  readonly state: ArrayLike<number>;
  readonly index: number;
}

const readState = findReadState();

/** Whether {@link readOnce} and {@link readDirectly} may be used in this runtime. */
export const DIRECT_READS: boolean = readState !== null;

const shared = Buffer.allocUnsafeSlow(READ_BYTES);

/** Returns the handle of a socket; null if it has none as expected, for example because it is closed. */
function handleOf(socket: Socket): Handle | null {
  const handle = (socket as unknown as { _handle?: Partial<Handle> | null })._handle;
  const complete = typeof handle?.onread === "function" &&
    typeof handle.readStart === "function" && typeof handle.readStop === "function" &&
    typeof handle.useUserBuffer === "function";
  return complete ? handle as Handle : null;
}

/**
 * Calls `first` with the first bytes that a socket reads, or with null if it has ended, then lets the
 * stream read as before. Returns false, and does nothing, if the socket cannot be read in this way.
 */
export function readOnce(socket: Socket, first: (bytes: Buffer | null) => void): boolean {
  const handle = handleOf(socket);
  if (handle === null) return false;
  const { onread } = handle;
  // The handle looks `onread` up when it starts reading.
  handle.readStop();
  handle.onread = (bytes) => {
    const length = readLength();
    if (length === 0) return;
    handle.readStop();
    handle.onread = onread;
    if (length > 0) handle.readStart();
    first(length > 0 ? Buffer.from(bytes!, 0, length) : null);
  };
  handle.readStart();
  return true;
}

/** Gives a socket's reads to a receiver from now on. Returns false if the socket has closed. */
export function readDirectly(socket: Socket, receiver: Receiver): boolean {
  const handle = handleOf(socket);
  if (handle === null) return false;
  handle.readStop();
  handle[RECEIVER] = receiver;
  handle.onread = onRead;
  handle.useUserBuffer(shared);
  handle.readStart();
  return true;
}

/** Stops the reads of a socket that {@link readDirectly} has, or starts them again. */
export function setReading(socket: Socket, reading: boolean): void {
  const handle = handleOf(socket);
  if (reading) handle?.readStart();
  else handle?.readStop();
}

function onRead(this: Handle): void {
  const length = readLength();
  const receiver = this[RECEIVER]!;
  if (length > 0) receiver.received(shared, length);
  else if (length < 0) {
    this.readStop();
    receiver.ended();
  }
}

function readLength(): number {
  return readState!.state[readState!.index]!;
}

/** Finds where the runtime puts the outcome of a read; null if it is not where it is expected. */
function findReadState(): ReadState | null {
  try {
    const { binding } = process as unknown as { binding(name: string): Record<string, unknown> };
    const { streamBaseState: state, kReadBytesOrError: index } = binding("stream_wrap");
    if (!ArrayBuffer.isView(state) || typeof index !== "number") return null;
    return { state: state as unknown as ArrayLike<number>, index };
  } catch {
    return null;
  }
}
