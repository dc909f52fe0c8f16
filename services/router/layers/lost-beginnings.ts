import { createHash } from "node:crypto";
import { toBinary } from "@bufbuild/protobuf";
import type { Clock } from "../../../core/clock.ts";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import { hasLargePrompt, Prompt, withoutPrompt } from "../../../core/relay/prompt.ts";
import { type Generation, GenerationSchema } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";

/** How long a content is refused after it has silenced two nodes, and after it has silenced a further one. */
const firstRefusalMs = 60_000;
const laterRefusalMs = 300_000;
/** The most contents that are remembered; beyond, the oldest is forgotten. */
const markLimit = 1000;

/** `error.code` when no further node gets a generation, because nodes fell silent when they began it. */
export const nodesLostCode = "nodes_lost";

interface Mark {
  readonly fingerprint: string;
  refusedUntil: number;
  /** Whether a generation with this content is being tried. */
  isTried: boolean;
}

/** What a generation may do that is about to be sent to nodes. */
export interface Beginning {
  /** How many nodes may fall silent while they begin it. */
  readonly lossLimit: number;
  /** The error once so many have. */
  giveUp(): MeshError;
  /** It has begun, or ended otherwise. */
  end(hasBegun: boolean): void;
}

/**
 * Keeps a generation that silences the nodes which begin it from silencing the whole fleet. One node may be lost by
 * chance, so it gets a second; after that its content is refused for a while, and then tried on one node, which shows
 * whether both were lost by chance.
 */
export class LostBeginnings {
  readonly #clock: Clock;
  /** By a cheap key, because hashing every prompt would cost milliseconds for each megabyte. */
  readonly #marks = new Map<string, Mark>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Throws when the content of this generation is refused now. */
  begin(generation: Generation): Beginning {
    const mark = this.#find(generation);
    if (mark === undefined) {
      const giveUp = () => {
        this.#mark(generation);
        return refused(generation, "two nodes fell silent when they began it");
      };
      return { lossLimit: 2, giveUp, end: () => {} };
    }
    const now = this.#clock.now();
    if (mark.isTried || now < mark.refusedUntil)
      throw refused(generation, "nodes fell silent when they began the same content shortly before");
    mark.isTried = true;
    return {
      lossLimit: 1,
      giveUp: () => {
        mark.refusedUntil = this.#clock.now() + laterRefusalMs;
        return refused(generation, "another node fell silent when it began the same content again");
      },
      end: (hasBegun) => {
        mark.isTried = false;
        if (hasBegun) this.#marks.delete(keyOf(generation));
      },
    };
  }

  #find(generation: Generation): Mark | undefined {
    const mark = this.#marks.get(keyOf(generation));
    return mark?.fingerprint === undefined || mark.fingerprint !== fingerprintOf(generation)
      ? undefined
      : mark;
  }

  #mark(generation: Generation): void {
    const key = keyOf(generation);
    this.#marks.delete(key);
    const refusedUntil = this.#clock.now() + firstRefusalMs;
    this.#marks.set(key, { fingerprint: fingerprintOf(generation), refusedUntil, isTried: false });
    const [oldest] = this.#marks.keys();
    if (this.#marks.size > markLimit && oldest !== undefined) this.#marks.delete(oldest);
  }
}

/** Contents with the same key are told apart by their fingerprints; the later one takes the place of the earlier. */
function keyOf({ model, messages, rawPrompt, tools, embedding }: Generation): string {
  let size = 0;
  for (const { parts } of messages)
    for (const { part } of parts)
      size += part.case === "image" ? part.value.data.length : (part.value ?? "").length;
  const raw = rawPrompt?.prompt;
  if (raw !== undefined) size += raw.case === "tokens" ? raw.value.ids.length : (raw.value ?? "").length;
  return `${model} ${messages.length} ${tools.length} ${embedding?.inputs.length ?? 0} ${size}`;
}

/** A hash of what an engine reads and compiles before the first token, whoever asks for it. */
function fingerprintOf(generation: Generation): string {
  const isLarge = hasLargePrompt(generation);
  const content: Generation = { ...(isLarge ? withoutPrompt(generation) : generation), id: "" };
  delete content.caller;
  delete content.limits;
  delete content.resume;
  delete content.sampling;
  const hash = createHash("sha256").update(toBinary(GenerationSchema, content));
  // The prompt's own is computed once for all choices.
  if (isLarge) hash.update(Prompt.of(generation).digest);
  return hash.digest("base64");
}

function refused({ id, caller }: Generation, why: string): MeshError {
  const requestId = caller?.requestId === undefined || caller.requestId === "" ? id : caller.requestId;
  return new MeshError(
    "engine_failed",
    `Request ${requestId} is not sent to further nodes: ${why}. Change the request, or ask the operator to look at those nodes.`,
    { code: nodesLostCode },
  );
}
