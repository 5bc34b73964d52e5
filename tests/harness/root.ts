/**
 * The root folder of the project.
 *
 * @module
 */
/** The working directory of every service, with a trailing slash. */
export const ROOT = new URL("../../", import.meta.url).pathname;
