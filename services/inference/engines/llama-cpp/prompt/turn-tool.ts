import type { CallableTool } from "../../tools/tool-use.ts";
import type { TurnTool } from "./turns.ts";

/** A tool in the form that templates read. */
export const toTurnTool = ({ name, description, parameters }: CallableTool): TurnTool => ({
  type: "function",
  function: { name, description, parameters: parameters ?? { type: "object", properties: {} } },
});
