import type { Clock } from "../../../core/clock.ts";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import type { Generate } from "../../../core/generate.ts";
import type { LoadSource } from "../../../core/relay/contract.ts";
import type { ServedModel } from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import type { Engine } from "../engine.ts";
import { type AnswerRecord, GuardedAnswer } from "./guarded-answer.ts";
import { ModelTable, type Refreshed } from "./model-table.ts";

/** Generations that may wait for a slot of one model, unless said otherwise. */
export const defaultQueueLimit = 128;

/** How engines are guarded. */
export interface GuardOptions {
  /** Named in `started`. */
  readonly nodeId: string;
  /** In order of preference: the first that serves a model has it. */
  readonly engines: readonly Engine[];
  readonly clock: Clock;
  /** Generations that may wait for a slot of one model. */
  readonly queueLimit?: number;
  /** Called at the end of each generation that was read at all. */
  readonly onEnd?: (record: AnswerRecord) => void;
}

/** What a node has done since it was made. */
export interface Tally {
  /** Generations that came to their end, by finishing. */
  readonly answers: number;
  /** Generations that ended in a fault of the node's own. */
  readonly failures: number;
  /** Tokens of all answers, those that are under way included. */
  readonly tokens: number;
}

/** Engines behind one `generate` that keeps every promise of `core/generate.ts`, whatever the engines do. */
export interface GuardedEngines {
  readonly generate: Generate;
  /** Slots in use and queues, per model. */
  readonly load: LoadSource;
  /** What the engines said last. */
  readonly models: readonly ServedModel[];
  /** Generations that run or wait. */
  readonly open: number;
  /** What has been done so far. */
  readonly tally: Tally;
  /** Asks the engines what they serve now. */
  refresh(signal: AbortSignal): Promise<Refreshed>;
  /** Admits nothing from now on; what is open goes on. Resolves when nothing is open any more. */
  drain(): Promise<void>;
  /** Ends what is open with `reason`, then closes the engines. */
  close(reason: MeshError): Promise<void>;
}

/** Puts the guard before engines; see `engine.ts` for what it takes off them. */
export function guardEngines(options: GuardOptions): GuardedEngines {
  const { nodeId, engines, clock } = options;
  const table = new ModelTable(engines, clock, options.queueLimit ?? defaultQueueLimit);
  const open = new Set<GuardedAnswer>();
  const idle = new Set<() => void>();
  const ended = { answers: 0, failures: 0, tokens: 0 };

  const common = {
    nodeId,
    clock,
    admit: table.admit.bind(table),
    onBegin: (answer: GuardedAnswer) => void open.add(answer),
    onEnd: (answer: GuardedAnswer, record: AnswerRecord) => {
      open.delete(answer);
      ended.tokens += tokensOf(answer, record);
      if (!(record.outcome instanceof MeshError)) ended.answers++;
      else if (record.outcome.row.http >= 500) ended.failures++;
      options.onEnd?.(record);
      if (open.size === 0) for (const resolve of idle) resolve();
    },
  };

  return {
    generate: (generation, signal) => new GuardedAnswer({ ...common, generation, signal }),
    load: table,
    get models() {
      return table.models;
    },
    get open() {
      return open.size;
    },
    get tally() {
      let { tokens } = ended;
      for (const answer of open) tokens += answer.tokensSoFar;
      return { ...ended, tokens };
    },
    refresh: (signal) => table.refresh(signal),
    async drain() {
      table.drain();
      if (open.size > 0) await new Promise<void>((resolve) => idle.add(resolve));
    },
    async close(reason) {
      table.drain();
      for (const answer of [...open]) answer.fail(reason);
      await Promise.all(engines.map((engine) => engine.close()));
    },
  };
}

/** Tokens that this node gave; where their ids are not given, what the engine says at the end is better than counting. */
function tokensOf(answer: GuardedAnswer, { givenTokens, usage, generation }: AnswerRecord): number {
  if (givenTokens > 0 || usage === undefined || usage.completionTokens === 0) return answer.tokensSoFar;
  return Math.max(0, usage.completionTokens - (generation.resume?.tokenIds.length ?? 0));
}
