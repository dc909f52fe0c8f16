import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { chatClient, forms, paced, questions, streamed, withoutCallIds } from "../support/chat-answers.ts";
import { type Mesh, realEngine, startMesh } from "../support/mesh.ts";
import type { LogLine } from "../support/program.ts";

let mesh: Mesh;
const { ask, askThrough, undisturbed } = chatClient(() => mesh);

/** What routers log of answers that a node lost and that went on. */
const continuationsFrom = (nodeId: string): LogLine[] =>
  [...mesh.programs.values()]
    .flatMap((program) => program.entries())
    .filter(({ msg, from }) => msg === "answer continued on another node" && from === nodeId);

/** Resolves once some router has had a node take an answer over. */
const takenOverBy = (nodeId: string) =>
  Promise.any(
    [...mesh.programs]
      .filter(([name]) => name.startsWith("router"))
      .map(([, program]) =>
        program.logged(({ msg, to }) => msg === "answer continued on another node" && to === nodeId),
      ),
  );

/** What an engine does that hangs in the middle of an answer and is asked again: its stream goes on, on that very node. */
async function expectHangToBeContinued(nodeId: string, model: string): Promise<void> {
  const body = { ...questions(model, 1, 40)[0]!, ...streamed };
  const expected = await ask(body);
  const faults = [{ kind: "hang", afterTokens: 10 }];
  const hung = await ask({ ...body, chat_template_kwargs: { synthetic: { faults } } });
  expect(hung).toEqual(expected);
  expect(continuationsFrom(nodeId)).toMatchObject([{ after_tokens: 10, exact: true, to: nodeId }]);
}

/** Each test has nodes and a model of its own. */
describe("a mesh in many processes", () => {
  beforeAll(async () => {
    mesh = await startMesh("in many processes", { nodes: [] });
  });
  afterAll(() => mesh?.stop());

  test.each(["SIGKILL", "SIGSTOP"] as const)(
    "%s to a node under forty requests: none fails, and no token is lost, repeated or changed",
    async (signal) => {
      // Another node has usually joined long before the answers end, after ten seconds.
      for (let tries = 0, hits = 0; hits < 30; tries++) {
        expect(tries, "the answers had ended before the node was lost").toBeLessThan(4);
        const model = `under-${signal}-${tries}`;
        const [lost, rescuer] = [`lost-${signal}-${tries}`, `rescuer-${signal}-${tries}`];
        const engine = paced(model, 10);
        const { child } = await mesh.join(lost, engine);
        const bodies = questions(model, 40, 100);
        const expected = await undisturbed(bodies.map((body) => ({ ...body, model: `${model}-at-once` })));
        const answers = await askThrough(bodies, async () => {
          await mesh.join(rescuer, engine, { dialled: true });
          child.kill(signal);
        });
        expect(answers).toEqual(expected);
        expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
        expect(answers.filter(({ completionTokens }) => completionTokens !== 100)).toEqual([]);
        // Each of the thirty streams that were under way continued exactly.
        const continuations = continuationsFrom(lost);
        expect(continuations.filter(({ to, exact }) => to !== rescuer || exact !== true)).toEqual([]);
        hits = continuations.length;
      }
    },
  );

  test("nodes that die one after the other, with nobody left for a while: the readers wait", async () => {
    const model = "one-by-one";
    const bodies = questions(model, 8, 160).map((body) => ({ ...body, ...streamed }));
    let node = await mesh.join("first", paced(model));
    const expected = await undisturbed(bodies);
    const replaceBy = async (next: string) => {
      await node.stop("SIGKILL");
      node = await mesh.join(next, paced(model));
      await takenOverBy(next);
    };
    const answers = await askThrough(bodies, async () => {
      await replaceBy("second");
      await replaceBy("third");
    });
    expect(answers).toEqual(expected);
  });

  test("an engine that hangs: its stream goes on, on that very node if there is no other", async () => {
    await mesh.join("hanging", paced("hanging"), { dialled: true });
    await expectHangToBeContinued("hanging", "hanging");
  });

  describe("the starter model on two nodes, one of which is killed", () => {
    test("goes on exactly where the dead one stopped, whatever form the answer has", async () => {
      const engine = [...realEngine, "--slots", "10"];
      const victim = await mesh.join("starter", engine, { dialled: true });
      const bodies = Object.values(forms).flatMap((form) => [
        { ...form, ...streamed },
        { ...form, ...streamed, messages: [{ role: "user", content: "Write a letter." }] },
      ]);
      const expected = await undisturbed(bodies);
      expect(expected.filter(({ error }) => error !== undefined)).toEqual([]);
      // It dies at once, for it is quick; the readers wait until another one has joined.
      const trouble = async () => {
        await victim.stop("SIGKILL");
        await mesh.join("starter-rescuer", engine);
      };
      const answers = await askThrough(bodies, trouble, 0);
      expect(answers.map(withoutCallIds)).toEqual(expected.map(withoutCallIds));
      const continuations = continuationsFrom("starter");
      expect(continuations.length).toBeGreaterThan(0);
      expect(continuations.every(({ exact }) => exact === true)).toBe(true);
    });
  });
});

test("a mesh in one process, whose engine hangs: its stream goes on, on that very node", async () => {
  mesh = await startMesh("in one process", { engine: paced("hanging"), model: "hanging" });
  try {
    const nodeId = (await mesh.programs.get("up")!.logged(({ msg }) => msg === "node connected")).node_id;
    await expectHangToBeContinued(String(nodeId), "hanging");
  } finally {
    await mesh.stop();
  }
});
