/**
 * The Docker engine for the checks: a running one if available, otherwise a private one on this
 * machine, with images that stand in for a registry's.
 *
 * @module
 */
import { parse } from "yaml";
import { aptInstall } from "../../services/start/apt.ts";
import { findOnPath } from "../../services/start/nats_server.ts";
import { DOCKERFILE } from "../../services/start/own/outside_files.ts";
import { startProcess } from "../harness/process.ts";
import { ROOT } from "../harness/root.ts";
import { until } from "../harness/wait.ts";
import { lastLines, run, say, tryRun } from "./commands.ts";

/** The Debian packages of a private engine, with a program that each installs. */
const PACKAGES: [program: string, name: string][] = [
  ["dockerd", "docker.io"],
  ["docker-compose", "docker-compose"],
  ["debootstrap", "debootstrap"],
];

/** The Debian release of the stand-in images. It has nats-server 2.9.10 and PostgreSQL 15. */
const SUITE = "bookworm";

/** The CA certificates of a Debian machine. */
const CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt";

/**
 * The Dockerfile of the stand-in for each image. compose.yaml and the Dockerfile define the
 * versions.
 */
const STAND_INS: [image: string, dockerfile: string][] = [
  ["denoland/deno", "deno"],
  ["nats", "nats"],
  ["postgres", "postgres"],
  ["haproxy", "haproxy"],
  ["grafana/otel-lgtm", "telemetry"],
  ["node", "node"],
];

/** The package of npm that has Node's binary, by processor; the major version of the service's image. */
const NODE_PACKAGE = `node-linux-${Deno.build.arch === "x86_64" ? "x64" : "arm64"}@22`;

/** A running engine. */
export interface Engine extends AsyncDisposable {
  /** The variables with which Docker's clients find this engine. */
  readonly env: Record<string, string>;
}

/**
 * Returns a running engine, which uses the registry's images. If there is none, starts a private
 * one; disposal stops it and removes everything.
 *
 * @throws {Error} if no engine is running and none can be started; the message says why
 */
export async function startEngine(): Promise<Engine> {
  if (await answers({})) {
    say("using the running Docker engine and its images");
    return { env: {}, [Symbol.asyncDispose]: async () => {} };
  }
  say("no Docker engine is running: starting one, with stand-in images");
  const missing: string[] = [];
  for (const [program, name] of PACKAGES) {
    if (await findOnPath(program) === null) missing.push(name);
  }
  if (missing.length > 0 && !await aptInstall(missing, say)) {
    throw new Error(`not installed: ${missing.join(", ")} (root on Debian installs them)`);
  }
  const folder = await Deno.makeTempDir({ prefix: "hopwire-docker-" });
  const socket = `unix://${folder}/docker.sock`;
  const daemon = startProcess((await findOnPath("dockerd"))!, [
    ...["--host", socket, "--data-root", `${folder}/data`, "--exec-root", `${folder}/exec`],
    ...["--pidfile", `${folder}/pid`],
    // Some machines need flags such as --iptables=false and --storage-driver=vfs.
    ...(Deno.env.get("DOCKERD_FLAGS") ?? "").split(" ").filter(Boolean),
  ]);
  const env = { DOCKER_HOST: socket };
  const dispose = async () => {
    // An engine does not remove the bridges of its networks when it stops.
    const { stdout } = await tryRun(["docker", "ps", "-aq"], env);
    await tryRun(["docker", "rm", "-f", ...stdout.split("\n")], env);
    await tryRun(["docker", "network", "prune", "-f"], env);
    daemon.signal("SIGTERM");
    await daemon.status(60_000).catch(() => daemon.kill());
    await unmountBelow(folder);
    await Deno.remove(folder, { recursive: true });
  };
  const interrupted = () => void dispose().finally(() => Deno.exit(130));
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, interrupted);
  }
  try {
    await until("dockerd to answer", async () => {
      if (daemon.ended) return true;
      return await answers(env);
    }, 60_000);
    if (daemon.ended) {
      throw new Error(`dockerd ended:\n${lastLines(daemon.output.join("\n"), 5)}`);
    }
    await buildStandIns(`${folder}/stand_ins`, env);
  } catch (error) {
    await dispose();
    throw error;
  }
  return { env, [Symbol.asyncDispose]: dispose };
}

/** Unmounts what the engine leaves mounted: a network namespace. */
async function unmountBelow(folder: string): Promise<void> {
  const mounts = (await Deno.readTextFile("/proc/mounts")).split("\n");
  const below = mounts.map((line) => line.split(" ")[1] ?? "").filter((path) =>
    path.startsWith(`${folder}/`)
  );
  for (const path of below.reverse()) await tryRun(["umount", path]);
}

async function answers(env: Record<string, string>): Promise<boolean> {
  const docker = await findOnPath("docker");
  return docker !== null && (await tryRun([docker, "version"], env)).code === 0;
}

async function buildStandIns(folder: string, env: Record<string, string>): Promise<void> {
  say("building the base of the stand-in images with debootstrap ...");
  const base = `${folder}/base`;
  const context = `${folder}/context`;
  await Deno.mkdir(context, { recursive: true });
  const mirror = Deno.env.get("DEBIAN_MIRROR") ?? "http://deb.debian.org/debian";
  const packages = "--include=ca-certificates,curl,wget";
  await run(["debootstrap", "--variant=minbase", packages, SUITE, base, mirror]);
  await run([
    "sh",
    "-c",
    'tar -C "$0" -c . | docker import - hopwire-stand-in-base',
    base,
  ], env);
  await Deno.remove(base, { recursive: true });
  const sources = new URL("stand_ins/", import.meta.url).pathname;
  for await (const { name } of Deno.readDir(sources)) {
    await Deno.copyFile(sources + name, `${context}/${name}`);
  }
  await Deno.copyFile(Deno.execPath(), `${context}/deno`);
  await Deno.copyFile(CERTIFICATES, `${context}/ca-certificates.crt`);
  await copyNode(context);
  const images = await imagesNeeded();
  for (const [image, dockerfile] of STAND_INS) {
    const tag = images.find((one) => one.startsWith(`${image}:`));
    if (tag === undefined) throw new Error(`no file uses ${image}: remove its stand-in`);
    say(`building the stand-in for ${tag} ...`);
    await run([
      ...["docker", "build", "--network", "host", "-f", `${context}/${dockerfile}.Dockerfile`],
      ...["-t", tag, "-t", `hopwire-stand-in-${dockerfile}`, context],
    ], { ...env, DOCKER_BUILDKIT: "0" });
  }
}

/** Gets Node's binary and npm into a folder. */
async function copyNode(context: string): Promise<void> {
  const folder = `${context}/node_packages`;
  await run([
    "npm",
    "install",
    "--no-audit",
    "--no-fund",
    "--prefix",
    folder,
    NODE_PACKAGE,
    "npm@10",
  ]);
  const modules = `${folder}/node_modules`;
  await Deno.rename(`${modules}/${NODE_PACKAGE.split("@")[0]}/bin/node`, `${context}/node`);
  await Deno.rename(`${modules}/npm`, `${context}/npm`);
  await Deno.remove(folder, { recursive: true });
}

/** Returns the images that compose.yaml, the Dockerfile, and that of a service of one's own use. */
async function imagesNeeded(): Promise<string[]> {
  const compose = parse(await Deno.readTextFile(`${ROOT}compose.yaml`), { merge: true });
  const dockerfile = await Deno.readTextFile(`${ROOT}services/Dockerfile`);
  const services = Object.values(compose.services as Record<string, { image: string }>);
  const bases = [dockerfile, DOCKERFILE].map((text) => /^FROM (\S+)/m.exec(text)![1]!);
  return [...services.map(({ image }) => image), ...bases];
}
