import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Mesh, realEngine, startMesh, untilReady } from "../support/mesh.ts";
import { missingForNat, type NatNetwork, natNetwork } from "../support/nat.ts";
import { cxmpute, type LogLine, type Program } from "../support/program.ts";

const missing = missingForNat();

/** How long the plug stays out, in milliseconds. */
const outageMs = 30_000;

describe.skipIf(missing !== undefined)(
  `a node behind NAT${missing === undefined ? "" : ` (skipped: ${missing})`}`,
  () => {
    let network: NatNetwork;
    let mesh: Mesh;
    let home: Program;

    beforeAll(async () => {
      network = natNetwork();
      mesh = await startMesh("in many processes", { nodes: [], host: network.outside });
      const places = ["--registry", mesh.registry, ...mesh.routers.flatMap((router) => ["--router", router])];
      const idle = ["--listen", "0.0.0.0:50053"];
      home = cxmpute(["join", "--node-id", "home", ...places, ...idle, ...realEngine], {}, network.home);
      await Promise.all(routers().map((router) => router.logged(says("node connected"))));
      await untilReady(mesh.url, mesh.programs);
    });
    afterAll(async () => {
      await home?.stop("SIGKILL");
      await mesh?.stop();
      network?.close();
    });

    const routers = () => ["router-1", "router-2"].map((name) => mesh.programs.get(name)!);

    /** One short answer; the name of the node that gave it is in the routers' logs. */
    const ask = async (body: { stream?: boolean; [key: string]: unknown } = {}): Promise<string> => {
      const response = await fetch(`${mesh.url}/v1/chat/completions`, {
        method: "POST",
        headers: mesh.headers,
        body: JSON.stringify({
          model: mesh.model,
          messages: [{ role: "user", content: "What is gRPC?" }],
          max_tokens: 8,
          ...body,
        }),
      });
      const text = await response.text();
      expect(`${response.status} ${text}`).toMatch(/^200 /);
      if (body.stream === true) expect(text).toMatch(/data: \[DONE\]\n\n$/);
      return text;
    };

    /** The node that gave an answer, as a router says in its log. */
    const giverOf = async (answer: string): Promise<unknown> => {
      const id = /"id":"([^"]+)"/.exec(answer)?.[1];
      const isIts = (line: LogLine) => line.msg === "generation finished" && line.generation_id === id;
      return (await Promise.any(routers().map((router) => router.logged(isIts)))).node_id;
    };

    test("serves through the calls that it makes itself, and cannot be dialled", async () => {
      await expect(dial(network.translated, 50053)).resolves.toBe("ECONNREFUSED");
      expect(await giverOf(await ask({ stream: true }))).toBe("home");
      const tool = { name: "get_weather", parameters: { type: "object", properties: {} } };
      const called = await ask({
        max_tokens: 64,
        tools: [{ type: "function", function: tool }],
        tool_choice: "required",
      });
      expect(called).toContain('"finish_reason":"tool_calls"');
      expect(await giverOf(called)).toBe("home");
    });

    test.each(["home", "world"] as const)(
      "leaves and comes back with its link (%s), and no request fails",
      async (plug) => {
        expect(await giverOf(await ask())).toBe("home");
        const neighbour = await mesh.join(`neighbour-${plug}`, realEngine, { dialled: true });

        // Nothing runs in this moment: a stream that has shown tokens ends with an error when its node is gone.
        const pulled = Date.now();
        const lost = routers().map((router) => router.logged(since(pulled, says("relay to node ended"))));
        network.setLink(plug, "down");
        const outage = keepAsking();
        expect(Math.max(...(await times(lost))) - pulled).toBeLessThan(2000);
        await new Promise((resolve) => setTimeout(resolve, outageMs - (Date.now() - pulled)));
        await outage.stop();
        expect(outage.answered()).toBeGreaterThan(0);

        const returned = Date.now();
        const found = routers().map((router) => router.logged(since(returned, says("node connected"))));
        network.setLink(plug, "up");
        const recovery = keepAsking();
        expect(Math.max(...(await times(found))) - returned).toBeLessThan(5000);
        // Alone again, it has to answer everything.
        await neighbour.stop();
        await recovery.stop();
        expect(await giverOf(await ask())).toBe("home");
      },
      outageMs + 30_000,
    );

    /** Asks again and again, four at a time, until it is stopped; fails with the first request that does. */
    function keepAsking() {
      let going = true;
      let answered = 0;
      const workers = Array.from({ length: 4 }, async (_, worker) => {
        while (going) {
          await ask({ stream: worker % 2 === 0 });
          answered++;
          await new Promise((resolve) => setTimeout(resolve, 200));
        }
      });
      const all = Promise.all(workers);
      all.catch(() => {});
      return {
        answered: () => answered,
        async stop() {
          going = false;
          await all;
        },
      };
    }
  },
  90_000,
);

const says =
  (message: string, node = "home") =>
  (line: LogLine): boolean =>
    line.msg === message && line.node_id === node;

const since =
  (moment: number, predicate: (line: LogLine) => boolean) =>
  (line: LogLine): boolean =>
    Date.parse(line.time) >= moment && predicate(line);

const times = async (lines: readonly Promise<LogLine>[]): Promise<number[]> =>
  (await Promise.all(lines)).map((line) => Date.parse(line.time));

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
