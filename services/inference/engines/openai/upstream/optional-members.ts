import type { JsonObject } from "../request/json.ts";
import type { UpstreamFault } from "./fault.ts";

/** A member that a request can do without. */
interface OptionalMember {
  readonly name: string;
  /** Only while this one stays, which says the same. */
  readonly unless?: string;
  /** It may be this value that is refused, so another request may have the member again. */
  readonly byValue?: true;
  /** Only when the server says that it does not know it: other objections are to this request. */
  readonly ifUnknown?: true;
}

/**
 * Members that a strict server may refuse and a request can do without: hints, and second names of something that
 * stays in it under the other name. Whatever would change the answer's shape or meaning is not among them.
 */
const optional: readonly OptionalMember[] = [
  { name: "stream_options" },
  { name: "continuous_usage_stats" },
  { name: "return_progress" },
  { name: "timings_per_token" },
  { name: "reasoning_content" },
  { name: "encoding_format" },
  // Of more calls than were asked for only the first goes out in any case.
  { name: "parallel_tool_calls" },
  // A server that knows no such question may continue the assistant's turn by itself.
  { name: "continue_final_message", ifUnknown: true },
  { name: "add_generation_prompt", ifUnknown: true },
  { name: "reasoning_effort", byValue: true },
  { name: "chat_template_kwargs", byValue: true },
  { name: "max_completion_tokens", unless: "max_tokens" },
  { name: "max_tokens", unless: "max_completion_tokens" },
  { name: "repeat_penalty", unless: "repetition_penalty" },
  { name: "repetition_penalty", unless: "repeat_penalty" },
];

/** Remembers which optional members a server refuses, so that each costs one request and no more. */
export class OptionalMembers {
  readonly #refused = new Set<string>();

  /** The members of one request; `essential` ones stay in it whatever the server says. */
  begin(essential: readonly string[] = []): RequestMembers {
    return new RequestMembers(this.#refused, new Set(essential));
  }
}

/** Which members one request goes without. */
export class RequestMembers {
  /** Shared by all requests to the server. */
  readonly #remembered: Set<string>;
  readonly #essential: ReadonlySet<string>;
  readonly #refused = new Set<string>();

  constructor(remembered: Set<string>, essential: ReadonlySet<string>) {
    this.#remembered = remembered;
    this.#essential = essential;
  }

  /** The body as this server takes it. */
  fit(body: JsonObject): JsonObject {
    const names = new Set([...this.#remembered, ...this.#refused]);
    return names.size === 0 ? body : (without(body, names) as JsonObject);
  }

  /** Notes the optional member that the fault names, when the body has it. True: the request is worth another try. */
  learn(fault: UpstreamFault, body: JsonObject): boolean {
    if (fault.status !== 400 && fault.status !== 422) return false;
    const [found] = optional
      .filter(
        ({ name, unless, ifUnknown }) =>
          !this.#essential.has(name) &&
          (ifUnknown === undefined || unknownWords.test(fault.message)) &&
          (unless === undefined || body[unless] !== undefined) &&
          holds(body, name),
      )
      .map((member) => ({ ...member, place: placeOf(member.name, fault) }))
      .filter(({ place }) => place < nowhere)
      .sort((one, other) => one.place - other.place);
    if (found === undefined) return false;
    (found.byValue ? this.#refused : this.#remembered).add(found.name);
    return true;
  }
}

/**
 * Where a fault names a member: as its parameter before anywhere in its words, for those may name what to use
 * instead. Of a limit, the words must object to its name, not its value: "max_tokens is too large" is no reason to
 * say it otherwise.
 */
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
  if (typeof value !== "object" || value === null) return false;
  if (Array.isArray(value)) return value.some((item) => holds(item, name));
  const members = value as Record<string, unknown>;
  return (
    members[name] !== undefined ||
    deepMembers.some((member) => members[member] !== undefined && holds(members[member], name))
  );
}

/** Where optional members stand when they do not stand at the top. */
const deepMembers = ["stream_options", "messages"];

function without(value: unknown, names: ReadonlySet<string>): unknown {
  if (Array.isArray(value)) return value.map((item) => without(item, names));
  return Object.fromEntries(
    Object.entries(value as object)
      .filter(([name]) => !names.has(name))
      .map(([name, member]) => [name, deepMembers.includes(name) ? without(member, names) : member]),
  );
}
