import { type Generation, ToolChoice_Mode } from "../../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { readToolUse } from "../../tools/tool-use.ts";
import { type ForcedCall, forceCall } from "../../upstream/forced-call.ts";
import { type JsonObject, JsonText } from "./json.ts";

/**
 * The call that an answer has to be, where a schema holds the server to it; undefined where there is none, or the server
 * is simply told. Throws `invalid_request`.
 */
export function readForced(generation: Generation, bySchema: boolean): ForcedCall | undefined {
  if (!bySchema || generation.toolChoice?.mode !== ToolChoice_Mode.REQUIRED) return undefined;
  return forceCall(readToolUse(generation).callable);
}

/** The members that hold an answer to the form of the call. */
export const toForcedMembers = ({ schema }: ForcedCall): JsonObject => ({
  response_format: {
    type: "json_schema",
    json_schema: { name: "call", schema: new JsonText(JSON.stringify(schema)), strict: true },
  },
});
