import assert from "node:assert/strict";
import { editDistance, unknownVariables } from "./unknown_variables.ts";
import { KNOWN_VARIABLES } from "./variables.ts";

Deno.test("a misspelled variable is reported with the nearest one", () => {
  const cases: [string, string][] = [
    ["MAX_CONECTIONS", "MAX_CONNECTIONS"],
    ["MAX_ROOM", "MAX_ROOMS"],
    ["MAX_ROOM_SERVED", "MAX_ROOMS_SERVED"],
    ["GATEWAY", "GATEWAYS"],
    ["GATEWYAS", "GATEWAYS"],
    ["ALLOWED_ORIGIN", "ALLOWED_ORIGINS"],
    ["ALOWED_ORIGIN", "ALLOWED_ORIGINS"],
    ["AUTH_SECERT", "AUTH_SECRET"],
    ["LOG_LEVL", "LOG_LEVEL"],
    ["DATABSE_URL", "DATABASE_URL"],
    ["NATS_URI", "NATS_URL"],
    ["NATS_SEVRER", "NATS_SERVER"],
    ["RATE_FRAMES_PER_SECONDS", "RATE_FRAMES_PER_SECOND"],
  ];
  for (const [wrong, right] of cases) {
    assert.deepEqual(unknownVariables([wrong]), [
      `${wrong}: unknown variable; did you mean ${right}?`,
    ]);
  }
});

Deno.test("variables of other programs are not reported", () => {
  const ordinary = [
    "HOSTNAME HOSTS PORTS SPORT DEMOS HOST1 POST HOSTTYPE",
    "PATH HOME LOGNAME LANG LANGUAGE LC_ALL PWD OLDPWD SHELL SHLVL TERM USER USERNAME TZ MAIL",
    "EDITOR VISUAL PAGER DISPLAY SSH_AUTH_SOCK XDG_RUNTIME_DIR XDG_DATA_DIRS COLORTERM TMPDIR",
    "DATABASE_URLS DATABASE_URI DATABASE_HOST DATADIR DATA_DIRS LOGLEVEL LOG_LEVELS LOG_FILE",
    "NATS_CERT NATS_USER NATS_KEY NATS_CA NATS_CONTEXT NATS_CREDS NATS_PASSWORD NATS_TIMEOUT",
    "AUTH_HOST AUTH_USER AUTH_TOKEN AUTH_URL GITHUB_TOKEN REDIS_URL API_PORT HTTP_PORT PGPORT",
    "OTEL_LOG_LEVEL OTEL_TRACES_EXPORTER OTEL_EXPORTER_OTLP_ENDPOINTS OTEL_SERVICE_NAME",
    "DENO_DIR NODE_ENV NO_COLOR CI npm_config_registry npm_lifecycle_event INIT_CWD http_proxy",
    "POSTGRES_PASSWORD COMPOSE_FILE DOCKER_HOST KUBERNETES_PORT KUBERNETES_SERVICE_HOST",
    "SSL_CERT_FILE SSL_CERT_DIR SSL_KEY_FILE",
    "PROMPT_COMMAND GATEWAY_INTERFACE SQLITE_TMPDIR MAX_JOBS RETENTION_DAYS",
  ].join(" ").split(" ");
  assert.deepEqual(unknownVariables(ordinary), []);
});

Deno.test("no variable of ours is taken for another of ours", () => {
  assert.deepEqual(unknownVariables(KNOWN_VARIABLES), []);
});

Deno.test("the edit distance counts insertions, deletions, substitutions and swaps", () => {
  const cases: [string, string, number][] = [
    ["", "", 0],
    ["", "abc", 3],
    ["abc", "abc", 0],
    ["abc", "acb", 1],
    ["abc", "xabc", 1],
    ["abc", "axc", 1],
    ["kitten", "sitting", 3],
  ];
  for (const [a, b, edits] of cases) {
    assert.equal(editDistance(a, b), edits, `${a} ${b}`);
    assert.equal(editDistance(b, a), edits, `${b} ${a}`);
  }
});
