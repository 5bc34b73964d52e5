/**
 * The README of the kit's package. Its imports have single quotes, so that nobody takes them for imports of
 * this file.
 *
 * @module
 */

/** Its text. */
export const README = `# @hopwire/kit

Write services for Hopwire, realtime rooms over NATS: answer calls of clients, listen to messages,
post to rooms, screen messages, run at intervals. Runs in Deno and in Node from 22.18 on. zod is a peer
dependency.

\`\`\`ts
import * as z from 'zod';
import { declareService, runApp } from '@hopwire/kit';

const declaration = declareService({
  name: "dice",
  description: "Rolls dice.",
  needs: ["calls"],
});

await runApp(declaration, {
  start(app) {
    app.answer("roll", { data: z.unknown(), result: z.number() }, () => {
      return 1 + Math.floor(Math.random() * 6);
    });
  },
});
\`\`\`

A service connects to NATS as a user of its own. Hopwire's start command makes it:
\`NATS_SERVICES=dice=calls npx -y deno task start\`, where \`natsServiceOf(declaration)\` is the value.
The variables are then in \`.data/services/dice.env\` of Hopwire's folder:

\`\`\`sh
node --env-file=.data/services/dice.env dice.ts
\`\`\`

\`/healthz\` and \`/readyz\` are served on PORT. On SIGTERM the service drains. \`startService\` of
\`@hopwire/kit/testing\` runs a service in tests. What else there is stands in services/kit/README.md of
Hopwire; \`deno task new-service NAME --outside FOLDER\` there makes a folder like this one.

Traces and metrics go to the SDK of OpenTelemetry that the process has: in Deno with OTEL_DENO=true, in
Node with the packages of OpenTelemetry.
`;
