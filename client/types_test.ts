/** The client's types equal the contract's. A difference does not compile. */
import type { ServerFrameOf } from "../services/contract/frames.ts";
import type { Ack, Member, Message, Signal, UserEvent } from "./types.ts";

type Same<A, B> = [A] extends [B] ? [B] extends [A] ? true : false : false;
type Body<T extends Parameters<typeof body>[0]> = Omit<ServerFrameOf<T>, "type">;
declare function body(
  type: "room-message" | "room-signal" | "user-joined" | "user-updated" | "event" | "ack",
): void;

const same: [
  // The client's is a union: an erased message has no content.
  Same<Pick<Message, keyof Message>, Body<"room-message">>,
  Same<Signal, Body<"room-signal">>,
  Same<Required<Member>, Required<Omit<Body<"user-joined">, "room">>>,
  Same<Required<Member>, Required<Omit<Body<"user-updated">, "room">>>,
  Same<UserEvent, Body<"event">>,
  Same<Omit<Ack, "duplicate">, Omit<Body<"ack">, "duplicate">>,
] = [true, true, true, true, true, true];

Deno.test("the client's types equal the contract's", () => void same);
