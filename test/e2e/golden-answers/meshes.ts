import { type Shape, startMesh } from "../../support/mesh.ts";
import { sharedMesh } from "../../support/shared-mesh.ts";
import type { GoldenCase } from "./golden-case.ts";
import { type Endpoint, startTroubledMesh, troubledModels } from "./troubled-mesh.ts";

/** The meshes that answer the golden files, by the model that a file asks for; files without one ask the first. */
export interface Meshes {
  /** The mesh that serves what a case asks for. */
  of(golden: GoldenCase): Endpoint;
  stop(): Promise<void>;
}

type MeshOptions = Parameters<typeof startMesh>[1];

/** One for each set of settings that is needed, and each as small as its shape allows; none is the shared mesh. */
const plans: readonly { readonly models: readonly string[]; readonly options?: MeshOptions }[] = [
  { models: ["starter"] },
  {
    // Makes its text up, thinks, and fails as it is told to.
    models: [
      "synthetic",
      "thinker",
      "failing",
      "breaking",
      "refusing",
      "silent",
      "falling-silent",
      "small",
      "busy",
    ],
    options: {
      ...synthetic("synthetic", {
        thinker: { thoughtTokens: 6, answerTokens: 6 },
        failing: { faults: [{ kind: "fail" }] },
        breaking: { faults: [{ kind: "fail", afterTokens: 3 }], resume: "none" },
        silent: { faults: [{ kind: "hang" }] },
        "falling-silent": { faults: [{ kind: "hang", afterTokens: 3 }], resume: "none" },
        refusing: { faults: [{ kind: "refuse" }] },
        small: { contextLength: 16 },
        busy: { slots: 1, firstTokenMs: 600_000 },
      }),
      routers: 1,
      nodes: ["attached"],
      // One generation runs on the busy model, two wait for as long as the tests take, and no more may.
      routing: ["--caller-queue-limit", "2", "--queue-timeout-ms", "3600000"],
    },
  },
  {
    models: ["full"],
    options: {
      ...synthetic("full", {}, "--slots", "1", "--first-token-ms", "600000"),
      routers: 1,
      nodes: ["dialled"],
      routing: ["--queue-limit", "0"],
    },
  },
  {
    models: ["stalled", "stalling"],
    options: {
      ...synthetic("stalled", {
        stalled: { faults: [{ kind: "stall" }] },
        stalling: { faults: [{ kind: "stall", afterTokens: 3 }] },
      }),
      routers: 1,
      nodes: ["dialled"],
      routing: ["--answer-timeout-ms", "2000"],
    },
  },
];

/** Models with so many generations at work that one more is refused. */
const occupied = ["busy", "full"];

/** Starts all of them in a shape. */
export async function startMeshes(shape: Shape): Promise<Meshes> {
  const settled = await Promise.allSettled([
    ...plans.map(async ({ options }) =>
      options === undefined
        ? { ...(await sharedMesh(shape)), stop: async () => {} }
        : startMesh(shape, options),
    ),
    startTroubledMesh(shape),
  ]);
  const meshes: readonly Endpoint[] = settled.flatMap((result) =>
    result.status === "fulfilled" ? [result.value] : [],
  );
  const leaving = new AbortController();
  const stop = async () => {
    leaving.abort();
    await Promise.all(meshes.map((mesh) => mesh.stop()));
  };
  const of = (model: string) =>
    meshes[
      Math.max(
        0,
        [...plans.map(({ models }) => models), troubledModels].findIndex((models) => models.includes(model)),
      )
    ]!;
  try {
    for (const result of settled) if (result.status === "rejected") throw result.reason;
    await Promise.all(occupied.map((model) => occupy(of(model), model, leaving.signal)));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    of: ({ exchanges }) => of(/"model":"([^"]*)"/.exec(exchanges[0]?.body ?? "")?.[1] ?? ""),
    stop,
  };
}

function synthetic(model: string, models: object, ...flags: string[]) {
  const pace = ["--tokens-per-second", "200"];
  const engine = ["--engine", "synthetic", "--model", model, ...pace, ...flags];
  return { model, engine: [...engine, "--synthetic-models", JSON.stringify(models)] };
}

/**
 * Sends generations that do not end until one is refused. From then on every further one is, until `leaving`
 * aborts.
 */
async function occupy({ url, apiKey }: Endpoint, model: string, leaving: AbortSignal): Promise<void> {
  const headers = { authorization: `Bearer ${apiKey}`, "content-type": "application/json" };
  const body = JSON.stringify({ model, messages: [{ role: "user", content: "Take your time." }] });
  const ask = () => fetch(`${url}/v1/chat/completions`, { method: "POST", headers, body, signal: leaving });
  const asked = [ask(), ask(), ask(), ask()];
  const { status } = await Promise.race(asked);
  for (const each of asked) each.catch(() => {});
  if (status !== 429 && status !== 503) throw new Error(`\`${model}\` answered ${status}.`);
}
