import { MeshError } from "../../../core/errors/mesh-error.ts";
import { type Message, Role } from "../../../gen/cxmpute/generation/v1/generation_pb.ts";

/** A role in OpenAI's form, which all protocols share. */
export type RoleName = "system" | "user" | "assistant" | "tool";

/** The role of a message. Throws `invalid_request` when it has none. */
export function roleOf({ role }: Message, index: number): RoleName {
  const name = roles[role];
  if (name !== undefined) return name;
  throw new MeshError("invalid_request", `Message ${index} has no role.`, {
    param: `messages[${index}].role`,
  });
}

const roles: Readonly<Record<Role, RoleName | undefined>> = {
  [Role.UNSPECIFIED]: undefined,
  [Role.SYSTEM]: "system",
  [Role.USER]: "user",
  [Role.ASSISTANT]: "assistant",
  [Role.TOOL]: "tool",
};
