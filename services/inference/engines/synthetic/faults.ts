import { MeshError } from "../../../../core/errors/mesh-error.ts";
import { parseJson } from "../../../../core/json.ts";
import type { Generation } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { type Fault, requestOptionsSchema } from "./options.ts";

export interface FaultPlan {
  readonly refused: boolean;
  /** Factor on all durations. */
  readonly slowness: number;
  /** Strikes after `afterTokens` tokens. */
  readonly strike: TimedFault | undefined;
}

export type TimedFault = Extract<Fault, { afterTokens: number }>;

/** An answer's faults, by rate; of several at tokens the earliest. `tokensBefore`: delivered by another node. */
export function planFaults(
  faults: readonly Fault[],
  generation: Generation,
  tokensBefore: number,
  random: () => number,
): FaultPlan {
  const own = generation.chatTemplateKwargsJson === "" ? faults : [...faults, ...readFaults(generation)];
  if (own.length === 0) return noFaults;
  const struck = own.filter((fault) => fault.rate === 1 || random() < fault.rate);
  const [strike] = struck
    .filter((fault) => "afterTokens" in fault)
    .filter(({ afterTokens }) => (afterTokens === 0 ? tokensBefore === 0 : tokensBefore < afterTokens))
    .sort((a, b) => a.afterTokens - b.afterTokens);
  return {
    refused: struck.some(({ kind }) => kind === "refuse"),
    slowness: Math.max(1, ...struck.map((fault) => (fault.kind === "slow" ? fault.factor : 1))),
    strike,
  };
}

const noFaults: FaultPlan = { refused: false, slowness: 1, strike: undefined };

function readFaults({ chatTemplateKwargsJson }: Generation): readonly Fault[] {
  const parsed = requestOptionsSchema.safeParse(parseJson(chatTemplateKwargsJson));
  if (parsed.success) return parsed.data.synthetic?.faults ?? [];
  const { path, message } = parsed.error.issues[0]!;
  const at = path.length === 0 ? "" : `${path.join(".")}: `;
  throw new MeshError(
    "invalid_request",
    `The synthetic engine does not understand \`chat_template_kwargs\`: ${at}${message}.`,
    { param: "chat_template_kwargs" },
  );
}
