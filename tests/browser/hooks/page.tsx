/**
 * The page of the hooks' test: mounts the components over what the server has rendered.
 *
 * @module
 */
// @ts-types="@types/react-dom/client"
import { hydrateRoot } from "react-dom/client";
import { Hopwire } from "@hopwire/client";
import { App } from "./app.tsx";
import type { PageScope } from "./scope.ts";

const { server, token, view } = JSON.parse(document.querySelector("#data")!.textContent!);
const hop = new Hopwire(server, { token });

// Every hook adds its listeners with a signal or removes them by the function that it gets.
const live = new Set<object>();
const emitter = Object.getPrototypeOf(Hopwire.prototype);
const { on } = emitter;
emitter.on = function (name: string, listener: () => void, options: { signal?: AbortSignal } = {}) {
  const entry = {};
  const off = on.call(this, name, listener, options);
  live.add(entry);
  options.signal?.addEventListener("abort", () => live.delete(entry));
  return () => {
    live.delete(entry);
    off();
  };
};

const root = hydrateRoot(
  document.querySelector("#root")!,
  <App client={hop} view={view} />,
  { onRecoverableError: (error) => reportError(error) },
);
const scope: PageScope = {
  hop,
  show: (view) => root.render(view && <App client={hop} view={view} />),
  listeners: () => live.size,
};
Object.assign(globalThis, scope);
