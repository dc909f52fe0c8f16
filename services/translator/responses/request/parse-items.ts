import { z } from "zod";
import { missing, unsupportedParameter, unsupportedValue, wrongType } from "../../errors/param-faults.ts";
import type { JsonObject } from "../../http/json-body.ts";
import { newId } from "../../http/request-id.ts";
import type { Checker } from "../../requests/check-body.ts";
import { defaultRules, type RequestRules } from "../../requests/check-body.ts";
import { describeIssue } from "../../requests/describe-issue.ts";
import { longestName } from "../../requests/tools.ts";
import { refuseUnknownKeys } from "../../requests/unknown-keys.ts";
import { isGiven } from "../../requests/vocabulary.ts";
import type {
  FunctionCall,
  FunctionCallOutput,
  InputMessage,
  InputPart,
  Item,
  ItemReference,
  OutputMessage,
  ReasoningItem,
} from "../items.ts";
import * as schemas from "./item-schema.ts";

/** Parses `input`: a text by the user, or items. Every item gets an id. Throws the first fault. */
export function parseItems(
  input: string | readonly JsonObject[],
  { strictKeys }: Pick<RequestRules, "strictKeys"> = defaultRules,
): (Item | ItemReference)[] {
  if (typeof input === "string") return [toInputMessage({ role: "user", content: input }, "input")];
  return input.map((item, index) => {
    if (strictKeys) refuseUnknownItemKeys(item, index);
    return parseItem(item, index);
  });
}

function refuseUnknownItemKeys(raw: JsonObject, index: number): void {
  const schema = schemaOf(raw);
  if (schema !== undefined)
    refuseUnknownKeys(schema, raw, ["namespace", "parsed_arguments"], ["input", index]);
}

/** The schema of an item; undefined for an unknown type. */
function schemaOf(raw: JsonObject): z.ZodType | undefined {
  switch (typeOf(raw)) {
    case "message":
      return raw.role === "assistant" ? schemas.outputMessage : schemas.inputMessage;
    case "function_call":
      return schemas.functionCall;
    case "function_call_output":
      return schemas.functionCallOutput;
    case "reasoning":
      return schemas.reasoning;
    case "item_reference":
      return schemas.itemReference;
    default:
      return undefined;
  }
}

function parseItem(raw: JsonObject, index: number): Item | ItemReference {
  const path = `input[${index}]`;
  const type = typeOf(raw);
  switch (type) {
    case "message":
      return raw.role === "assistant"
        ? toOutputMessage(check(outputMessage, raw, index))
        : toInputMessage(check(inputMessage, raw, index), path);
    case "function_call":
      // A function of a hosted MCP server, which only its host can call.
      if (isGiven(raw.namespace)) throw unsupportedParameter(`${path}.namespace`);
      return toCall(check(functionCall, raw, index));
    case "function_call_output":
      refuseOtherOutput(raw.output, path);
      return toCallOutput(check(functionCallOutput, raw, index));
    case "reasoning":
      return toReasoning(check(reasoning, raw, index), path);
    case "item_reference":
      return { type: "item_reference", id: check(itemReference, raw, index).id };
    default:
      if (typeof type !== "string") throw wrongType(`${path}.type`, "a string", type);
      throw unsupportedValue(
        `${path}.type`,
        type.slice(0, longestName),
        "'message', 'function_call', 'function_call_output', 'reasoning', or 'item_reference'",
      );
  }
}

/** Messages and references may omit their type. */
function typeOf(raw: JsonObject): unknown {
  if (isGiven(raw.type)) return raw.type;
  return raw.role === undefined && typeof raw.id === "string" ? "item_reference" : "message";
}

/** Compiled: half the time. */
const inputMessage = z.compile(schemas.inputMessage);
const outputMessage = z.compile(schemas.outputMessage);
const functionCall = z.compile(schemas.functionCall);
const functionCallOutput = z.compile(schemas.functionCallOutput);
const reasoning = z.compile(schemas.reasoning);
const itemReference = z.compile(schemas.itemReference);

function check<T>(schema: Checker<T>, raw: JsonObject, index: number): T {
  const { data, error } = schema.safeParse(raw);
  if (error === undefined) return data as T;
  const issue = error.issues[0]!;
  throw describeIssue({ ...issue, path: ["input", index, ...issue.path] }, { input: { [index]: raw } });
}

type Parsed<Schema extends z.ZodType> = z.output<Schema>;
type ItemHead = {
  readonly id?: string | null | undefined;
  readonly status?: Item["status"] | null | undefined;
};

const headOf = ({ id, status }: ItemHead, prefix: string) => ({
  id: id ?? newId(prefix),
  status: status ?? ("completed" as const),
});

function toInputMessage(
  { role, content, ...rest }: Pick<Parsed<typeof schemas.inputMessage>, "role" | "content"> & ItemHead,
  path: string,
): InputMessage {
  const { id, status } = headOf(rest, "msg_");
  const parts = typeof content === "string" ? [toText(content)] : content.map(toPart);
  return { id, type: "message", status, content: parts, role: role as InputMessage["role"] };

  function toPart(part: Exclude<typeof content, string>[number], index: number): InputPart {
    if (part.type === "input_text") return toText(part.text);
    const partPath = `${path}.content[${index}]`;
    if (isGiven(part.file_id)) throw unsupportedParameter(`${partPath}.file_id`);
    if (!isGiven(part.image_url)) throw missing(`${partPath}.image_url`);
    return { type: "input_image", image_url: part.image_url, detail: part.detail ?? "auto" };
  }
}

const toText = (text: string) => ({ type: "input_text", text }) as const;

function toOutputMessage({ content, ...rest }: Parsed<typeof schemas.outputMessage>): OutputMessage {
  const { id, status } = headOf(rest, "msg_");
  const toOutputText = (text: string, annotations: readonly unknown[] = []) =>
    ({ type: "output_text", annotations, logprobs: [], text }) as const;
  const parts =
    typeof content === "string"
      ? [toOutputText(content)]
      : content.map((part) =>
          part.type === "refusal"
            ? ({ type: "refusal", refusal: part.refusal } as const)
            : toOutputText(part.text, part.annotations ?? []),
        );
  return { id, type: "message", status, content: parts, role: "assistant" };
}

function toCall(call: Parsed<typeof schemas.functionCall>): FunctionCall {
  const { id, status } = headOf(call, "fc_");
  return {
    id,
    type: "function_call",
    status,
    arguments: call.arguments,
    call_id: call.call_id,
    name: call.name,
  };
}

function toCallOutput(result: Parsed<typeof schemas.functionCallOutput>): FunctionCallOutput {
  const { id, status } = headOf(result, "fco_");
  const output =
    typeof result.output === "string" ? result.output : result.output.map(({ text }) => toText(text));
  return { id, type: "function_call_output", status, call_id: result.call_id, output };
}

function toReasoning(item: Parsed<typeof schemas.reasoning>, path: string): ReasoningItem {
  const { id, status } = headOf(item, "rs_");
  const { summary, content, encrypted_content: encrypted } = item;
  if (isGiven(encrypted) && !summary?.length && !content?.length)
    throw unsupportedParameter(`${path}.encrypted_content`);
  return { id, type: "reasoning", status, summary: summary ?? [], content: content ?? undefined };
}

/** Only text is supported in results; images and files are rejected by name. */
function refuseOtherOutput(output: unknown, path: string): void {
  if (!Array.isArray(output)) return;
  for (const [index, part] of output.entries()) {
    const type = (part as { type?: unknown } | null)?.type;
    if (type === "input_image" || type === "input_file")
      throw unsupportedValue(`${path}.output[${index}].type`, type, "'input_text'");
  }
}
