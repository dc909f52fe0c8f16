import { randomBytes } from "node:crypto";
import type { ToolCallDelta } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";

/** A piece of a tool call; id and name are in its first piece alone. A literal: `create` takes 20 times as long. */
export const toolCallDelta = (
  index: number,
  id: string,
  name: string,
  argumentsJson: string,
): ToolCallDelta => ({ $typeName: "cxmpute.generation.v1.ToolCallDelta", index, id, name, argumentsJson });

/** An id for a call to which the upstream has given none. */
export const newCallId = (): string => `call_${randomBytes(12).toString("hex")}`;
