import assert from "node:assert/strict";
import { connect, headers as createHeaders, type Msg } from "@nats-io/transport-node";
import { startNats } from "../../../tests/harness/nats.ts";
import { HEADERS } from "../../contract/mod.ts";
import { messageTimes, sentHeader } from "./message_times.ts";

Deno.test("a message's times are read from its headers, whatever is in them", async () => {
  await using server = await startNats();
  const nats = await connect({ servers: server.url });
  try {
    const received: Msg[] = [];
    nats.subscribe("times", { callback: (_, message) => void received.push(message) });
    const cases: [Record<string, string[]>, [number, number, number]][] = [
      [{}, [0, 0, 0]],
      [{ [HEADERS.sent]: [sentHeader(1_795_630_280_237_194, 1_795_630_280_237_500)] }, [
        1_795_630_280_237_194,
        1_795_630_280_237_500,
        0,
      ]],
      // The clock was set back between the two.
      [{ [HEADERS.sent]: [sentHeader(1_000, 900)] }, [1_000, 1_000, 0]],
      [{ [HEADERS.sent]: ["soon"] }, [0, 0, 0]],
      [{ [HEADERS.sent]: ["12345"] }, [0, 0, 0]],
      [{ [HEADERS.sent]: ["99999999999999999999+1"] }, [0, 0, 0]],
      [{ [HEADERS.sent]: ["1000+99999999999"] }, [0, 0, 0]],
      [{ [HEADERS.storedAt]: ["2026-11-25T18:11:20.237194657Z"] }, [0, 0, 1_795_630_280_237_195]],
      [{ [HEADERS.storedAt]: ["2026-11-25T18:11:20Z"] }, [0, 0, 1_795_630_280_000_000]],
      [{ [HEADERS.storedAt]: ["now"] }, [0, 0, 0]],
      [{ [HEADERS.storedAt]: ["xxxx-xx-xxTxx:xx:xxZ"] }, [0, 0, 0]],
      // The server adds its own behind what a publisher wrote.
      [{ [HEADERS.storedAt]: ["2020-01-01T00:00:00Z", "2026-11-25T18:11:20.5Z"] }, [
        0,
        0,
        1_795_630_280_500_000,
      ]],
    ];
    for (const [given] of cases) {
      const headers = createHeaders();
      for (const [name, values] of Object.entries(given)) {
        for (const value of values) headers.append(name, value);
      }
      nats.publish("times", "x", { headers });
    }
    await nats.flush();
    assert.equal(received.length, cases.length);
    cases.forEach(([given, expected], i) => {
      const { received: at, handed, stored } = messageTimes(received[i]!);
      assert.deepEqual([at, handed, stored], expected, JSON.stringify(given));
    });
  } finally {
    await nats.close();
  }
});
