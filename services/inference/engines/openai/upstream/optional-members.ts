import { members } from "../../upstream/json.ts";
import type { JsonObject } from "../request/json.ts";
import type { UpstreamFault } from "./fault.ts";

interface OptionalMember {
  readonly name: string;
  /** Only while this equivalent member stays. */
  readonly unless?: string;
  /** The value may be refused, so other requests try again. */
  readonly byValue?: true;
  /** Only when the server does not know it. */
  readonly ifUnknown?: true;
}

/** Hints and aliases that strict servers may refuse; without them an answer has the same shape and meaning. */
const optional: readonly OptionalMember[] = [
  { name: "stream_options" },
  { name: "continuous_usage_stats" },
  { name: "return_progress" },
  { name: "timings_per_token" },
  // Older versions do not know it; their cache cannot be divided.
  { name: "cache_salt", ifUnknown: true },
  { name: "reasoning_content" },
  { name: "encoding_format" },
  // Extra calls are dropped in any case.
  { name: "parallel_tool_calls" },
  // A server that does not know it may continue anyway.
  { name: "continue_final_message", ifUnknown: true },
  { name: "add_generation_prompt", ifUnknown: true },
  { name: "reasoning_effort", byValue: true },
  { name: "chat_template_kwargs", byValue: true },
  { name: "max_completion_tokens", unless: "max_tokens" },
  { name: "max_tokens", unless: "max_completion_tokens" },
  { name: "repeat_penalty", unless: "repetition_penalty" },
  { name: "repetition_penalty", unless: "repeat_penalty" },
];

/** The optional member of a body that a fault names, if any; never an `essential` one. */
export function findRefused(
  fault: UpstreamFault,
  body: JsonObject,
  essential: readonly string[],
): OptionalMember | undefined {
  if (fault.status !== 400 && fault.status !== 422) return undefined;
  const [found] = optional
    .filter(
      ({ name, unless, ifUnknown }) =>
        !essential.includes(name) &&
        (ifUnknown === undefined || unknownWords.test(fault.message)) &&
        (unless === undefined || body[unless] !== undefined) &&
        holds(body, name),
    )
    .map((member) => ({ member, place: placeOf(member.name, fault) }))
    .filter(({ place }) => place < nowhere)
    .sort((one, other) => one.place - other.place);
  return found?.member;
}

/** Where a fault names a member, its parameter first; of a limit it must refuse the name, not the value. */
function placeOf(name: string, { param, message }: UpstreamFault): number {
  if (name.startsWith("max_") && /too large|at least|greater|less than/i.test(message)) return nowhere;
  if (param === name || param?.endsWith(`.${name}`) === true) return -1;
  const place = message.search(new RegExp(`\\b${name}\\b`));
  return place < 0 ? nowhere : place;
}

const unknownWords =
  /unknown|unrecogni[sz]ed|unexpected|unsupported|not (supported|permitted|allowed)|extra/i;

const nowhere = Number.POSITIVE_INFINITY;

function holds(value: unknown, name: string): boolean {
  if (Array.isArray(value)) return value.some((item) => holds(item, name));
  const object = members(value);
  const isDeeper = (member: string) => object[member] !== undefined && holds(object[member], name);
  return object[name] !== undefined || deepMembers.some(isDeeper);
}

/** Where optional members occur below the top. */
const deepMembers = ["stream_options", "messages"];

/** A body without these members. */
export const withoutMembers = (body: JsonObject, names: ReadonlySet<string>): JsonObject =>
  names.size === 0 ? body : (without(body, names) as JsonObject);

function without(value: unknown, names: ReadonlySet<string>): unknown {
  if (Array.isArray(value)) return value.map((item) => without(item, names));
  return Object.fromEntries(
    Object.entries(value as object)
      .filter(([name]) => !names.has(name))
      .map(([name, member]) => [name, deepMembers.includes(name) ? without(member, names) : member]),
  );
}
