/**
 * The documents that `deno task contract` writes, made from the schemas of the contract, its comments and
 * PROTOCOL.md.
 *
 * @module
 */
import { CLIENT_FRAMES, ServerFrame, VERSION } from "../../contract/mod.ts";
import { asyncApi } from "./asyncapi.ts";
import { commentsOfContract } from "./comments.ts";
import { definitionsOf, type JsonObject } from "./json_schemas.ts";
import { clientFrameName, ENDPOINTS, SCHEMAS, serverFrameName } from "./named_schemas.ts";
import { monitorOpenApi } from "./monitor_openapi.ts";
import { openApi } from "./openapi.ts";
import { referencePage } from "./page/page.ts";
import { type ProtocolText, protocolText } from "./protocol_text.ts";

/** The folder of the documents. */
export const GENERATED = new URL("../../contract/generated/", import.meta.url);

/** Schemas that the code calls otherwise, whose comments are theirs. */
const MONITOR_NAMES: Readonly<Record<string, string>> = {
  MonitorOverview: "Overview",
  MonitorMessages: "MessageList",
  MonitorTrace: "Trace",
  MonitorMessage: "MessageSummary",
  MonitorSpan: "TraceSpan",
  MonitorHop: "HopSummary",
  MonitorProcess: "ProcessSummary",
  MonitorAlert: "Alert",
};

const STYLE = new URL("page/page.css", import.meta.url);
const PROTOCOL = new URL("../../contract/PROTOCOL.md", import.meta.url);

/** Returns the text of each document, by the name of its file. */
export async function documents(): Promise<Record<string, string>> {
  const markdown = await Deno.readTextFile(PROTOCOL);
  const protocol = protocolText(markdown);
  const comments = await commentsOfContract();
  const descriptions = describe(protocol, comments);
  const asyncapi = asyncApi(protocol, descriptions, comments);
  const openapi = openApi(protocol, descriptions);
  const monitor = monitorOpenApi(descriptions);
  const schemas = bundle(descriptions);
  return {
    "asyncapi.json": json(asyncapi),
    "openapi.json": json(openapi),
    "monitor-openapi.json": json(monitor),
    "schemas.json": json(schemas),
    "docs.html": referencePage({ markdown, asyncapi, openapi, monitor, schemas }),
    "docs.css": await Deno.readTextFile(STYLE),
  };
}

/** All schemas in one file. A generator of code is pointed at it, or at one of its definitions. */
function bundle(descriptions: Record<string, string>): JsonObject {
  const options = { dialect: "draft-2020-12", prefix: "#/$defs/", descriptions } as const;
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    $id: "urn:hopwire:schemas",
    title: "Hopwire",
    $comment: `Version ${VERSION}. Each schema is one of $defs.`,
    $defs: definitionsOf(SCHEMAS, options),
  };
}

/** What is said about each schema. */
function describe(
  protocol: ProtocolText,
  comments: Record<string, string>,
): Record<string, string> {
  const described: Record<string, string> = { ...comments };
  for (const type of Object.keys(CLIENT_FRAMES)) {
    described[clientFrameName(type)] = protocol.frame("client", type);
  }
  for (const { shape } of ServerFrame.options) {
    const type = shape.type.value;
    described[serverFrameName(type)] = protocol.frame("server", type);
  }
  for (const [name, { subject }] of Object.entries(ENDPOINTS)) {
    described[`${name}Request`] = `What is requested on \`${subject}\`.`;
    described[`${name}Reply`] = `What a request on \`${subject}\` is answered with.`;
  }
  for (const [name, of] of Object.entries(MONITOR_NAMES)) described[name] = comments[of] ?? "";
  described.ClientFrame = "Any frame that a client sends.";
  return described;
}

function json(value: JsonObject): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
