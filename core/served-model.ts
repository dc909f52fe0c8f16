import type { ServedModel } from "../gen/cxmpute/registry/v1/registry_pb.ts";

/** The most models of one node. */
export const modelLimit = 512;
const slotLimit = 65_536;
const speedLimit = 1_000_000;
const largestUint32 = 2 ** 32 - 1;

/** What is wrong with a field, and what would be right. */
export interface FieldFault {
  /** As in the contract, such as `engine_name`. */
  readonly field: string;
  readonly what: string;
  readonly cure: string;
}

/** Why the mesh takes no model as one describes it; undefined when it does. */
export function faultOfServedModel(served: ServedModel): FieldFault | undefined {
  const { model, engineName, engine, fingerprint, slots, contextLength, tokensPerSecond = 0 } = served;
  const texts = [
    faultOfText("model", model, 1, 256),
    faultOfText("engine_name", engineName, 0, 1024),
    faultOfText("engine", engine, 1, 64),
    faultOfText("fingerprint", fingerprint, 0, 256),
  ].find((fault) => fault !== undefined);
  if (texts !== undefined) return texts;
  if (!(tokensPerSecond >= 0 && tokensPerSecond <= speedLimit))
    return {
      field: "tokens_per_second",
      what: `Invalid speed (${tokensPerSecond})`,
      cure: `send 0 to ${speedLimit}, or nothing`,
    };
  if (!(slots >= 1 && slots <= slotLimit))
    return { field: "slots", what: `Invalid number of slots (${slots})`, cure: `offer 1 to ${slotLimit}` };
  if (!(Number.isInteger(contextLength) && contextLength >= 0 && contextLength <= largestUint32))
    return {
      field: "context_length",
      what: `Invalid length (${contextLength})`,
      cure: `send 0 to ${largestUint32}`,
    };
  return undefined;
}

const blank = /^\s|\s$|\p{Cc}/u;

/** Why the mesh takes no text as it is, such as for its length. */
export function faultOfText(
  field: string,
  text: string,
  shortest: number,
  longest: number,
): FieldFault | undefined {
  if (text.length < shortest || text.length > longest)
    return {
      field,
      what: `Invalid length (${text.length})`,
      cure: `use ${shortest} to ${longest} characters`,
    };
  if (blank.test(text) || !text.isWellFormed())
    return { field, what: "Invalid text", cure: "use no control characters, and no space at either end" };
  return undefined;
}
