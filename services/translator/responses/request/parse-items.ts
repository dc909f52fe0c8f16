import { z } from "zod";
import { missing, unsupportedParameter, unsupportedValue, wrongType } from "../../errors/param-faults.ts";
import type { JsonObject } from "../../http/json-body.ts";
import { newId } from "../../http/request-context.ts";
import { defaultRules, describeIssue, firstFaultOnly, type RequestRules } from "../../requests/check-body.ts";
import { longestName } from "../../requests/tools.ts";
import { refuseUnknownKeys } from "../../requests/unknown-keys.ts";
import {
  anyObject,
  arrayOf,
  byType,
  isGiven,
  nonEmptyText,
  object,
  optional,
  text,
  textOr,
  word,
} from "../../requests/vocabulary.ts";
import type { InputMessage, InputPart, Item, ItemReference, ItemStatus } from "../items.ts";

/**
 * Parses `input`: a text by the user, or items, whose order `to-messages.ts` checks. Every item gets an id. Throws
 * the first fault.
 */
export function parseItems(
  input: string | readonly JsonObject[],
  { strictKeys }: Pick<RequestRules, "strictKeys"> = defaultRules,
): (Item | ItemReference)[] {
  if (typeof input === "string") return [inputMessage.parse({ role: "user", content: input }, 0)];
  return input.map((raw, index) => {
    const parser = parserOf(raw, index);
    if (strictKeys) refuseUnknownKeys(parser.schema, raw, knownOutsideSchema, ["input", index]);
    return parser.parse(raw, index);
  });
}

const knownOutsideSchema = ["namespace", "parsed_arguments"];

/** A type of item: its schema, and what a valid item becomes. */
interface ItemParser<Parsed extends Item | ItemReference> {
  readonly schema: z.ZodType;
  parse(raw: JsonObject, index: number): Parsed;
}

/** `path` is where the item is in the request; `refuse` throws before the schema is applied. */
function itemParser<Schema extends z.ZodType, Parsed extends Item | ItemReference>(
  schema: Schema,
  complete: (item: z.output<Schema>, path: string) => Parsed,
  refuse?: (raw: JsonObject, path: string) => void,
): ItemParser<Parsed> {
  // Takes half the time of the schema itself.
  const compiled = z.compile(schema);
  return {
    schema,
    parse(raw, index) {
      const path = `input[${index}]`;
      refuse?.(raw, path);
      const { data, error } = compiled.safeParse(raw, firstFaultOnly);
      if (error === undefined) return complete(data, path);
      const issue = error.issues[0]!;
      throw describeIssue({ ...issue, path: ["input", index, ...issue.path] }, { input: { [index]: raw } });
    },
  };
}

const head = {
  id: optional(nonEmptyText.max(64)),
  status: optional(word("in_progress", "completed", "incomplete")),
};

interface ItemHead {
  readonly id?: string | null | undefined;
  readonly status?: ItemStatus | null | undefined;
}

const toHead = <const Type extends Item["type"]>(type: Type, { id, status }: ItemHead, prefix: string) => ({
  id: id ?? newId(prefix),
  type,
  status: status ?? "completed",
});

const inputText = object({ type: z.literal("input_text"), text });

const toInputText = (text: string) => ({ type: "input_text", text }) as const;

const inputImage = object({
  type: z.literal("input_image"),
  image_url: optional(text),
  file_id: optional(text),
  detail: optional(word("auto", "low", "high")),
});

/** A message of a user, system or developer. */
const inputMessage = itemParser(
  object({
    type: optional(z.literal("message")),
    role: word("user", "assistant", "system", "developer"),
    content: textOr(byType(inputText, inputImage)),
    ...head,
  }),
  ({ role, content, ...rest }, path): InputMessage => ({
    ...toHead("message", rest, "msg_"),
    content:
      typeof content === "string"
        ? [toInputText(content)]
        : content.map((part, index) => toInputPart(part, `${path}.content[${index}]`)),
    // The assistant's messages are output.
    role: role as InputMessage["role"],
  }),
);

function toInputPart(part: z.output<typeof inputText | typeof inputImage>, path: string): InputPart {
  if (part.type === "input_text") return toInputText(part.text);
  if (isGiven(part.file_id)) throw unsupportedParameter(`${path}.file_id`);
  if (!isGiven(part.image_url)) throw missing(`${path}.image_url`);
  return { type: "input_image", image_url: part.image_url, detail: part.detail ?? "auto" };
}

const toOutputText = (text: string, annotations: readonly unknown[] = []) =>
  ({ type: "output_text", annotations, logprobs: [], text }) as const;

/** A message of the model. */
const outputMessage = itemParser(
  object({
    type: optional(z.literal("message")),
    role: z.literal("assistant"),
    content: textOr(
      byType(
        object({
          type: z.literal("output_text"),
          text,
          annotations: optional(arrayOf(anyObject, "objects")),
          logprobs: optional(arrayOf(anyObject, "objects")),
        }),
        object({ type: z.literal("refusal"), refusal: text }),
      ),
    ),
    ...head,
  }),
  ({ role, content, ...rest }) => ({
    ...toHead("message", rest, "msg_"),
    content:
      typeof content === "string"
        ? [toOutputText(content)]
        : content.map((part) =>
            part.type === "refusal" ? part : toOutputText(part.text, part.annotations ?? []),
          ),
    role,
  }),
);

/** The parsers of items that are not messages, by type. */
const parsers: Readonly<Record<string, ItemParser<Item | ItemReference>>> = {
  function_call: itemParser(
    object({
      type: z.literal("function_call"),
      call_id: nonEmptyText,
      name: nonEmptyText,
      arguments: text,
      ...head,
    }),
    ({ arguments: json, call_id, name, ...rest }) => ({
      ...toHead("function_call", rest, "fc_"),
      arguments: json,
      call_id,
      name,
    }),
    ({ namespace }, path) => {
      // A function of a hosted MCP server, which only its host can call.
      if (isGiven(namespace)) throw unsupportedParameter(`${path}.namespace`);
    },
  ),
  function_call_output: itemParser(
    object({
      type: z.literal("function_call_output"),
      call_id: nonEmptyText,
      output: textOr(byType(inputText)),
      ...head,
    }),
    ({ call_id, output, ...rest }) => ({
      ...toHead("function_call_output", rest, "fco_"),
      call_id,
      output: typeof output === "string" ? output : output.map((part) => toInputText(part.text)),
    }),
    refuseOtherOutput,
  ),
  reasoning: itemParser(
    object({
      type: z.literal("reasoning"),
      summary: optional(arrayOf(object({ type: z.literal("summary_text"), text }), "objects")),
      content: optional(arrayOf(object({ type: z.literal("reasoning_text"), text }), "objects")),
      encrypted_content: optional(text),
      ...head,
    }),
    ({ summary, content, encrypted_content: encrypted, ...rest }, path) => {
      if (isGiven(encrypted) && !summary?.length && !content?.length)
        throw unsupportedParameter(`${path}.encrypted_content`);
      return {
        ...toHead("reasoning", rest, "rs_"),
        summary: summary ?? [],
        content: content ?? undefined,
      };
    },
  ),
  item_reference: itemParser(
    object({ type: optional(z.literal("item_reference")), id: nonEmptyText.max(64) }),
    ({ id }) => ({ type: "item_reference", id }),
  ),
};

function parserOf(raw: JsonObject, index: number): ItemParser<Item | ItemReference> {
  const type = typeOf(raw);
  if (type === "message") return raw.role === "assistant" ? outputMessage : inputMessage;
  if (typeof type !== "string") throw wrongType(`input[${index}].type`, "a string", type);
  if (Object.hasOwn(parsers, type)) return parsers[type]!;
  throw unsupportedValue(
    `input[${index}].type`,
    type.slice(0, longestName),
    "'message', 'function_call', 'function_call_output', 'reasoning', or 'item_reference'",
  );
}

/** Messages and references may omit their type. */
function typeOf(raw: JsonObject): unknown {
  if (isGiven(raw.type)) return raw.type;
  return raw.role === undefined && typeof raw.id === "string" ? "item_reference" : "message";
}

/** Only text is supported in results; images and files are rejected by name. */
function refuseOtherOutput({ output }: JsonObject, path: string): void {
  if (!Array.isArray(output)) return;
  for (const [index, part] of output.entries()) {
    const type = (part as { type?: unknown } | null)?.type;
    if (type === "input_image" || type === "input_file")
      throw unsupportedValue(`${path}.output[${index}].type`, type, "'input_text'");
  }
}
