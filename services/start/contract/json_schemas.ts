/**
 * Turns zod schemas into JSON Schemas. Each named schema becomes one definition, to which the others
 * refer by its name.
 *
 * Everything that zod accepts, its JSON Schema accepts. The other way round JSON Schema cannot say four
 * things: how many bytes a presence state has, that half a character is none, what a name must not
 * contain, and that lengths count UTF-16 code units.
 *
 * @module
 */
import * as z from "zod";

/** Schemas by name. */
export type NamedSchemas = Readonly<Record<string, z.ZodType>>;

/** A value of JSON. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };
/** An object of JSON. */
export type JsonObject = { [key: string]: Json };

/**
 * The dialects of the documents: AsyncAPI 3 builds on draft 07, in which nothing may stand beside a
 * reference; OpenAPI 3.1 and the bundle use 2020-12.
 */
export type Dialect = "draft-07" | "draft-2020-12";

/** How definitions are made. */
export interface DefinitionOptions {
  dialect: Dialect;
  /** What a reference to a definition starts with, such as `#/$defs/`. */
  prefix: string;
  /** The descriptions of the named schemas. */
  descriptions: Readonly<Record<string, string>>;
}

/** Returns the definition of each schema, by name. Their order is that of `schemas`. */
export function definitionsOf(
  schemas: NamedSchemas,
  { dialect, prefix, descriptions }: DefinitionOptions,
): JsonObject {
  const names = new Map<z.core.$ZodType, string>(
    Object.entries(schemas).map(([name, schema]) => [schema, name]),
  );
  // The names are given here and not in the contract: zod knows one registry of names for a process.
  const metadata = {
    get(schema: z.core.$ZodType) {
      const known = z.globalRegistry.get(schema);
      const id = names.get(schema);
      if (id === undefined) return known;
      return { ...known, id, description: descriptions[id] ?? known?.description };
    },
  } as unknown as typeof z.globalRegistry;
  const all = z.toJSONSchema(z.object(schemas), { target: dialect, io: "input", metadata });
  const found = (all.$defs ?? all.definitions) as unknown as JsonObject;
  return Object.fromEntries(
    Object.entries(schemas).map(([name, schema]) => {
      // A schema that has two names is a definition once.
      const definition = found[name] ?? { $ref: names.get(schema)! };
      return [name, tidy(definition, prefix)];
    }),
  );
}

/** The keywords in the order in which people read them; others follow. */
const ORDER = ["title", "description", "type", "const", "enum", "$ref"];

/** Gives references their prefix, unwraps needless `allOf`, and orders keywords. */
function tidy(value: Json, prefix: string): Json {
  if (Array.isArray(value)) return value.map((item) => tidy(item, prefix));
  if (typeof value !== "object" || value === null) return value;
  const { allOf, ...rest } = value;
  if (Array.isArray(allOf) && allOf.length === 1 && Object.keys(rest).length === 0) {
    return tidy(allOf[0]!, prefix);
  }
  const entries = Object.entries(value).map(([key, item]): [string, Json] => {
    if (key === "$ref" && typeof item === "string") {
      return [key, prefix + item.slice(item.lastIndexOf("/") + 1)];
    }
    return [key, tidy(item, prefix)];
  });
  const rank = (key: string) => (ORDER.indexOf(key) + ORDER.length + 1) % (ORDER.length + 1);
  return Object.fromEntries(entries.toSorted(([a], [b]) => rank(a) - rank(b)));
}

/** Returns the definitions that `roots` need: those that they refer to, and those that these refer to. */
export function neededBy(roots: Json, definitions: JsonObject, prefix: string): JsonObject {
  const needed = new Set<string>();
  const visit = (value: Json): void => {
    if (typeof value !== "object" || value === null) return;
    if (Array.isArray(value)) return value.forEach(visit);
    for (const [key, item] of Object.entries(value)) {
      if (key !== "$ref" || typeof item !== "string") visit(item);
      else if (item.startsWith(prefix)) {
        const name = item.slice(prefix.length);
        if (needed.has(name)) continue;
        needed.add(name);
        visit(definitions[name]!);
      }
    }
  };
  visit(roots);
  return Object.fromEntries(Object.entries(definitions).filter(([name]) => needed.has(name)));
}
