/**
 * The variables of the rooms service, in addition to those that every service reads.
 *
 * @module
 */
import * as z from "zod";

/** The schemas of the variables. */
export const ROOMS_CONFIG = {
  NAMESPACES_FILE: z.string().optional().meta({
    description: "A JSON file with the namespaces. Without it every room is open and stored.",
    range: "a path",
  }),
} as const;
