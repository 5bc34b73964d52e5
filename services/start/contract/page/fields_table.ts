/**
 * JSON Schemas as tables for people.
 *
 * @module
 */
import type { Json, JsonObject } from "../json_schemas.ts";
import { escapeHtml, inlineMarkdown } from "./html.ts";

/** Returns the table of an object's fields; empty if the schema is no object with fields. */
export function fieldsTable(schema: JsonObject): string {
  const { properties, required = [] } = schema as { properties?: JsonObject; required?: string[] };
  if (properties === undefined || Object.keys(properties).length === 0) return "";
  const rows = Object.entries(properties).map(([name, field]) => {
    const about = (field as JsonObject).description;
    const cells = [
      `<code>${escapeHtml(name)}</code>`,
      typeOf(field),
      required.includes(name) ? "yes" : "",
      typeof about === "string" ? inlineMarkdown(about) : "",
    ];
    return `<tr>${cells.map((cell) => `<td>${cell}</td>`).join("")}</tr>`;
  });
  return "<table><thead><tr><th>field</th><th>type</th><th>required</th><th>meaning</th></tr>" +
    `</thead><tbody>${rows.join("")}</tbody></table>`;
}

/** Returns a link to the definition of a schema. */
export function schemaLink(name: string): string {
  return `<a href="#schema-${name}">${name}</a>`;
}

/** Describes in HTML what a schema accepts. */
export function typeOf(value: Json): string {
  const schema = value as JsonObject;
  if (typeof schema.$ref === "string") return schemaLink(schema.$ref.split("/").at(-1)!);
  if ("const" in schema) return code(schema.const!);
  if (Array.isArray(schema.enum)) return schema.enum.map(code).join(" or ");
  const options = schema.anyOf ?? schema.oneOf;
  if (Array.isArray(options)) return options.map(typeOf).join(" or ");
  if (Array.isArray(schema.type)) return schema.type.join(" or ");
  switch (schema.type) {
    case "array":
      return `list of ${typeOf(schema.items ?? {})}${between(schema, "minItems", "maxItems")}`;
    case "object":
      if (schema.properties !== undefined) return nestedFields(schema);
      return Object.keys(schema.additionalProperties ?? {}).length === 0
        ? "object"
        : `object of ${typeOf(schema.additionalProperties!)}`;
    case "string":
      return `string${between(schema, "minLength", "maxLength")}${
        typeof schema.pattern === "string" ? ` like ${code(schema.pattern)}` : ""
      }`;
    case "integer":
    case "number":
      return `${schema.type}${between(schema, "minimum", "maximum")}`;
    default:
      return typeof schema.type === "string" ? schema.type : "any JSON";
  }
}

/** The fields of an object within another one, in a line. */
function nestedFields({ properties, required = [] }: JsonObject): string {
  const fields = Object.entries(properties as JsonObject).map(([name, field]) =>
    `<code>${escapeHtml(name)}${(required as Json[]).includes(name) ? "" : "?"}</code>: ${
      typeOf(field)
    }`
  );
  return `{ ${fields.join(", ")} }`;
}

function between(schema: JsonObject, least: string, most: string): string {
  const [from, to] = [schema[least], schema[most]].map((limit) =>
    typeof limit === "number" && Math.abs(limit) < Number.MAX_SAFE_INTEGER ? limit : undefined
  );
  if (from === undefined && to === undefined) return "";
  if (to === undefined) return `, ${from} or more`;
  return `, ${from === undefined ? "up to" : `${from} to`} ${to.toLocaleString("en")}`;
}

function code(value: Json): string {
  return `<code>${escapeHtml(typeof value === "string" ? value : JSON.stringify(value))}</code>`;
}
