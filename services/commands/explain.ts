import { create, fromJson, type JsonValue, type MessageInitShape, toJson } from "@bufbuild/protobuf";
import type { Values } from "../../core/config/settings.ts";
import { type CapabilityName, capabilityNames } from "../../core/generation/capabilities.ts";
import { exitCodes, UserFault } from "../../core/lifecycle/user-fault.ts";
import { printable } from "../../core/terminal.ts";
import {
  type Generation,
  GenerationSchema,
  Role,
  ToolChoice_Mode,
} from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import {
  type ExplainRouteResponse,
  type NodeVerdict,
  RouterService,
} from "../../gen/cxmpute/router/v1/router_pb.ts";
import { ask, toEndpoint } from "./endpoint.ts";
import { callOnce } from "./grpc-call.ts";
import { toAbilities, toSpeed } from "./nodes/rows.ts";
import { type Columns, listAbilities, toPrintableTable } from "./nodes/table.ts";
import type { explainSettings } from "./settings/clients.ts";
import { defaultRouter } from "./settings/parts.ts";

/** Shows where a router would send a generation for a model now, and why. Nothing is generated. */
export async function explain(
  values: Values<typeof explainSettings>,
  [model, ...others]: readonly string[],
): Promise<number> {
  if (model === undefined || others.length > 0)
    throw new UserFault("name a model: cxmpute explain MODEL", { exitCode: exitCodes.usage });
  const generation = create(GenerationSchema, { id: "explain", model, ...toGenerationInit(values.needs) });
  const { baseUrl, router = baseUrl === undefined ? defaultRouter : undefined } = values;
  const { verdicts } =
    router === undefined
      ? await fromEndpoint({ ...values, baseUrl: new URL(baseUrl!).origin }, generation)
      : await callOnce(
          { schema: RouterService, name: "router", address: router, tls: values },
          (client, options) => client.explainRoute({ generation }, options),
        );
  const rows = verdicts.map((verdict, index) => toRow(verdict, model, index));
  process.stdout.write(values.json ? `${JSON.stringify(rows, null, 2)}\n` : toText(rows, model));
  return exitCodes.ok;
}

/** Asks the translator's Connect service, which shows nodes to keys of operators only. */
async function fromEndpoint(
  values: Parameters<typeof toEndpoint>[0],
  generation: Generation,
): Promise<ExplainRouteResponse> {
  const { input, output, parent, name } = RouterService.method.explainRoute;
  const body = toJson(input, create(input, { generation }));
  const response = await ask(toEndpoint(values), `/${parent.typeName}/${name}`, { body });
  return fromJson(output, (await response.json()) as JsonValue);
}

type Row = ReturnType<typeof toRow>;

function toRow(verdict: NodeVerdict, model: string, index: number) {
  const { node, rejectedBy, reason, scores, total, load, missing, tokensPerSecond } = verdict;
  const served = node?.models.find((one) => one.model === model);
  return {
    node: node?.id ?? "",
    /** The rank, from 1; null for a node that is rejected. */
    choice: rejectedBy === "" ? index + 1 : null,
    rejected_by: rejectedBy,
    reason,
    missing,
    capabilities: served === undefined ? null : toAbilities(served.capabilities),
    context_length: served?.contextLength ?? null,
    running: load?.running ?? null,
    waiting: load?.waiting ?? null,
    slots: load?.slots ?? null,
    tokens_per_second: toSpeed(tokensPerSecond),
    score: rejectedBy === "" ? Number(total.toFixed(3)) : null,
    scores: Object.fromEntries(scores.map(({ scorer, value }) => [scorer, Number(value.toFixed(3))])),
  };
}

const columns: Columns<Row> = {
  CHOICE: ({ choice }) => choice,
  NODE: ({ node }) => node,
  SCORE: ({ score }) => score,
  RUNNING: ({ running }) => running,
  WAITING: ({ waiting }) => waiting,
  SLOTS: ({ slots }) => slots,
  CONTEXT: ({ context_length }) => context_length,
  "TOKENS/S": ({ tokens_per_second }) => tokens_per_second,
  "WHY NOT": whyNot,
  CAPABILITIES: ({ capabilities }) => capabilities && listAbilities(capabilities),
};

function toText(rows: readonly Row[], model: string): string {
  if (rows.length === 0) return "The router knows no node. Join one with `cxmpute join`.\n";
  const table = toPrintableTable(columns, rows);
  if (rows.some(({ choice }) => choice !== null)) return table;
  return `${table}\nNo node can take such a generation for ${printable(model)} now.\n`;
}

/** The router's reason, and missing capabilities unless they are the reason. */
function whyNot({ rejected_by, reason, missing }: Row): string | undefined {
  if (rejected_by === "") return undefined;
  if (rejected_by === "capabilities" || missing.length === 0) return reason;
  return `${reason} It cannot ${missing.join(" and ")} either.`;
}

type GenerationInit = Exclude<MessageInitShape<typeof GenerationSchema>, { $typeName: string }>;

const tool = { name: "f" };
const format = (value: NonNullable<GenerationInit["outputFormat"]>["format"]): GenerationInit =>
  value === undefined ? {} : { outputFormat: { format: value } };

/** What a generation asks for when it cannot do without a capability, by the capability's name in the protos. */
const askingFor = {
  tools: { tools: [tool] },
  forced_tool_choice: { tools: [tool], toolChoice: { mode: ToolChoice_Mode.REQUIRED } },
  json_object: format({ case: "jsonObject", value: {} }),
  json_schema: format({ case: "jsonSchema", value: { name: "n", schemaJson: "{}", strict: true } }),
  logprobs: { logprobs: { top: 1 } },
  vision: {
    messages: [{ role: Role.USER, parts: [{ part: { case: "image", value: { mimeType: "image/png" } } }] }],
  },
  logit_bias: { sampling: { logitBias: { 0: 1 } } },
  raw_prompt: { rawPrompt: { prompt: { case: "text", value: "x" } } },
  embeddings: { embedding: { inputs: [{ prompt: { case: "text", value: "x" } }] } },
} as const satisfies Record<CapabilityName, GenerationInit>;

/** A generation that cannot do without any of these; of two forms of an answer the last one counts. */
export const toGenerationInit = (wanted: readonly CapabilityName[]): GenerationInit =>
  Object.assign({}, ...wanted.toSorted(byStrength).map((need) => askingFor[need]));

/** Being forced to call a tool says more than having tools, so it comes last. */
const byStrength = (a: CapabilityName, b: CapabilityName): number =>
  capabilityNames.indexOf(a) - capabilityNames.indexOf(b);
