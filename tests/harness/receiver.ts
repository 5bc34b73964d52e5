/**
 * A receiver of webhooks for tests. It verifies signatures with the library of Standard Webhooks, which
 * shares no code with what signs.
 *
 * @module
 */
import { Webhook } from "standardwebhooks";
import { WebhookBatch, WebhookEvent } from "../../services/contract/mod.ts";
import { until } from "./wait.ts";

/** A secret that differs with each number. */
export function secretOf(number: number): string {
  return `whsec_${new Uint8Array(32).fill(number).toBase64()}`;
}

/** Writes the endpoints of webhooks of a system, in one step. */
export async function writeWebhooks(folder: string, endpoints: object[]): Promise<void> {
  await Deno.writeTextFile(`${folder}/webhooks.new`, JSON.stringify({ endpoints }));
  await Deno.rename(`${folder}/webhooks.new`, `${folder}/webhooks.json`);
}

/** One request. */
export interface Received {
  id: string;
  headers: Headers;
  /** The events of the body: of a batch, or one. */
  events: WebhookEvent[];
  at: number;
}

/** How a receiver answers: a status, or a response. */
export type Answer = (request: Received) => number | Response | Promise<number | Response>;

/** A receiver that runs. */
export interface Receiver extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** Requests that were answered with 204, in order. */
  readonly accepted: Received[];
  /** All requests. */
  readonly requests: Received[];
  /** The events that were accepted. */
  readonly events: WebhookEvent[];
  /** How it answers; 204 by default. */
  answer: Answer;
  /** The secrets that it knows. A request that is signed with none of them is an error of the test. */
  secrets: string[];
  /** Waits until an event of this type was accepted for which `wanted` holds. */
  event<Type extends WebhookEvent["type"]>(
    type: Type,
    wanted?: (event: Extract<WebhookEvent, { type: Type }>) => boolean,
    deadline?: number,
  ): Promise<Extract<WebhookEvent, { type: Type }>>;
  /** Closes its port; {@link open} listens on it again. */
  close(): Promise<void>;
  open(): void;
}

/** Starts a receiver on a free port. */
export function startReceiver(secrets: string[] = [secretOf(1)]): Receiver {
  const requests: Received[] = [];
  const accepted: Received[] = [];
  const errors: string[] = [];
  let server: Deno.HttpServer<Deno.NetAddr> | undefined;
  const handle = async (request: Request): Promise<Response> => {
    const text = await request.text();
    const headers = Object.fromEntries(request.headers);
    const verified = receiver.secrets.some((secret) => {
      try {
        new Webhook(secret).verify(text, headers);
        return true;
      } catch {
        return false;
      }
    });
    if (!verified) {
      errors.push(`not signed: ${headers["webhook-signature"]}`);
      return new Response(null, { status: 401 });
    }
    const body = JSON.parse(text);
    const events = body.type === "batch"
      ? WebhookBatch.parse(body).data.events
      : [WebhookEvent.parse(body)];
    const received: Received = {
      id: headers["webhook-id"]!,
      headers: request.headers,
      events,
      at: performance.now(),
    };
    requests.push(received);
    const answer = await receiver.answer(received);
    const response = typeof answer === "number" ? new Response(null, { status: answer }) : answer;
    if (response.ok) accepted.push(received);
    return response;
  };
  const receiver: Receiver = {
    url: "",
    port: 0,
    accepted,
    requests,
    get events() {
      return accepted.flatMap(({ events }) => events);
    },
    answer: () => 204,
    secrets,
    async event(type, wanted = () => true, deadline) {
      const fits = (event: WebhookEvent) => event.type === type && wanted(event as never);
      return await until(
        `${type} to arrive`,
        () => receiver.events.find(fits),
        deadline,
      ) as never;
    },
    async close() {
      await server?.shutdown();
      server = undefined;
    },
    open() {
      server = Deno.serve(
        { hostname: "127.0.0.1", port: receiver.port, onListen: () => {} },
        handle,
      );
    },
    async [Symbol.asyncDispose]() {
      await this.close();
      if (errors.length > 0) throw new Error(errors.join("\n"));
    },
  };
  receiver.open();
  const { port } = server!.addr;
  Object.assign(receiver, { port, url: `http://127.0.0.1:${port}/hooks` });
  return receiver;
}
