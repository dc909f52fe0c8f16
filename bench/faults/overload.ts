import { startMesh } from "../../test/support/mesh.ts";
import { ask, type Outcome } from "./ask.ts";
import { at, type Section } from "./section.ts";

/** Slots of each of two nodes; an answer takes a second. */
const slots = 20;
const capacityPerSecond = 2 * slots;
const seconds = 15;
const accounts = Array.from({ length: 50 }, (_, index) => ({
  userId: `user-${index}`,
  apiKey: `sk-bench-${String(index).padStart(32, "0")}`,
}));
const queueTimeoutMs = 2000;
/** The share of the capacity that has to be delivered, and how soon the excess has to be refused, in milliseconds. */
const targets = { goodput: 0.9, refusalMs: 50 };

/** Three times as many requests as two nodes can answer, at a steady rate, by many users. */
export async function overload(): Promise<Section> {
  const pace = ["--first-token-ms", "50", "--tokens-per-second", "20", "--arrivals", "random"];
  const engine = ["--engine", "synthetic", "--slots", String(slots), ...pace];
  const routing = ["--queue-timeout-ms", String(queueTimeoutMs)];
  const surface = accounts.flatMap(({ userId, apiKey }) => ["--api-key", `${userId}=${apiKey}`]);
  const mesh = await startMesh("in many processes", { engine, routing, surface, routers: 1 });
  try {
    const offered = 3 * capacityPerSecond * seconds;
    const begun = performance.now();
    const asked: Promise<Outcome>[] = [];
    let inTime = 0;
    for (let index = 0; index < offered; index++) {
      const due = begun + (index * 1000) / (3 * capacityPerSecond);
      if (due > performance.now())
        await new Promise((resolve) => setTimeout(resolve, due - performance.now()));
      const one = ask(mesh, { max_tokens: 20, seed: index }, accounts[index % accounts.length]);
      void one.then(({ status }) => {
        if (status === 200 && performance.now() - begun < seconds * 1000) inTime += 1;
      });
      asked.push(one);
    }
    const outcomes = await Promise.all(asked);
    const refused = outcomes.filter(({ status }) => status === 503 || status === 429);
    const failed = outcomes.filter(({ status }) => ![200, 429, 503].includes(status)).length;
    const silent = refused.filter(({ retryAfter }) => retryAfter === null).length;
    // The first second fills the nodes.
    const goodput = inTime / (capacityPerSecond * (seconds - 1));
    const refusalMs = refused.map(({ ms }) => ms).sort((a, b) => a - b);
    const attempts = mesh.programs
      .get("router-1")!
      .entries()
      .flatMap(({ attempts }) => (Array.isArray(attempts) ? attempts.slice(1) : [])).length;
    const retries = attempts / offered;
    return {
      title: `${offered} requests in ${seconds} s, three times what two nodes can answer`,
      rows: [
        ["answered in time, of the capacity", `${(100 * goodput).toFixed(0)} %`],
        ["refused", String(refused.length)],
        ["  without Retry-After", String(silent)],
        ["  after, median, ms", at(refusalMs, 0.5).toFixed(0)],
        ["  90th percentile, ms", at(refusalMs, 0.9).toFixed(0)],
        ["  99th percentile, ms", at(refusalMs, 0.99).toFixed(0)],
        ["failed otherwise", String(failed)],
        ["retries, of the requests", `${(100 * retries).toFixed(1)} %`],
      ],
      targets: [
        { holds: goodput >= targets.goodput, says: `goodput >= 90 %: ${(100 * goodput).toFixed(0)} %` },
        { holds: failed === 0 && silent === 0, says: "the excess gets 503 or 429 with Retry-After" },
        {
          // Until the first answers have ended, nobody knows how long the queue takes.
          holds: at(refusalMs, 0.9) <= targets.refusalMs,
          says: `nine in ten are refused within ${targets.refusalMs} ms: ${at(refusalMs, 0.9).toFixed(0)}`,
        },
        { holds: retries <= 0.2, says: `retries <= 20 %: ${(100 * retries).toFixed(1)} %` },
      ],
    };
  } finally {
    await mesh.stop();
  }
}
