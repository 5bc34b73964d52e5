/**
 * The fields that requests share. They say in JSON Schema what the API accepts, as far as JSON Schema can.
 *
 * @module
 */
import * as z from "zod";
import { FrameId, MAX_REASON_LENGTH, MAX_USER_LENGTH, UserId } from "../../contract/mod.ts";

/** No control characters, and none that turn the direction of text: see `nameProblem` of the contract. */
// deno-lint-ignore no-control-regex
const TEXT = /^[^\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]*$/;

const NO_CONTROLS = "expected no control characters";
const wellFormed = (text: string) => text.isWellFormed();

/** A user's id. */
export const User = UserId.regex(TEXT, NO_CONTROLS)
  .refine(wellFormed, "expected well-formed Unicode");

/** A user's name. */
export const Username = z.string().max(MAX_USER_LENGTH).regex(TEXT, NO_CONTROLS)
  .refine(wellFormed, "expected well-formed Unicode");

/** The content of a message or signal, or the data of an event: any JSON. */
export const Content = z.unknown().refine((value) => value !== undefined, "Required")
  .describe("Any JSON, at most 32 KiB.");

/** The id of a message, by which it is stored once. */
export const MessageId = FrameId;

/** Why, for people. */
export const Reason = z.string().max(MAX_REASON_LENGTH);
