/**
 * Keeps zod from compiling schemas, which the page's content security policy forbids.
 *
 * @module
 */
import * as z from "zod";

z.config({ jitless: true });
