/**
 * What the checks ask of grafana/otel-lgtm, and no more: takes OTLP, and says which services' traces
 * came in. It runs in a container of its own, without the project's packages.
 *
 * @module
 */
const services = new Set();

Deno.serve({ port: 4318 }, async (request) => {
  const text = new TextDecoder("latin1").decode(await request.arrayBuffer());
  if (new URL(request.url).pathname === "/v1/traces") {
    for (const [name] of text.matchAll(/hopwire-[a-z]+/g)) services.add(name);
  }
  return new Response();
});

// Tempo: GET /api/search/tag/service.name/values
Deno.serve({ port: 3200 }, () => Response.json({ tagValues: [...services] }));

// Grafana: GET /api/health
Deno.serve({ port: 3000 }, () => Response.json({ database: "ok" }));
