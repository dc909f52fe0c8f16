import { MeshError } from "../../../../core/errors/mesh-error.ts";
import { parseJson } from "../../../../core/json.ts";
import type { Generation } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { type Fault, requestOptionsSchema } from "./options.ts";

/** What is going to go wrong with one answer. */
export interface FaultPlan {
  /** Whether it is refused at the door. */
  readonly refused: boolean;
  /** How many times as long everything takes. */
  readonly slowness: number;
  /** What happens once the answer has `afterTokens` tokens. */
  readonly strike: TimedFault | undefined;
}

/** A fault that waits for a certain token. */
export type TimedFault = Extract<Fault, { afterTokens: number }>;

/**
 * Decides what goes wrong: the engine's own faults and those that the request brings, each struck or spared by
 * `random`. Of several that wait for a token, the earliest counts. `tokensBefore`: how many tokens of the answer came
 * from elsewhere.
 */
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
