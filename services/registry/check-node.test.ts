import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { NodeSchema } from "../../gen/cxmpute/registry/v1/registry_pb.ts";
import { checkNode } from "./check-node.ts";

type NodeInit = MessageInitShape<typeof NodeSchema>;

const nodeOf = (fields: NodeInit) =>
  create(NodeSchema, {
    id: "n",
    models: [{ model: "m", engine: "synthetic", slots: 1, contextLength: 10, tokensPerSecond: 12.5 }],
    ...fields,
  });

test("what a node tells of hardware and speed is taken", () => {
  const node = nodeOf({
    hardware: {
      platform: "linux x64",
      cpu: "A processor",
      cores: 8,
      memoryBytes: 1n,
      gpus: [{ name: "A card" }],
    },
  });
  expect(checkNode(node)).toBe(node);
});

test.each<[string, NodeInit]>([
  ["node.hardware.platform", { hardware: { platform: "linux\u001b[2J" } }],
  ["node.hardware.cpu", { hardware: { cpu: "x".repeat(257) } }],
  ["node.hardware.gpus", { hardware: { gpus: Array.from({ length: 65 }, () => ({ name: "A card" })) } }],
  ["node.hardware.gpus[1].name", { hardware: { gpus: [{ name: "A card" }, { name: "\u0007" }] } }],
  ...[Number.NaN, -1, Number.POSITIVE_INFINITY].map((tokensPerSecond): [string, NodeInit] => [
    "node.models[0].tokens_per_second",
    { models: [{ model: "m", engine: "synthetic", slots: 1, tokensPerSecond }] },
  ]),
])("a fault at %s is refused: nodes are strangers", (param, fields) => {
  expect(() => checkNode(nodeOf(fields))).toThrow(
    expect.objectContaining({ kind: "invalid_request", param }),
  );
});
