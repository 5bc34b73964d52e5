/**
 * The page `/docs`: PROTOCOL.md with a table of fields below each frame, and a reference of HTTP, the bus
 * and all schemas. It has no script.
 *
 * @module
 */
import { CLIENT_FRAMES, ServerFrame } from "../../../contract/mod.ts";
import { escapeHtml, jsonBlock, markdownHtml } from "./html.ts";
import type { JsonObject } from "../json_schemas.ts";
import { clientFrameName, serverFrameName } from "../named_schemas.ts";
import { fieldsTable, typeOf } from "./fields_table.ts";

/** What the page shows. */
export interface PageParts {
  /** PROTOCOL.md. */
  markdown: string;
  asyncapi: JsonObject;
  openapi: JsonObject;
  /** The document of monitor. */
  monitor: JsonObject;
  schemas: JsonObject;
}

/** Returns the page. Its style sheet is `/docs.css`. */
export function referencePage(
  { markdown, asyncapi, openapi, monitor, schemas }: PageParts,
): string {
  const definitions = schemas.$defs as JsonObject;
  const sections = [
    markdownHtml(withFields(withoutOutsideLinks(markdown), definitions)),
    httpSection("http", "HTTP", openapi),
    httpSection("monitor", "monitor", monitor),
    busSection(asyncapi),
    schemaSection(definitions),
  ];
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Hopwire: protocol and reference</title>
<link rel="stylesheet" href="/docs.css">
</head>
<body>
<nav aria-label="Contents">
${contents(sections)}
<p>For tools: <a href="/asyncapi.json">AsyncAPI</a>, <a href="/openapi.json">OpenAPI</a>,
<a href="/monitor-openapi.json">OpenAPI of monitor</a>,
<a href="/schemas.json">JSON Schemas</a></p>
</nav>
<main>
${sections.join("\n")}
</main>
</body>
</html>
`;
}

/** Links to other documents of the repository would lead nowhere. */
function withoutOutsideLinks(markdown: string): string {
  return markdown.replace(/\[([^\]]+)\]\((?!https?:|#)[^)\s]+\)/g, "$1")
    .replace(/^<!--.*-->\n/gm, "");
}

/** Puts a table of its fields below each frame. */
function withFields(markdown: string, definitions: JsonObject): string {
  const tables = (from: string, types: readonly string[], nameOf: (type: string) => string) => {
    const [before, section, after] = splitSection(markdown, `## From the ${from}`);
    const parts = section.split(/^(?=### )/m).map((part) => {
      const heading = part.split("\n", 1)[0]!;
      const shown = types.filter((type) =>
        part.startsWith("###") && heading.includes(`\`${type}\``)
      );
      // The fields of frames that are described together are the same but for one.
      const table = shown.slice(0, 1).map((type) =>
        fieldsTable(definitions[nameOf(type)] as JsonObject)
      );
      return `${part.trimEnd()}\n\n${table.join("\n")}\n\n`;
    });
    markdown = before + parts.join("") + after;
  };
  tables("client", Object.keys(CLIENT_FRAMES), clientFrameName);
  tables(
    "server",
    ServerFrame.options.map(({ shape }) => shape.type.value),
    serverFrameName,
  );
  return markdown;
}

/** Splits a text into what is before a section of the second level, the section, and what is after. */
function splitSection(text: string, heading: string): [string, string, string] {
  const begin = text.indexOf(`${heading}\n`);
  const next = text.indexOf("\n## ", begin + 1) + 1;
  return [text.slice(0, begin), text.slice(begin, next), text.slice(next)];
}

function httpSection(id: string, title: string, { paths }: JsonObject): string {
  const parts = Object.entries(paths as JsonObject).flatMap(([path, item]) =>
    Object.entries(item as JsonObject).filter(([method]) => method !== "servers")
      .map(([method, operation]) => httpOperation(path, method, operation as JsonObject))
  );
  return `<h2 id="${id}-reference">Reference: ${title}</h2>\n${parts.join("\n")}`;
}

function httpOperation(path: string, method: string, operation: JsonObject): string {
  const { requestBody, responses } = operation as {
    requestBody?: JsonObject;
    responses: Record<string, JsonObject>;
  };
  const rows = Object.entries(responses).map(([status, response]) =>
    `<tr><td>${status}</td><td>${bodyOf(response)}</td><td>${
      markdownHtml(response.description as string)
    }</td></tr>`
  );
  return [
    `<h3 id="http-${operation.operationId}"><code>${method.toUpperCase()} ${path}</code></h3>`,
    markdownHtml((operation.description ?? operation.summary) as string),
    requestBody === undefined ? "" : `<p>Body: ${bodyOf(requestBody)}</p>`,
    `<table><thead><tr><th>status</th><th>body</th><th>meaning</th></tr></thead><tbody>${
      rows.join("")
    }</tbody></table>`,
  ].join("\n");
}

function bodyOf({ content = {} }: JsonObject): string {
  return Object.entries(content as Record<string, JsonObject>).map(([type, { schema }]) => {
    const { $ref } = schema as JsonObject;
    return $ref === undefined ? `<code>${type}</code>` : typeOf(schema!);
  }).join(" or ");
}

function busSection({ channels, components }: JsonObject): string {
  const { messages } = components as { messages: Record<string, JsonObject> };
  const all = channels as Record<string, JsonObject>;
  const parts = Object.entries(all).filter(([, { servers }]) =>
    JSON.stringify(servers).includes("nats")
  ).filter(([, { address }]) => address !== null).map(([name, channel]) => {
    const [message] = Object.keys(channel.messages as JsonObject);
    const [reply] = Object.keys(all[`${name}Reply`]?.messages as JsonObject ?? {});
    return [
      `<h3 id="bus-${name}"><code>${escapeHtml(channel.address as string)}</code></h3>`,
      markdownHtml(channel.description as string),
      messageHtml("Payload", messages[message!]!),
      reply === undefined ? "" : messageHtml("Reply", messages[reply]!),
    ].join("\n");
  });
  return `<h2 id="bus-reference">Reference: the bus</h2>\n${parts.join("\n")}`;
}

function messageHtml(title: string, { payload, headers, examples }: JsonObject): string {
  const empty = Object.keys(payload as JsonObject).length === 0 && examples === undefined;
  const shown = (examples ?? []) as { payload: unknown }[];
  return `<p>${title}: ${empty ? "empty" : typeOf(payload!)}. Headers: ${typeOf(headers!)}</p>` +
    shown.map((example) => jsonBlock(example.payload)).join("");
}

function schemaSection(definitions: JsonObject): string {
  const parts = Object.entries(definitions).map(([name, definition]) => {
    const schema = definition as JsonObject;
    const about = typeof schema.description === "string" ? markdownHtml(schema.description) : "";
    const table = fieldsTable(schema);
    return `<h3 id="schema-${name}">${name}</h3>\n${about}\n${table || `<p>${typeOf(schema)}</p>`}`;
  });
  return `<h2 id="schema-reference">Reference: schemas</h2>\n${parts.join("\n")}`;
}

/** The list of the page's headings, those of the third level folded. */
function contents(sections: readonly string[]): string {
  const chapters = sections.join("").split(/(?=<h2 )/).flatMap((html) => {
    const link = (level: number) =>
      [...html.matchAll(new RegExp(`<h${level} id="([^"]+)">(.*?)</h${level}>`, "g"))]
        .map(([, id, text]) => `<a href="#${id}">${text}</a>`);
    const [chapter] = link(2);
    if (chapter === undefined) return [];
    const parts = link(3).map((part) => `<li>${part}</li>`).join("");
    const item = parts === ""
      ? chapter
      : `<details><summary>${chapter}</summary><ul>${parts}</ul></details>`;
    return [`<li>${item}</li>`];
  });
  return `<ul>${chapters.join("\n")}</ul>`;
}
