import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type Answer,
  chatClient,
  forms,
  paced,
  questions,
  streamed,
  withoutCallIds,
} from "../support/chat-answers.ts";
import { type Mesh, realEngine, startMesh } from "../support/mesh.ts";

let mesh: Mesh;
const { askThrough, undisturbed } = chatClient(() => mesh);

/** What the translator has logged so far of answers that it continued at another router. */
const continued = () =>
  mesh.programs
    .get("translator")!
    .entries()
    .filter(({ msg }) => msg === "answer continued on another router");

/** Ends routers, or freezes them, as `signal` says. */
const strike = (signal: NodeJS.Signals, ...names: string[]) => {
  for (const name of names) mesh.programs.get(name)!.child.kill(signal);
};

/** Brings back what was struck, and resolves once the translator and the nodes use it again. */
async function heal(signal: NodeJS.Signals, name: string, nodes: readonly string[]): Promise<void> {
  const program = mesh.programs.get(name)!;
  const before = new Date().toISOString();
  if (signal === "SIGSTOP") {
    // Its connections have outlived that.
    program.child.kill("SIGCONT");
    return;
  }
  await mesh.restart(name);
  const router = mesh.programs.get(name)!;
  const back = (msg: string) => (line: { msg: string; time: string }) =>
    line.msg === msg && line.time >= before;
  await Promise.all([
    mesh.programs.get("translator")!.logged(back("connected to router")),
    ...nodes.map((node) => router.logged((line) => back("node connected")(line) && line.node_id === node)),
  ]);
}

beforeAll(async () => {
  mesh = await startMesh("in many processes", { nodes: [] });
});
afterAll(() => mesh?.stop());

describe("under forty requests", () => {
  const bodies = (model: string, tokens = 60) => questions(model, 40, tokens);
  const atOnce = (model: string) =>
    undisturbed(bodies(model).map((body) => ({ ...body, model: `${model}-at-once` })));

  /** No request failed, and each answer is what it would have been: no token is lost, repeated or changed. */
  function expectWhole(answers: readonly Answer[], expected: readonly Answer[], tokens = 60): void {
    expect(answers).toEqual(expected);
    expect(answers.filter(({ status, error }) => status !== 200 || error !== undefined)).toEqual([]);
    expect(answers.filter(({ completionTokens }) => completionTokens !== tokens)).toEqual([]);
  }

  beforeAll(async () => {
    await mesh.join("dialled", paced("shared", 10), { dialled: true });
    await mesh.join("attached", paced("shared", 10));
  });

  test.each(["SIGKILL", "SIGSTOP"] as const)(
    "%s to a router: the other one continues its answers, on the same nodes",
    async (signal) => {
      const before = continued().length;
      const expected = await atOnce("shared");
      const answers = await askThrough(bodies("shared"), async () => strike(signal, "router-1"));
      expectWhole(answers, expected);
      // Translators share their generations evenly.
      const own = continued().slice(before);
      expect(own.length).toBeGreaterThanOrEqual(15);
      expect(own.filter(({ exact, to }) => exact !== true || to !== "router 2")).toEqual([]);
      await heal(signal, "router-1", ["dialled", "attached"]);
    },
  );

  test("a router and a node at the same moment", async () => {
    const expected = await atOnce("shared");
    const answers = await askThrough(bodies("shared"), async () => {
      mesh.programs.get("dialled")!.child.kill("SIGKILL");
      strike("SIGKILL", "router-1");
    });
    expectWhole(answers, expected);
    await heal("SIGKILL", "router-1", ["attached"]);
  });

  test("every router: their readers wait until one is back", async () => {
    const expected = await atOnce("shared");
    const answers = await askThrough(bodies("shared"), async () => {
      strike("SIGKILL", "router-1", "router-2");
      await mesh.restart("router-2");
    });
    expectWhole(answers, expected);
    await heal("SIGKILL", "router-1", ["attached"]);
  });
});

test("what the starter model writes goes on exactly, whatever form it has", async () => {
  await mesh.join("starter", [...realEngine, "--slots", "12"], { dialled: true });
  const several = { ...forms["text by a seed"], n: 3, max_tokens: 150 };
  const probable = { ...forms["text with penalties and a stop"], logprobs: true, top_logprobs: 2 };
  const bodies = [...Object.values(forms), several, probable].map((form) => ({ ...form, ...streamed }));
  const expected = await undisturbed(bodies);
  expect(expected.filter(({ error }) => error !== undefined)).toEqual([]);
  for (let tries = 0, hits = 0; hits < 3; tries++) {
    expect(tries, "the answers had ended before the router was lost").toBeLessThan(6);
    const before = continued().length;
    const trouble = async () => {
      strike("SIGKILL", "router-1", "router-2");
      await mesh.restart("router-2");
    };
    const answers = await askThrough(bodies, trouble, 0);
    expect(answers.map(withoutCallIds)).toEqual(expected.map(withoutCallIds));
    hits = continued().length - before;
    await heal("SIGKILL", "router-1", ["starter"]);
  }
});
