import { startScript } from "../processes/child.ts";
import type { Peer } from "./contract.ts";
import { answers } from "./probe.ts";

/** The least that a proxy in Node can do: `http` in, `http` out, a pipe each way. */
export const nodePipe: Peer = {
  name: "node-pipe",
  title: "plain Node http pipe, one hop",
  maxStreams: Number.POSITIVE_INFINITY,
  async start({ upstreamPort }) {
    const script = new URL("./node-pipe-server.ts", import.meta.url);
    const child = startScript<never, { port: number }>(script, [String(upstreamPort)]);
    const target = { port: (await child.next(10_000)).port, headers: {} };
    await answers(target, [child]);
    return {
      target,
      roles: [{ name: "pipe", counted: true, pids: () => [child.pid] }],
      stop: () => child.stop(),
    };
  },
};
