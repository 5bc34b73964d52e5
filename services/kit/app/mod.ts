/**
 * What a service of one's own is written with.
 *
 * @module
 */
export type { AnswerOptions, Call } from "./answer.ts";
export type { App, HistoryOptions, PresenceOptions } from "./app.ts";
export type { Caller, Sender } from "./caller.ts";
export * from "./declaration.ts";
export type { EveryOptions, Tick } from "./every.ts";
export type { ListenOptions, MessageHandler, RoomMessage } from "./listening.ts";
export type { Missed } from "../log_place.ts";
export * from "./run_app.ts";
export type { Screened, ScreenHandler } from "./screen.ts";
export type { PostOptions, SendOptions, SignalOptions } from "./sending.ts";
