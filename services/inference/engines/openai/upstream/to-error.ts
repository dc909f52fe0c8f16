import { MeshError, type MeshErrorOptions } from "../../../../../core/errors/mesh-error.ts";
import { loopCode, loopMessage } from "../../../../../core/hops.ts";
import type { Job } from "../job.ts";
import type { UpstreamFault } from "./fault.ts";

/**
 * A failure of the upstream as the mesh's own. The caller reads what concerns the caller; what only the provider
 * can fix is the error's cause, which the node logs.
 *
 * | upstream | here |
 * |---|---|
 * | it goes round between meshes | `engine_failed`, `loop_detected`: a node that has the model itself may answer |
 * | the prompt does not fit | `invalid_request`, `context_length_exceeded` |
 * | 400, 409, 413, 415, 422; a chat template that refuses the order of roles | `invalid_request`, with its words |
 * | 408, 425, 429, 503, 529 | `saturated`, with its time |
 * | 3xx, 401, 403, 404, 405, 501, other 5xx | `engine_failed` |
 */
export function toGenerationError(fault: UpstreamFault, job: Job): MeshError {
  const { model } = job.served;
  const { base } = job.server.client.address;
  const { status, message } = fault;
  if (fault.code === loopCode)
    return new MeshError("engine_failed", loopMessage, { code: loopCode, cause: loopFault(base) });
  if (isTooLong(fault)) return tooLong(fault, job);
  if (isCallersFault(fault)) {
    const options: MeshErrorOptions = {};
    if (fault.param !== undefined) options.param = fault.param;
    if (/^[a-z]+(_[a-z]+)+$/.test(fault.code)) options.code = fault.code;
    return new MeshError(
      "invalid_request",
      `The engine of \`${model}\` refused the request${message === "" ? "." : `: ${message}`}`,
      options,
    );
  }
  if (busyStatuses.has(status) && fault.code !== "insufficient_quota")
    return new MeshError("saturated", `The engine of \`${model}\` is busy. Try again later.`, {
      retryAfterMs: fault.retryAfterMs ?? 1000,
      cause: providerFault(fault, base),
    });
  const row = ofProvider.find(({ statuses }) => statuses(status));
  return new MeshError("engine_failed", `The engine of \`${model}\` ${row?.words ?? "failed"}.`, {
    cause: providerFault(fault, base),
  });
}

const ofProvider: readonly { readonly statuses: (status: number) => boolean; readonly words: string }[] = [
  { statuses: (status) => status === 401 || status === 403, words: "refused the key of this node" },
  { statuses: (status) => status >= 300 && status < 400, words: "is somewhere else" },
  { statuses: (status) => status === 404, words: "does not serve it any more, or not in this way" },
  { statuses: (status) => status === 405 || status === 501, words: "cannot do what this request needs" },
];

/** For the provider, when its server turns out to lead back to this mesh. */
const loopFault = (base: string): Error =>
  upstreamError(
    `The mesh at ${base} sent a request back that had looped between meshes. Join with an address that does not lead back to the mesh that this node is in, or with --only for the models that the other mesh has itself.`,
  );

/** For the provider: what failed, where, and what to do. */
export const providerFault = ({ status, message }: UpstreamFault, base: string): Error =>
  upstreamError(`${adviceFor(status, base)}${message === "" ? "" : ` It said: ${message}`}`);

const upstreamError = (message: string): Error =>
  Object.assign(new Error(message), { name: "UpstreamError" });

function adviceFor(status: number, base: string): string {
  if (status === 401 || status === 403)
    return `The server at ${base} refused the key (HTTP ${status}). Give the key that it was started with as the engine's key.`;
  if (status >= 300 && status < 400)
    return `The server at ${base} redirects to another address (HTTP ${status}). Give that address instead: keys are never sent to a redirect's target.`;
  if (status === 404 || status === 405)
    return `The server at ${base} has no such model or endpoint (HTTP ${status}). Check that it is OpenAI-compatible and that the address ends where its endpoints begin, mostly with /v1.`;
  if (status === 501)
    return `The server at ${base} was started without a feature that this request needs (HTTP 501).`;
  if (busyStatuses.has(status))
    return `The server at ${base} is busy or still loading (HTTP ${status}). Wait, or give this node fewer slots.`;
  return `The server at ${base} failed (HTTP ${status}). Its log says why.`;
}

const busyStatuses = new Set([408, 425, 429, 503, 529]);
const callersStatuses = new Set([400, 409, 413, 415, 422]);

/** llama-server answers 500 when the template objects to the messages. */
const isCallersFault = ({ status, message }: UpstreamFault): boolean =>
  callersStatuses.has(status) ||
  (status === 500 && /jinja|chat template|roles must alternate/i.test(message));

function isTooLong({ status, type, code, message, promptTokens, contextTokens }: UpstreamFault): boolean {
  if (code === "context_length_exceeded" || type === "exceed_context_size_error") return true;
  if (status === 500 && /input (\(\d+ tokens\) )?is too large to process/i.test(message)) return true;
  if (!callersStatuses.has(status)) return false;
  return (
    (promptTokens !== undefined && contextTokens !== undefined) ||
    /context (length|size|window)|(prompt|input|inputs|messages) (is|are) too (long|large)|input length .*exceed|must have less than \d+ tokens/i.test(
      message,
    )
  );
}

function tooLong(fault: UpstreamFault, { generation, served }: Job): MeshError {
  const { promptTokens, contextTokens = served.contextLength } = fault;
  const promptParam = generation.rawPrompt === undefined ? "messages" : "prompt";
  const param = generation.embedding === undefined ? promptParam : "input";
  const found = promptTokens === undefined ? "did not fit into it" : `resulted in ${promptTokens} tokens`;
  return new MeshError(
    "invalid_request",
    `This model's maximum context length is ${contextTokens} tokens. However, your ${param} ${found}. Please reduce the length of the ${param}.`,
    { code: "context_length_exceeded", param },
  );
}

/** The tokens left for an answer when only its limit is too long; else undefined. */
export function roomForAnswer(
  fault: UpstreamFault,
  contextLength: number,
  maxTokens: number,
): number | undefined {
  const { promptTokens, contextTokens = contextLength } = fault;
  if (!callersStatuses.has(fault.status) || promptTokens === undefined) return undefined;
  const room = contextTokens - promptTokens;
  return room >= 1 && room < maxTokens ? room : undefined;
}
