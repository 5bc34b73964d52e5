/**
 * Bundles the examples and serves them: see README.md. Arguments: the port, the
 * address of the server, and the address that issues tokens; each has a default.
 *
 * @module
 */

/** The examples, by folder, and the module of each. */
const EXAMPLES: Record<string, string> = {
  "live-cursors": "app.ts",
  "price-table": "app.ts",
  "collaborative-list": "app.tsx",
};

const FOLDER = new URL("./", import.meta.url).pathname;

/** Where the pages connect to. */
export interface ServeOptions {
  /** The port of the pages; 0 for any. */
  port: number;
  /** The address of the server. */
  server: string;
  /** The address that issues development tokens. */
  tokens: string;
}

/** Serves the examples until it is disposed of. Each one is at the path of its folder. */
export async function serveExamples(
  { port, server, tokens }: ServeOptions,
): Promise<{ port: number } & AsyncDisposable> {
  const pages = new Map<string, { type: string; body: string }>();
  for (const [name, module] of Object.entries(EXAMPLES)) {
    const html = await Deno.readTextFile(`${FOLDER}${name}/page.html`);
    const body = html.replace("SERVER", server).replace("TOKENS", tokens);
    pages.set(`/${name}/`, { type: "text/html; charset=utf-8", body });
    const script = await bundle(`${FOLDER}${name}/${module}`);
    pages.set(`/${name}/app.js`, { type: "text/javascript", body: script });
  }
  const links = Object.keys(EXAMPLES).map((name) => `<li><a href="/${name}/">${name}</a>`);
  pages.set("/", { type: "text/html", body: `<!DOCTYPE html><ul>${links.join("")}</ul>` });
  const http = Deno.serve({ hostname: "127.0.0.1", port, onListen: () => {} }, ({ url }) => {
    const page = pages.get(new URL(url).pathname);
    if (page === undefined) return new Response("not found", { status: 404 });
    return new Response(page.body, { headers: { "content-type": page.type } });
  });
  return { port: http.addr.port, [Symbol.asyncDispose]: () => http.shutdown() };
}

async function bundle(module: string): Promise<string> {
  const config = `${FOLDER}deno.json`;
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", "-q", "--platform", "browser", "--config", config, module],
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  if (!success) throw new Error(decoder.decode(stderr));
  return decoder.decode(stdout);
}

if (import.meta.main) {
  const [
    port = "8090",
    server = "http://127.0.0.1:8080",
    tokens = "http://127.0.0.1:8081/token",
  ] = Deno.args;
  await serveExamples({ port: Number(port), server, tokens });
  // deno-lint-ignore no-console
  console.log(`http://127.0.0.1:${port}/`);
}
