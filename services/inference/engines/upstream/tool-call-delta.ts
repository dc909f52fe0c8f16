import { randomBytes } from "node:crypto";
import type { ToolCallDelta } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";

/** A piece of a tool call; only the first has id and name. A literal, since `create` takes 20 times as long. */
export const toolCallDelta = (
  index: number,
  id: string,
  name: string,
  argumentsJson: string,
): ToolCallDelta => ({ $typeName: "cxmpute.generation.v1.ToolCallDelta", index, id, name, argumentsJson });

/** An id for a call that the upstream left without one. */
export const newCallId = (): string => `call_${randomBytes(12).toString("hex")}`;
