/**
 * The page that shows the OpenAPI document: plain HTML, without scripts and without anything from elsewhere.
 *
 * @module
 */
import { createHash } from "node:crypto";

const STYLE = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 52rem; padding: 1rem; }
pre, code { font-family: ui-monospace, monospace; font-size: .875rem; }
pre { overflow: auto; padding: .75rem; border-radius: .375rem; background: #8882; }
h2 { margin-top: 2.5rem; border-top: 1px solid #8884; padding-top: 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .25rem .5rem; border-bottom: 1px solid #8884; }
nav { columns: 3 12rem; }
a:focus-visible, summary:focus-visible { outline: 2px solid; outline-offset: 2px; }
`;

/** What the page shows of the document. */
interface PageDocument {
  info: { title: string; version: string; description?: string };
  paths?: unknown;
}

interface Described {
  summary: string;
  description: string;
  responses: Record<string, { description: string; content?: Content }>;
  requestBody: { content: Content };
}
type Content = { "application/json": { schema: Schema; example?: unknown } };
type Schema = {
  type?: string | string[];
  description?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  anyOf?: Schema[];
  oneOf?: Schema[];
  enum?: unknown[];
  $ref?: string;
};

/** Makes the page, and the content policy with which it is served. */
export function createPage(document: PageDocument): { html: string; policy: string } {
  const paths = Object.entries((document.paths ?? {}) as Record<string, { post: Described }>);
  const title = `${document.info.title} API ${document.info.version}`;
  const links = paths.map(([path]) => `<a href="#${nameOf(path)}">${escape(path)}</a><br>`).join(
    "\n",
  );
  const html = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(title)}</title>
<style>${STYLE}</style>
<h1>${escape(title)}</h1>
${paragraphs(document.info.description ?? "")}
<p>The document for programs: <a href="/openapi.json">/openapi.json</a>.</p>
<nav>${links}</nav>
<main>
${paths.map(([path, { post }]) => section(path, post)).join("\n")}
</main>
</html>
`;
  const style = createHash("sha256").update(STYLE).digest("base64");
  const policy = `default-src 'none'; style-src 'sha256-${style}'; base-uri 'none'; ` +
    "form-action 'none'; frame-ancestors 'none'";
  return { html, policy };
}

function section(
  path: string,
  { summary, description, requestBody, responses }: Described,
): string {
  const { schema, example } = requestBody.content["application/json"];
  const reply = responses["200"]!.content!["application/json"].schema;
  const curl = [
    `curl -X POST http://127.0.0.1:8070${path} \\`,
    '  -H "Authorization: Bearer $KEY" -H "Content-Type: application/json" \\',
    `  -d '${JSON.stringify(example)}'`,
  ].join("\n");
  return `<h2 id="${nameOf(path)}"><code>POST ${escape(path)}</code></h2>
<p><strong>${escape(summary)}.</strong> ${inline(description)}</p>
<pre>${escape(curl)}</pre>
<h3>Request</h3>
${fields(schema)}
<h3>Answer</h3>
${fields(reply)}`;
}

/** A table of an object's fields; one for each alternative. */
function fields(schema: Schema): string {
  const alternatives = schema.anyOf ?? schema.oneOf;
  if (alternatives !== undefined) return alternatives.map(fields).join("<p>or</p>");
  const rows = Object.entries(schema.properties ?? {}).map(([name, field]) => {
    const needed = schema.required?.includes(name) ? "" : " (optional)";
    return `<tr><td><code>${escape(name)}</code>${needed}</td><td><code>${
      escape(typeOf(field))
    }</code></td><td>${inline(field.description ?? "")}</td></tr>`;
  });
  if (rows.length === 0) return "<p>An empty object.</p>";
  return `<table><tr><th>field</th><th>type</th><th>meaning</th></tr>\n${rows.join("\n")}</table>`;
}

function typeOf(schema: Schema): string {
  if (schema.$ref !== undefined) return schema.$ref.slice(schema.$ref.lastIndexOf("/") + 1);
  const alternatives = schema.anyOf ?? schema.oneOf;
  if (alternatives !== undefined) return [...new Set(alternatives.map(typeOf))].join(" | ");
  if (schema.items !== undefined) return `${typeOf(schema.items)}[]`;
  if (schema.enum !== undefined) {
    return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  }
  return [schema.type ?? "any JSON"].flat().join(" | ");
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** Paragraphs and lists, as Markdown writes them. */
function paragraphs(text: string): string {
  return text.split("\n\n").map((part) =>
    part.startsWith("- ")
      ? `<ul>${part.split("\n").map((item) => `<li>${inline(item.slice(2))}</li>`).join("")}</ul>`
      : `<p>${inline(part)}</p>`
  ).join("\n");
}

function inline(text: string): string {
  return escape(text).replace(/`([^`]+)`/g, "<code>$1</code>");
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;").replaceAll("'", "&#39;");
}
