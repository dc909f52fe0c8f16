import { MeshError } from "../../../../core/errors/mesh-error.ts";
import { isEmptyDelta } from "../../../../core/generation/events.ts";
import { FinishReason, type GenerationEvent } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { Capabilities_Resume, type ServedModel } from "../../../../gen/cxmpute/registry/v1/registry_pb.ts";

/** What an event says, in lines for people. */
export function tellEvent({ event }: GenerationEvent): string[] {
  if (event.case === "started") return [`started ${event.value.fingerprint}`];
  if (event.case === "embedded")
    return [
      `embedded ${event.value.index} [${event.value.values.map((value) => value.toFixed(4)).join(" ")}]`,
    ];
  if (event.case === "finished") {
    const { reason, usage, stop } = event.value;
    const { promptTokens = 0, completionTokens = 0, reasoningTokens = 0 } = usage ?? {};
    const thoughts = reasoningTokens === 0 ? "" : `, thoughts ${reasoningTokens}`;
    const met = stop === "" ? "" : ` at ${JSON.stringify(stop)}`;
    return [
      `finished ${nameIn(FinishReason, reason)}${met}, prompt ${promptTokens}, answer ${completionTokens}${thoughts}`,
    ];
  }
  if (event.case !== "delta") return ["nothing"];
  const { text, reasoning, toolCalls, logprobs } = event.value;
  return [
    ...(isEmptyDelta(event.value) ? ["sign of life"] : []),
    ...(reasoning === "" ? [] : [`thought ${JSON.stringify(reasoning)}`]),
    ...(text === "" ? [] : [`text ${JSON.stringify(text)}`]),
    ...toolCalls.map(({ index, id, name, argumentsJson }) =>
      `call ${index} ${[id.replace(/^call_[\da-f]{24}$/, "<id>"), name].filter((part) => part !== "").join(" ")} ${argumentsJson}`.replace(
        / {2,}/,
        " ",
      ),
    ),
    ...logprobs.map(
      ({ token, top }) =>
        `logprob ${[token!, ...top].map((choice) => `${JSON.stringify(choice.text)} [${choice.bytes.join(" ")}] ${choice.logprob}`).join(", ")}`,
    ),
  ];
}

/** What a served model is. */
export function tellModel({ model, contextLength, slots, fingerprint, capabilities }: ServedModel): string {
  const { $typeName: _, resume, ...claims } = capabilities!;
  const can = Object.entries(claims).flatMap(([name, claimed]) => (claimed === true ? [name] : []));
  return `${model}: context ${contextLength}, slots ${slots}, ${fingerprint}, resume ${nameIn(Capabilities_Resume, resume)}, ${can.join(" ")}`;
}

/** What a failure says; addresses of the test's own server are left out. */
export function tellFailure(error: unknown): string {
  if (!(error instanceof MeshError)) return `a bug: ${String(error)}`;
  const { kind, code, param, retryAfterMs, message } = error;
  const more = [
    ...(code === undefined ? [] : [`code ${code}`]),
    ...(param === undefined ? [] : [`param ${param}`]),
    ...(retryAfterMs === undefined ? [] : [`again in ${retryAfterMs} ms`]),
  ];
  const words = message.replace(/http:\/\/127\.0\.0\.1:\d+/g, "<url>");
  return `failed ${kind}${more.length === 0 ? "" : ` (${more.join(", ")})`}: ${words}`;
}

const nameIn = (names: Readonly<Record<string, number>>, value: number): string =>
  Object.keys(names).find((name) => names[name] === value) ?? "unknown";
