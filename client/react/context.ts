/**
 * The client that the hooks use.
 *
 * @module
 */
// @ts-types="@types/react"
import { createContext, createElement, type ReactElement, type ReactNode, useContext } from "react";
import type { Hopwire } from "../mod.ts";

/** Undefined where there is no provider. */
const HopwireContext = createContext<Hopwire | null | undefined>(undefined);

/** Properties of {@link HopwireProvider}. */
export interface HopwireProviderProps {
  /** The client; null while there is none, as on a server that renders the page. */
  client: Hopwire | null;
  /** The components that use it. */
  children?: ReactNode;
}

/** Gives a client to the hooks of all components below. It neither creates nor closes the client. */
export function HopwireProvider({ client, children }: HopwireProviderProps): ReactElement {
  return createElement(HopwireContext, { value: client }, children);
}

/**
 * Returns the client of the nearest {@link HopwireProvider}; null if that has none.
 *
 * @throws {Error} there is no provider
 */
export function useHopwire(): Hopwire | null {
  const client = useContext(HopwireContext);
  if (client === undefined) {
    throw new Error("there is no HopwireProvider above this component");
  }
  return client;
}
