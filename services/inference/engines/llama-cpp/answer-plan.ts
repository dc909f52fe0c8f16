import { MeshError } from "../../../../core/errors/mesh-error.ts";
import type { Generation } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { anyOf, checkCost, GrammarBuilder, isObject, SchemaError, schemaExpression } from "../gbnf/index.ts";
import { parseCallerJson } from "../text/caller-json.ts";
import { type CallableTool, schemaFault, type ToolUse } from "../tools/tool-use.ts";
import type { ReasoningStart } from "./answer/pieces.ts";
import type { Sliced } from "./prompt/in-slices.ts";
import type { ToolCallFormat, ToolRule } from "./tool-calls/formats.ts";

/** Grammars that constrain an answer, in GBNF. */
export interface AnswerPlan {
  /** For the whole answer, reasoning included. */
  readonly answer: string | undefined;
  /** For what follows the opener of a call in an otherwise free answer. */
  readonly call: string | undefined;
}

/** The grammars for JSON and for calls. Throws `invalid_request` for schemas that cannot be enforced. */
export function* planAnswer(
  generation: Generation,
  tools: ToolUse,
  toolCallFormat: ToolCallFormat | undefined,
  thinking: ReasoningStart,
): Sliced<AnswerPlan> {
  const format = tools.mode === "none" ? undefined : needed(toolCallFormat);
  const isFree = generation.outputFormat?.format.case === undefined && tools.mode !== "required";
  if (isFree) return { answer: undefined, call: format && (yield* callGrammar(format, tools)) };
  try {
    const grammar = new GrammarBuilder();
    const forms: string[] = [];
    if (format !== undefined)
      forms.push(format.calls(grammar, yield* toolRules(grammar, tools), tools.maxCalls));
    if (tools.mode !== "required") forms.push(jsonForm(grammar, generation));
    yield;
    const answer = grammar.build(withReasoning(grammar, anyOf(forms), thinking));
    yield* checkCost(answer);
    return { answer, call: undefined };
  } catch (error) {
    if (error instanceof SchemaError)
      throw tooLarge(format === undefined ? "response_format" : "tools", error);
    throw error;
  }
}

/** Reasoning is free, except for `</` that does not end it. */
function withReasoning(grammar: GrammarBuilder, answer: string, thinking: ReasoningStart): string {
  if (thinking === "never") return answer;
  const reasoning = grammar.rule(`([^<] | "<" [^/])* "</think>" [ \\n]{0,4}`);
  return thinking === "opened" ? `${reasoning} ${answer}` : `("<think>" ${reasoning})? ${answer}`;
}

function jsonForm(grammar: GrammarBuilder, { outputFormat }: Generation): string {
  const format = outputFormat?.format;
  if (format?.case !== "jsonSchema") return grammar.json("object");
  const { schemaJson, strict } = format.value;
  try {
    return schemaExpression(grammar, parseCallerJson(schemaJson), { strict });
  } catch (error) {
    if (!(error instanceof SchemaError || error instanceof SyntaxError)) throw error;
    const reason = error instanceof SchemaError ? error.message : "it is not JSON, or nested too deeply";
    throw new MeshError("invalid_request", `Invalid schema for response_format: ${reason}.`, {
      param: "response_format",
    });
  }
}

/** The grammar of optional calls; undefined if a schema cannot be enforced and no tool is strict. */
function* callGrammar(format: ToolCallFormat, tools: ToolUse): Sliced<string | undefined> {
  const grammar = new GrammarBuilder();
  try {
    const call = grammar.build(format.afterOpener(grammar, yield* toolRules(grammar, tools), tools.maxCalls));
    yield* checkCost(call);
    return call;
  } catch (error) {
    if (!(error instanceof SchemaError || error instanceof MeshError)) throw error;
    if (!tools.callable.some(({ strict }) => strict)) return undefined;
    throw error instanceof MeshError ? error : tooLarge("tools", error);
  }
}

function* toolRules(grammar: GrammarBuilder, { callable }: ToolUse): Sliced<ToolRule[]> {
  const rules: ToolRule[] = [];
  for (const tool of callable) {
    rules.push({ name: tool.name, argumentsRule: argumentsRule(grammar, tool) });
    yield;
  }
  return rules;
}

function argumentsRule(grammar: GrammarBuilder, tool: CallableTool): string {
  try {
    return grammar.rule(schemaExpression(grammar, argumentsSchema(tool), { strict: tool.strict }));
  } catch (error) {
    if (error instanceof SchemaError) throw schemaFault(tool, error.message);
    throw error;
  }
}

/** Arguments are an object even if the schema omits that; without a schema, an empty one. */
function argumentsSchema({ parameters }: CallableTool): unknown {
  if (parameters === undefined) return { type: "object", properties: {}, additionalProperties: false };
  if (!isObject(parameters)) return parameters;
  if (parameters.type !== undefined && parameters.type !== "object")
    throw new SchemaError("", "must describe an object");
  return { ...parameters, type: "object" };
}

const tooLarge = (param: string, { message }: SchemaError): MeshError =>
  new MeshError("invalid_request", `The schemas in '${param}' cannot be enforced: ${message}.`, { param });

function needed(toolCallFormat: ToolCallFormat | undefined): ToolCallFormat {
  if (toolCallFormat !== undefined) return toolCallFormat;
  throw new MeshError(
    "invalid_request",
    "This model cannot call tools. Leave 'tools' out or choose another model.",
    { param: "tools" },
  );
}
