import { createHash } from "node:crypto";
import type { Turn } from "./turns.ts";

/** Ways to present a conversation, the most faithful first. Many templates reject unfamiliar orders of roles. */
export const arrangements: readonly ((turns: readonly Turn[]) => Turn[])[] = [
  (turns) => [...turns],
  (turns) => alternate(systemFirst(turns)),
  (turns) => alternate(singleCalls(shortIds(systemFirst(turns)))),
  (turns) => alternate(singleCalls(shortIds(withoutSystem(turns)))),
];

function systemFirst(turns: readonly Turn[]): Turn[] {
  const system = turns.filter(({ role }) => role === "system").map(({ content }) => content);
  const rest = turns.filter(({ role }) => role !== "system");
  return system.length === 0 ? rest : [{ role: "system", content: system.join("\n\n") }, ...rest];
}

/** No system turn: its text starts the first user turn. */
function withoutSystem(turns: readonly Turn[]): Turn[] {
  const [first, ...rest] = systemFirst(turns);
  if (first?.role !== "system") return [...turns];
  return [{ role: "user", content: first.content }, ...rest];
}

/** Merges consecutive turns of one role; the first is the user's. */
function alternate(turns: readonly Turn[]): Turn[] {
  const merged: Turn[] = [];
  for (const turn of turns) {
    const last = merged.at(-1);
    const isFirst = last === undefined || last.role === "system";
    if (isFirst && turn.role === "assistant") merged.push({ role: "user", content: "" });
    if (last !== undefined && canMerge(last, turn))
      merged[merged.length - 1] = { ...last, ...turn, content: joinContents(last.content, turn.content) };
    else merged.push(turn);
  }
  return merged;
}

const canMerge = (last: Turn, turn: Turn): boolean =>
  last.role === turn.role &&
  (turn.role === "user" || (turn.role === "assistant" && last.tool_calls === undefined));

const joinContents = (...contents: readonly string[]): string =>
  contents.filter((content) => content !== "").join("\n\n");

/** One turn per call, each followed by its result. */
function singleCalls(turns: readonly Turn[]): Turn[] {
  const results = new Map(
    turns.filter(({ role }) => role === "tool").map((turn) => [turn.tool_call_id, turn]),
  );
  const placed = new Set<Turn>();
  return turns.flatMap((turn) => {
    const calls = turn.tool_calls ?? [];
    if (calls.length < 2) return placed.has(turn) ? [] : [turn];
    return calls.flatMap((call, index): Turn[] => {
      const result = results.get(call.id);
      if (result !== undefined) placed.add(result);
      const own = { ...turn, content: index === 0 ? turn.content : "", tool_calls: [call] };
      return result === undefined ? [own] : [own, result];
    });
  });
}

/** Ids of nine letters and digits, which Mistral's templates require. */
function shortIds(turns: readonly Turn[]): Turn[] {
  return turns.map((turn) => ({
    ...turn,
    ...(turn.tool_calls === undefined
      ? {}
      : { tool_calls: turn.tool_calls.map((call) => ({ ...call, id: shortId(call.id) })) }),
    ...(turn.tool_call_id === undefined ? {} : { tool_call_id: shortId(turn.tool_call_id) }),
  }));
}

const shortId = (id: string): string => createHash("sha256").update(id).digest("hex").slice(0, 9);
