/**
 * A gateway whose clock is ten seconds behind.
 *
 * @module
 */
const BEHIND_MS = 10_000;

const RealDate = Date;

globalThis.Date = new Proxy(RealDate, {
  construct: (target, args) =>
    args.length === 0 ? new target(RealDate.now() - BEHIND_MS) : Reflect.construct(target, args),
  get: (target, name) =>
    name === "now" ? () => RealDate.now() - BEHIND_MS : Reflect.get(target, name),
});
await import("../../services/gateway/main.ts");
