/**
 * The files of a new service outside of this repository, which has the kit and the client as packages. No
 * I/O.
 *
 * @module
 */
import type { ServiceNeed } from "../../contract/mod.ts";
import { newFiles } from "./new_files.ts";

/** What the files are made from. */
export interface Outside {
  name: string;
  needs: readonly ServiceNeed[];
  /** The file names of the packages in the folder `packages`. */
  packages: { kit: string; client: string };
  /** Versions of packages from npm, by name. */
  versions: Record<"zod" | "typescript" | "@types/node", string>;
}

/** Returns the files, by their names in the folder. */
export function outsideFiles(outside: Outside): Record<string, string> {
  const { name, needs } = outside;
  const { "declaration.ts": declaration, "main.ts": main } = newFiles(name, needs);
  const own = (text: string) =>
    text
      .replaceAll("'../kit/mod.ts'", '"@hopwire/kit"')
      .replace("Read by the start command; see services/kit/README.md.", "See README.md.");
  return {
    "declaration.ts": own(declaration!),
    "main.ts": own(main!),
    [`${name.replaceAll("-", "_")}_test.ts`]: testText(outside),
    "package.json": `${JSON.stringify(manifestOf(outside), null, 2)}\n`,
    "tsconfig.json": `${JSON.stringify(TSCONFIG, null, 2)}\n`,
    "Dockerfile": DOCKERFILE,
    "compose.yaml": composeText(name),
    "README.md": readmeText(outside),
    ".gitignore": "node_modules/\n",
    ".dockerignore": "node_modules/\n",
  };
}

const TSCONFIG = {
  compilerOptions: {
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    allowImportingTsExtensions: true,
    target: "ES2023",
    module: "NodeNext",
    moduleResolution: "NodeNext",
    lib: ["ES2023", "DOM", "ESNext.Disposable"],
    types: ["node"],
  },
  include: ["*.ts"],
};

function manifestOf({ name, packages, versions }: Outside): object {
  const { zod, ...development } = versions;
  return {
    name,
    version: "0.1.0",
    private: true,
    type: "module",
    engines: { node: ">=22.18" },
    scripts: { start: "node main.ts", test: "node --test", check: "tsc" },
    dependencies: { "@hopwire/kit": `file:packages/${packages.kit}`, zod },
    devDependencies: { "@hopwire/client": `file:packages/${packages.client}`, ...development },
  };
}

function testText({ name, needs }: Outside): string {
  const steps: string[] = [];
  if (needs.includes("calls")) {
    steps.push(
      `    assert.deepEqual(await hop.call("${name}.hello"), { greeting: "Hello, Ada!" });\n`,
    );
  }
  if ((needs.includes("listen") || needs.includes("log")) && needs.includes("post")) {
    steps.push(`    const room = hop.join("${name}.lobby");
    const greeted = new Promise<void>((resolve) => {
      room.on("message", ({ content }) => content === "Hello, Ada!" && resolve());
    });
    await room.send("hi");
    await greeted;
`);
  }
  return `/** The service ${name}, in a system that runs: see README.md for the variables. */
import assert from 'node:assert/strict';
import process from 'node:process';
import test from 'node:test';
import { Hopwire } from '@hopwire/client';
import { startService } from '@hopwire/kit/testing';

const { HOPWIRE_URL = "http://127.0.0.1:8080", HOPWIRE_AUTH = "http://127.0.0.1:8081" } =
  process.env;

/** For development: auth issues tokens to anybody. */
async function token(): Promise<string> {
  const body = JSON.stringify({ userId: "ada", username: "Ada" });
  const response = await fetch(\`\${HOPWIRE_AUTH}/token\`, { method: "POST", body });
  return ((await response.json()) as { token: string }).token;
}

test("${name} does what it is for, and stops when it is told", { timeout: 60_000 }, async () => {
  const args = process.versions.deno ? ["run", "-A", "main.ts"] : ["main.ts"];
  const service = await startService({ args });
  const hop = new Hopwire(HOPWIRE_URL, { token });
  try {
${
    steps.join("") || "    await hop.connect();\n"
  }    assert.equal(await service.stop(), 0, service.output.join("\\n"));
  } finally {
    hop.close();
    await service.kill();
  }
});
`;
}

/** The image of the service. */
export const DOCKERFILE = `FROM node:22-slim
WORKDIR /service
COPY package.json package-lock.json ./
COPY packages packages
RUN npm ci --omit=dev
COPY *.ts ./
USER node
CMD ["node", "main.ts"]
`;

/** Who owns the keys of services in Hopwire's volume, and alone may read them: the user of Deno's image. */
export const KEY_OWNER = 1993;

/** Beside compose.yaml of Hopwire, whose project has the name \`hopwire\`. */
function composeText(name: string): string {
  return `# Runs the service beside Hopwire's own compose.yaml; see README.md.
services:
  ${name}:
    build: .
    # The owner of the keys in the volume.
    user: "${KEY_OWNER}:${KEY_OWNER}"
    restart: unless-stopped
    environment:
      NATS_URL: nats://nats:4222
      NATS_NKEY_FILE: /secrets/services/${name}.nk
      HOST: 0.0.0.0
      PORT: 8100
    networks: [bus]
    volumes: ["secrets:/secrets/services:ro"]
    healthcheck:
      interval: 5s
      test:
        - CMD
        - node
        - --eval
        - 'fetch("http://127.0.0.1:8100/readyz").then((r) => process.exit(r.ok ? 0 : 1))'
networks:
  bus:
    name: \${HOPWIRE_PROJECT:-hopwire}_bus
    external: true
volumes:
  secrets:
    name: \${HOPWIRE_PROJECT:-hopwire}_secrets-services
    external: true
`;
}

function readmeText({ name, needs }: Outside): string {
  const user = `${name}=${needs.join("+")}`;
  return `# ${name}

A service for Hopwire, with the package of its kit. \`declaration.ts\` says what it is and what it may
do, \`main.ts\` what it does.

## Run it

In Hopwire's folder, start a system that knows the service:

\`\`\`sh
NATS_SERVICES=${user} npx -y deno task start
\`\`\`

Here, with Node 22.18 or later, and the variables that the start command has written:

\`\`\`sh
npm install
node --env-file=HOPWIRE/.data/services/${name}.env main.ts
\`\`\`

\`npx -y deno run -A --env-file=... main.ts\` does the same in Deno. The NATS server of the start command
has another port after each start, which the file then names: give that command \`NATS_PORT\`, for example 4222, if the
service is to find the server again. The test takes the same variables, and
HOPWIRE_URL and HOPWIRE_AUTH where gateway and auth are elsewhere than on ports 8080 and 8081:

\`\`\`sh
node --env-file=HOPWIRE/.data/services/${name}.env --test
npm run check
\`\`\`

Run both in this folder. NATS_SERVICES follows from \`needs\` of the declaration: when they change, change it, too. Nobody
restarts the service here; in production let compose or systemd do it. It drains on SIGTERM.

On a NATS server of your own, \`deno task nats-users --declaration FOLDER/declaration.ts keys\` in
Hopwire's folder makes the users with the rights that they declare, after \`npm install\` here.

## With compose

Hopwire's \`compose.yaml\` takes the same NATS_SERVICES, and \`docker compose restart nats\` makes the
user known. Then \`docker compose up -d\` here runs the service on its network. HOPWIRE_PROJECT is the
name of Hopwire's project, \`hopwire\` by default.
`;
}
