import { expect, test } from "vitest";
import { columns } from "../../../core/terminal.ts";
import { type JoinFacts, toJoinScreen } from "./screen.ts";

const model = {
  name: "llama3.1:8b",
  engineName: "llama3.1:8b",
  contextLength: 131_072,
  slots: 4,
  candidates: [] as string[],
};
const facts: JoinFacts = {
  version: "1.2.3",
  searched: true,
  starter: false,
  sources: [{ title: "Ollama 0.12.6", place: "at http://127.0.0.1:11434", models: [model] }],
  leftOut: [],
  nodeId: "gaming-pc-a1b2c3",
  registry: "mesh.example:50051",
  routers: ["mesh.example:50052", "mesh.example:50053"],
  advertise: undefined,
};

test("shows what was found, what is offered and under which names, and how the mesh is reached", () => {
  const sources = [
    ...facts.sources,
    {
      title: "vLLM 0.11.0",
      place: "at http://127.0.0.1:8000",
      models: [
        {
          ...model,
          engineName: "meta-llama/Llama-3.1-8B-Instruct",
          takenBy: "Ollama 0.12.6 at http://127.0.0.1:11434",
        },
        { ...model, name: "qwen3:8b", engineName: "Qwen/Qwen3-8B", slots: 1, contextLength: 40_960 },
      ],
    },
  ];
  expect(toJoinScreen({ ...facts, sources })).toBe(`
cxmpute 1.2.3 found on this machine and offers:

  Ollama 0.12.6 at http://127.0.0.1:11434
    llama3.1:8b  4 slots, 131072 tokens of context

  vLLM 0.11.0 at http://127.0.0.1:8000
    llama3.1:8b  offered already, by Ollama 0.12.6 at http://127.0.0.1:11434
    qwen3:8b     1 slot, 40960 tokens of context, there called Qwen/Qwen3-8B

  Node      gaming-pc-a1b2c3
  Registry  mesh.example:50051
  Routers   mesh.example:50052, mesh.example:50053 (dialled from here: no open port is needed)

Ctrl-C leaves the mesh once open answers have finished.

`);
});

test("a name that may be several models is shown with them and with what to type", () => {
  const open = {
    ...model,
    name: "qwen3",
    engineName: "qwen3",
    candidates: ["qwen3:8b", "qwen3:14b", "qwen3:32b"],
  };
  expect(toJoinScreen({ ...facts, sources: [{ ...facts.sources[0]!, models: [open] }] })).toContain(
    `    qwen3  4 slots, 131072 tokens of context
      may be qwen3:8b, qwen3:14b or qwen3:32b; offered under its own name until you say which: --as
      qwen3=qwen3:8b
`,
  );
});

test("the starter model comes with the ways to a better one", () => {
  const screen = toJoinScreen({ ...facts, starter: true });
  expect(screen).toContain("found no engine that answers on this machine");
  expect(screen).toContain("ollama pull llama3.2:3b");
  expect(screen).toContain("--model FILE");
});

test("what is here and not offered is told with why", () => {
  const leftOut = ["big.gguf is too large: it takes 40.0 GiB of memory, and 12.0 GiB are available."];
  expect(toJoinScreen({ ...facts, leftOut })).toContain(`
Not offered:
  big.gguf is too large: it takes 40.0 GiB of memory, and 12.0 GiB are available.
`);
});

test("engines without a model are told as such", () => {
  expect(toJoinScreen({ ...facts, sources: [] })).toContain("cxmpute 1.2.3 offers nothing yet");
});

test("an engine that is named was not found", () => {
  expect(toJoinScreen({ ...facts, searched: false })).toContain("cxmpute 1.2.3 offers:");
});

test("a node that is dialled says where", () => {
  expect(toJoinScreen({ ...facts, advertise: "10.0.0.7:50053" })).toContain(
    "  Routers   dial this node at 10.0.0.7:50053\n",
  );
});

test("is never wider than a hundred columns, and never says control characters", () => {
  const name = `${"x".repeat(300)}\u001b[2J`;
  const wild = {
    ...facts,
    sources: [
      { title: name, place: name, models: [{ ...model, name, engineName: name, candidates: [name, name] }] },
      { title: "a", place: "b", models: [{ ...model, name, takenBy: name }] },
    ],
    leftOut: [name],
    nodeId: name,
    registry: name,
    routers: [name, name],
  };
  const lines = toJoinScreen(wild).split("\n");
  expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(columns);
  expect(lines.join("")).not.toContain("\u001b");
});
