import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { realEngine } from "../support/mesh.ts";
import { missingForNat } from "../support/nat.ts";
import { type NatMesh, paced, startNatMesh } from "../support/nat-mesh.ts";
import type { LogLine } from "../support/program.ts";
import { askWhole, openStream, type Received } from "../support/streams.ts";

const missing = missingForNat();

describe.skipIf(missing !== undefined)(
  `a node behind NAT${missing === undefined ? "" : ` (skipped: ${missing})`}`,
  () => {
    let nat: NatMesh;

    beforeAll(async () => {
      nat = await startNatMesh();
      await nat.joinFromHome("home", ["--listen", "0.0.0.0:50053", ...realEngine]);
    });
    afterAll(() => nat?.close());

    /** The node that gave an answer, as a router says in its log. */
    const giverOf = async (id: string): Promise<unknown> => {
      const isIts = (line: LogLine) => line.msg === "generation finished" && line.generation_id === id;
      return (await Promise.any(nat.routers.map((router) => router.logged(isIts)))).node_id;
    };

    /** An answer of half a second by the model in the nodes. */
    const question = { messages: [{ role: "user", content: "What is gRPC?" }], max_tokens: 200, seed: 1 };
    const ask = () => openStream(nat.mesh, question).whole;

    test("serves through the calls that it makes itself, and cannot be dialled", async () => {
      await expect(dial(nat.network.translated, 50053)).resolves.toBe("ECONNREFUSED");
      const { id, finishReason } = await ask();
      expect(finishReason).toMatch(/stop|length/);
      expect(await giverOf(id)).toBe("home");
      const tool = { name: "get_weather", parameters: { type: "object", properties: {} } };
      const called = await askWhole(nat.mesh, {
        ...question,
        max_tokens: 64,
        tools: [{ type: "function", function: tool }],
        tool_choice: "required",
      });
      expect(called.finishReason).toBe("tool_calls");
    });

    test("leaves and comes back with its link, while no request fails and no stream that was under way suffers", async () => {
      const { network, mesh } = nat;
      const { id: _, ...undisturbed } = await ask();
      const neighbour = await mesh.join("neighbour", realEngine, { dialled: true });
      await Promise.all([
        nat.joinFromHome("home-2", paced),
        mesh.join("neighbour-2", paced, { dialled: true }),
      ]);
      const questions = keepAsking(undisturbed);
      await questions.answers(20);
      const streams = await nat.openStreams(300);

      const pulled = Date.now();
      const lost = nat.told("relay to node ended", "home", pulled);
      network.setLink("down");
      await lost;
      const { received, undisturbed: expected, moved } = await nat.outcome(streams, 300, "home-2");
      expect(received).toEqual(expected);
      expect(moved).toBeGreaterThan(0);
      // The plug stays out for longer than the node's lease.
      await nat.told("node left", "home", pulled);

      const returned = Date.now();
      const found = nat.told("node connected", "home", returned);
      network.setLink("up");
      await found;
      await questions.answers(20);
      // Alone again, it has to answer everything.
      await neighbour.stop();
      await questions.answers(20);
      await questions.stop();
      expect(await giverOf((await ask()).id)).toBe("home");
    });

    /** Asks again and again, four at a time, until it is stopped; fails with the first answer that is not `expected`. */
    function keepAsking(expected: Received) {
      let going = true;
      let answered = 0;
      const worker = async (_: unknown, number: number) => {
        for (; going; answered++) {
          const given =
            number % 2 === 0
              ? await askWhole(nat.mesh, question)
              : await ask().then(({ id: _, ...received }) => received);
          expect(given).toEqual(expected);
          await new Promise((resolve) => setTimeout(resolve, 500));
        }
      };
      const all = Promise.all(Array.from({ length: 4 }, worker));
      all.catch(() => {});
      return {
        /** Resolves when so many more have been answered. */
        async answers(count: number) {
          const enough = answered + count;
          while (answered < enough)
            await Promise.race([all, new Promise((resolve) => setTimeout(resolve, 20))]);
        },
        async stop() {
          going = false;
          await all;
        },
      };
    }
  },
);

/** Tries to connect; tells the code of the failure. */
function dial(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port }, () => {
      socket.destroy();
      resolve(undefined);
    });
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code));
  });
}
