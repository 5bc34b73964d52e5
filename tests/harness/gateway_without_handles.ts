/**
 * Runs a gateway as in a runtime that does not let it read from the handles of sockets.
 *
 * @module
 */
import process from "node:process";

Object.defineProperty(process, "binding", {
  value: () => {
    throw new Error("no such binding");
  },
});
await import("../../services/gateway/main.ts");
