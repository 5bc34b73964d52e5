/**
 * The root of the project, where services are started from.
 *
 * @module
 */
export const ROOT = new URL("../../", import.meta.url).pathname;
