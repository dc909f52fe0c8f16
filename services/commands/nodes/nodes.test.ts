import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import {
  capabilityNames,
  listCapabilities,
  needsOf,
  offersOf,
} from "../../../core/generation/capabilities.ts";
import { GenerationSchema } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";
import {
  Capabilities_Resume,
  CapabilitiesSchema,
  NodeSchema,
} from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import { type NodeVerdict, NodeVerdictSchema } from "../../../gen/cxmpute/router/v1/router_pb.ts";
import { toGenerationInit } from "../explain.ts";
import { toAbilities, toRows } from "./rows.ts";
import { listAbilities, toHardwareText, toNodesTable } from "./table.ts";

type Init<Shape> = Exclude<Shape, { $typeName: string }>;

const node = (fields: Init<MessageInitShape<typeof NodeSchema>> = {}) =>
  create(NodeSchema, {
    id: "gpu-1",
    version: "0.1.0",
    hardware: {
      platform: "linux x64",
      cpu: "AMD Ryzen 9 7950X",
      cores: 32,
      memoryBytes: 64n << 30n,
      gpus: [
        { name: "NVIDIA GeForce RTX 4090", memoryBytes: 24n << 30n },
        { name: "NVIDIA GeForce RTX 4090", memoryBytes: 24n << 30n },
      ],
    },
    models: [
      {
        model: "llama3.1:8b",
        engine: "ollama",
        engineName: "llama3.1:8b-instruct-q4_K_M",
        contextLength: 8192,
        slots: 4,
        fingerprint: "f",
        tokensPerSecond: 61.23,
        capabilities: { tools: true, jsonSchema: true, resume: Capabilities_Resume.TEXT },
      },
    ],
    ...fields,
  });

const verdicts = (fields: Init<MessageInitShape<typeof NodeVerdictSchema>>): Map<string, NodeVerdict[]> =>
  new Map([["llama3.1:8b", [create(NodeVerdictSchema, { node: { id: "gpu-1" }, ...fields })]]]);

describe("a row", () => {
  test("has all that is known of a model on a node", () => {
    expect(toRows(node(), undefined)).toEqual([
      {
        node: "gpu-1",
        address: "attached",
        version: "0.1.0",
        model: "llama3.1:8b",
        engine: "ollama",
        engine_name: "llama3.1:8b-instruct-q4_K_M",
        fingerprint: "f",
        slots: 4,
        context_length: 8192,
        capabilities: {
          tools: true,
          forced_tool_choice: false,
          json_object: false,
          json_schema: true,
          logprobs: false,
          seed: false,
          vision: false,
          logit_bias: false,
          raw_prompt: false,
          embeddings: false,
          resume: "text",
        },
        tokens_per_second: 61.2,
        hardware: {
          platform: "linux x64",
          cpu: "AMD Ryzen 9 7950X",
          cores: 32,
          memory_bytes: 2 ** 36,
          gpus: Array.from({ length: 2 }, () => ({
            name: "NVIDIA GeForce RTX 4090",
            memory_bytes: 24 * 2 ** 30,
          })),
        },
        state: "ready",
      },
    ]);
  });

  test("of a node that tells nothing says so, and fits into JSON", () => {
    const [row] = toRows(
      create(NodeSchema, { id: "n", address: "h:1", draining: true, models: [{}] }),
      undefined,
    );
    expect(row).toMatchObject({
      address: "h:1",
      state: "draining",
      hardware: null,
      tokens_per_second: null,
      capabilities: { tools: false, resume: "none" },
    });
    expect(JSON.parse(JSON.stringify(row))).toEqual(row);
  });

  test("has the router's word beside the node's", () => {
    const load = { model: "llama3.1:8b", slots: 4, running: 3, waiting: 1 };
    expect(toRows(node(), verdicts({ load, tokensPerSecond: 47.77 }))).toMatchObject([
      { state: "ready", running: 3, waiting: 1, router_tokens_per_second: 47.8, tokens_per_second: 61.2 },
    ]);
    const rejected = verdicts({ rejectedBy: "relay", reason: "It is not connected." });
    expect(toRows(node(), rejected)).toMatchObject([
      { state: "It is not connected.", router_tokens_per_second: null },
    ]);
    expect(toRows(node(), new Map())).toMatchObject([{ state: "not known to the router" }]);
  });
});

describe("the table", () => {
  test("is short", () => {
    expect(toNodesTable(toRows(node(), undefined), false)).toBe(
      "NODE   ADDRESS   MODEL        ENGINE  SLOTS  CONTEXT  STATE\n" +
        "gpu-1  attached  llama3.1:8b  ollama  4      8192     ready\n",
    );
  });

  test("is wide on request", () => {
    const [headings, row] = toNodesTable(toRows(node(), undefined), true).split("\n");
    expect(headings).toMatch(/^NODE .* ENGINE NAME .* TOKENS\/S +STATE +CAPABILITIES +VERSION +HARDWARE$/);
    expect(row).toContain("  61.2      ready  tools, json_schema, resume from text  0.1.0");
    expect(row).toContain("linux x64, 32 × AMD Ryzen 9 7950X, 64 GiB, 2 × NVIDIA GeForce RTX 4090 24 GiB");
  });

  test("lets no stranger's name control the terminal", () => {
    const named = node({ models: [{ model: "m\u001b[2J", engineName: "e\u0007", engine: "x" }] });
    expect(toNodesTable(toRows(named, undefined), true)).not.toMatch(/(?!\n)\p{Cc}/u);
  });
});

test.each([
  [
    { platform: "darwin arm64", cpu: "Apple M3", cores: 8, memory_bytes: 2 ** 34, gpus: [] },
    "darwin arm64, 8 × Apple M3, 16 GiB",
  ],
  [
    {
      platform: "linux x64",
      cpu: "",
      cores: 2,
      memory_bytes: 3.5 * 2 ** 30,
      gpus: [{ name: "A", memory_bytes: 0 }],
    },
    "linux x64, 2 cores, 3.5 GiB, A",
  ],
  [null, "not reported"],
])("hardware %j is shown as %s", (hardware, text) => {
  expect(toHardwareText(hardware)).toBe(text);
});

test("abilities are listed by their names, or none of them", () => {
  expect(listAbilities(toAbilities(undefined))).toBe("none");
  const all = create(CapabilitiesSchema, {
    seed: true,
    embeddings: true,
    resume: Capabilities_Resume.TOKENS,
  });
  expect(listAbilities(toAbilities(all))).toBe("seed, embeddings, resume from tokens");
});

describe("a need", () => {
  test.each(capabilityNames)("%s asks for just the capability of that name", (need) => {
    const generation = create(GenerationSchema, toGenerationInit([need]));
    const able = Object.fromEntries(
      CapabilitiesSchema.fields.map(({ name, localName }) => [localName, name === need]),
    );
    const offered = offersOf(create(CapabilitiesSchema, { ...able, resume: Capabilities_Resume.NONE }));
    // Who is forced to call a tool needs tools as well.
    const others = need === "forced_tool_choice" ? ["tools"] : [];
    expect(listCapabilities(needsOf(generation) & ~offered)).toEqual(others);
    expect(offered & needsOf(generation)).not.toBe(0);
  });

  test("goes together with others", () => {
    const generation = create(
      GenerationSchema,
      toGenerationInit(["forced_tool_choice", "tools", "logprobs"]),
    );
    expect(listCapabilities(needsOf(generation))).toEqual(["tools", "forced_tool_choice", "logprobs"]);
  });
});
