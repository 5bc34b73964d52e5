/**
 * For tests: clients on a fake clock and fake sockets.
 *
 * @module
 */
import { Hopwire } from "./hopwire.ts";
import type { HopwireOptions, JoinOptions } from "./options.ts";
import { FakeClock, settled } from "./test_clock.ts";
import { type FakeSocket, fakeSockets } from "./test_socket.ts";
import type { Message } from "./types.ts";

/** The epoch of the room in {@link joinedRoom}. */
export const EPOCH = "e1";

/** Creates a client with WebSocket as its only transport and no wait before it reconnects. */
export function fakeClient(url: string, options: Partial<HopwireOptions> = {}) {
  const clock = new FakeClock();
  const { WebSocket, sockets } = fakeSockets();
  const hop = new Hopwire(url, {
    token: "t",
    transports: ["websocket"],
    WebSocket,
    clock,
    random: () => 0,
    ...options,
  });
  return { clock, sockets, hop };
}

/** Creates a client that is connected. */
export async function connectedClient(options: Partial<HopwireOptions> = {}) {
  const client = fakeClient("https://chat.example/base/ws?x=1", { random: () => 1, ...options });
  await client.clock.advance(0);
  client.sockets[0]!.accept();
  return client;
}

/** Creates a client that is in the room `lobby`, whose log ends at 10. */
export async function joinedRoom(
  options: { rate?: object } = {},
  joinOptions?: JoinOptions,
  clientOptions?: Partial<HopwireOptions>,
) {
  const { clock, sockets, hop } = fakeClient("ws://nowhere", clientOptions);
  const room = hop.join("lobby", joinOptions);
  await clock.advance(0);
  const socket = () => sockets.at(-1)!;
  socket().accept(options);
  confirmSubscription(socket(), 10, false);
  await settled();
  const received: number[] = [];
  const events: unknown[] = [];
  room.on("message", ({ seq }) => received.push(seq));
  room.on("lost", (event) => events.push(event));
  room.on("joined", (event) => events.push(event));
  return { clock, hop, room, socket, sockets, received, events };
}

/** The server confirms the last subscription to `lobby`. */
export function confirmSubscription(
  socket: FakeSocket,
  seq: number,
  recovered: boolean,
  epoch = EPOCH,
  more: { count?: number } = {},
): void {
  const { id } = socket.sentOf("subscribe").at(-1)!;
  socket.receive({ type: "subscribed", room: "lobby", seq, epoch, recovered, id, ...more });
}

/** Returns the frame of a message in `lobby`. */
export function messageFrame(seq: number, prev = seq - 1): Message & { type: string } {
  const sender = { room: "lobby", id: `m${seq}`, userId: "bob", username: "Bob" };
  return { type: "room-message", ...sender, seq, prev, content: seq, timestamp: 0 };
}
