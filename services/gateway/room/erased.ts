/**
 * Messages that were erased: their content leaves this gateway, and members are told.
 *
 * @module
 */
import { ROOM_ERASED, RoomErased, type ServerFrameOf } from "../../contract/mod.ts";
import { type Bus, subscribe } from "../../kit/mod.ts";
import { encodeFrame, type Frame } from "../wire/frame.ts";

/** Listens for erased messages. Returns a function that stops. */
export function followErasures(
  bus: Bus,
  erase: (room: string, epoch: string, seqs: readonly number[]) => void,
): () => void {
  const subscription = subscribe(bus, ROOM_ERASED, RoomErased, ({ room, epoch, seqs }) => {
    erase(room, epoch, seqs);
  });
  return () => subscription.unsubscribe();
}

/** Makes the frame of an erased message from its `room-message` frame. */
export function erasedFrame({ wire, start }: Frame): Frame {
  const frame = JSON.parse(new TextDecoder().decode(wire.subarray(start))) as ServerFrameOf<
    "room-message"
  >;
  return encodeFrame({ ...frame, userId: "erased", username: "", content: null, erased: true });
}
