import { type Message, Role } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";

/**
 * A conversation without the older half of its turns, instructions excepted; undefined when there is only one turn
 * left. A turn begins with what the user says and ends before the user speaks again, so calls stay together with
 * their results.
 */
export function truncate(messages: readonly Message[]): Message[] | undefined {
  const starts = messages.flatMap(({ role }, index) => (startsTurn(messages, role, index) ? [index] : []));
  if (starts.length < 2) return undefined;
  const first = starts[Math.ceil(starts.length / 2)] ?? starts.at(-1)!;
  return messages.filter(({ role }, index) => role === Role.SYSTEM || index >= first);
}

const startsTurn = (messages: readonly Message[], role: Role, index: number): boolean =>
  role === Role.USER && messages[index - 1]?.role !== Role.USER;
