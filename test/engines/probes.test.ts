import { expect, test } from "vitest";
import { systemClock } from "../../core/clock.ts";
import { silentLog } from "../../core/telemetry/log.ts";
import { Capabilities_Resume } from "../../gen/cxmpute/registry/v1/registry_pb.ts";
import { createEngine } from "../../services/inference/index.ts";
import type { Findings } from "../../services/inference/probe/trial.ts";
import { disguise } from "../support/disguise.ts";
import { starterAbilities } from "../support/inference/starter.ts";
import { findLlamaServer, startLlamaServer } from "../support/llama-server.ts";
import { sharedMesh } from "../support/shared-mesh.ts";

// Servers beside the node, asked what they can do.

const found = findLlamaServer();

test.skipIf("missing" in found)(
  "a real llama-server is offered with just what it was seen to do",
  async () => {
    const server = await startLlamaServer("path" in found ? found.path : "");
    const rounds: Findings[] = [];
    const engine = createEngine(
      { engine: "openai", url: server.url },
      { clock: systemClock, log: silentLog, onProbed: (_, findings) => rounds.push(findings) },
    );
    try {
      const [served, ...others] = await engine.models(new AbortController().signal);
      expect(others).toEqual([]);
      // Its own name is the catalogue's.
      expect(served).toMatchObject({ model: "starter", engineName: "starter", engine: "openai" });
      expect(served?.capabilities).toMatchObject({
        ...starterAbilities,
        resume: Capabilities_Resume.TEXT,
        // It was not started with --embeddings, and the model has no eyes.
        embeddings: false,
        vision: false,
      });
      expect(rounds).toHaveLength(1);
      const [findings] = rounds;
      expect(findings?.get("context_length")).toEqual({ outcome: "shown" });
      expect([...findings!.values()].filter(({ outcome }) => outcome === "undecided")).toEqual([]);
      await engine.models(new AbortController().signal);
      expect(rounds).toHaveLength(1);
    } finally {
      await engine.close();
      await server.stop();
    }
  },
);

test.skipIf("missing" in found)(
  "a server of unknown kind that passes over `tool_choice` is held to calls by a schema, and goes on with answers",
  async () => {
    const server = await startLlamaServer("path" in found ? found.path : "");
    const hidden = await disguise(server.url, ({ tool_choice, ...body }) => body);
    const engine = createEngine(
      { engine: "openai", url: hidden.url },
      { clock: systemClock, log: silentLog },
    );
    try {
      const [served] = await engine.models(new AbortController().signal);
      expect(served).toMatchObject({
        // Nobody tells of slots or context.
        slots: 4,
        capabilities: { tools: true, forcedToolChoice: true, resume: Capabilities_Resume.TEXT },
      });
    } finally {
      await engine.close();
      await hidden.stop();
      await server.stop();
    }
  },
);

test("another mesh is offered with all that its nodes can do", async () => {
  const mesh = await sharedMesh("in one process");
  const { resume: _, ...abilities } = starterAbilities;
  const spec = { engine: "openai", url: mesh.url, apiKey: mesh.apiKey } as const;
  const engine = createEngine(spec, { clock: systemClock, log: silentLog });
  try {
    const [served] = await engine.models(new AbortController().signal);
    expect(served).toMatchObject({
      model: "starter",
      capabilities: { ...abilities, vision: false },
    });
  } finally {
    await engine.close();
  }
});
