import { type Message, type ResumePoint, Role } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { wrongMeaning } from "../../errors/param-faults.ts";
import type { ChatRequestBody } from "./schema.ts";

/** A conversation whose answer the caller has begun. */
export interface BegunAnswer {
  /** Without the last turn. */
  readonly messages: Message[];
  /** The text of that turn, behind which the answer goes on. */
  readonly resume: ResumePoint;
}

/**
 * The last turn as the beginning of the answer, where `continue_final_message` says so, as vLLM and others have it: the
 * answer is what comes behind it. Throws when the last turn is none that can go on.
 */
export function findBegunAnswer(
  body: ChatRequestBody,
  messages: readonly Message[],
): BegunAnswer | undefined {
  if (body.continue_final_message !== true) return undefined;
  if (body.add_generation_prompt === true)
    throw wrongMeaning(
      "continue_final_message",
      "Cannot set both 'continue_final_message' and 'add_generation_prompt' to true.",
    );
  const last = messages.at(-1);
  const text = last?.parts.map(({ part }) => (part.case === "text" ? part.value : "")).join("") ?? "";
  if (last?.role !== Role.ASSISTANT || last.toolCalls.length > 0 || text === "" || messages.length < 2)
    throw wrongMeaning(
      "messages",
      "With 'continue_final_message' the last of at least two messages must be the assistant's, with text and " +
        "without tool calls: the answer goes on behind that text.",
    );
  return {
    messages: messages.slice(0, -1),
    resume: {
      $typeName: "cxmpute.generation.v1.ResumePoint",
      tokenIds: [],
      text,
      fingerprint: "",
      beingRead: false,
    },
  };
}
