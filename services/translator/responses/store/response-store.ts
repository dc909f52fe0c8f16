import { MeshError } from "../../../../core/errors/mesh-error.ts";
import { HttpError } from "../../errors/http-faults.ts";
import { shorten } from "../../errors/param-faults.ts";
import type { Item, ItemReference } from "../items.ts";

export interface StoredResponse {
  readonly id: string;
  /** The owner; other users cannot see or continue it. */
  readonly userId: string;
  /** The response object as JSON text in UTF-8. */
  readonly response: Uint8Array;
  /** The items that its request added, as JSON text in UTF-8. */
  readonly input: Uint8Array;
  /** The ids of its input and output items. */
  readonly itemIds: readonly string[];
  /** Undefined at the start of a conversation. */
  readonly previousId: string | undefined;
}

/** A response, preceded by those that it continues, oldest first; never empty. */
export type Turns = readonly [...StoredResponse[], StoredResponse];

/** Stores responses. Lost responses and those of other users look as if they never existed. */
export interface ResponseStore {
  /**
   * Stores a response. `continued` is the chain that `turns` returned; it stays readable with the response, even when
   * its own entries are gone.
   */
  put(stored: StoredResponse, continued: readonly StoredResponse[]): Promise<void>;
  get(userId: string, id: string): Promise<StoredResponse | undefined>;
  /** A response with the complete chain that it continues. */
  turns(userId: string, id: string): Promise<Turns | undefined>;
  /** The latest response that has this item. */
  findByItem(userId: string, itemId: string): Promise<StoredResponse | undefined>;
  /** Resolves to whether it existed. */
  delete(userId: string, id: string): Promise<boolean>;
}

const inputOf = ({ input }: StoredResponse): Item[] => parse(input) as Item[];

const outputOf = ({ response }: StoredResponse): Item[] => (parse(response) as { output: Item[] }).output;

/** The output that continues the conversation: of a failed response only finished items. */
function finishedOutputOf({ response }: StoredResponse): Item[] {
  const { status, output } = parse(response) as { status: string; output: Item[] };
  return status === "failed" ? output.filter((item) => item.status !== "incomplete") : output;
}

/** The conversation including the last response's output, oldest first. */
export const conversationOf = (turns: readonly StoredResponse[]): Item[] =>
  turns.flatMap((turn) => [...inputOf(turn), ...finishedOutputOf(turn)]);

/** The last response's whole input: the conversation before it, and its own items. */
export const inputHistoryOf = (turns: Turns): Item[] => [
  ...conversationOf(turns.slice(0, -1)),
  ...inputOf(turns.at(-1)!),
];

const parse = (json: Uint8Array): unknown => JSON.parse(Buffer.from(json).toString("utf8"));

/** A request's conversation, its references replaced by what they refer to. */
export interface Resolved {
  /** The chain of responses that the request continues, oldest first; empty at the start of a conversation. */
  readonly continued: readonly StoredResponse[];
  readonly history: readonly Item[];
  readonly input: readonly Item[];
}

/** Looks up what a request refers to. Throws unless it is stored for this user. */
export async function resolve(
  store: ResponseStore,
  userId: string,
  input: readonly (Item | ItemReference)[],
  previousId: string | undefined,
): Promise<Resolved> {
  const continued = previousId === undefined ? [] : await store.turns(userId, previousId);
  // A wrong parameter, so no 404.
  if (continued === undefined)
    throw new MeshError("invalid_request", `Previous response with id '${shorten(previousId!)}' not found.`, {
      param: "previous_response_id",
      code: "previous_response_not_found",
    });
  return {
    continued,
    history: conversationOf(continued),
    input: await Promise.all(
      input.map((item) => (item.type === "item_reference" ? findItem(store, userId, item) : item)),
    ),
  };
}

async function findItem(store: ResponseStore, userId: string, { id }: ItemReference): Promise<Item> {
  const stored = await store.findByItem(userId, id);
  const item = stored && [...outputOf(stored), ...inputOf(stored)].find((candidate) => candidate.id === id);
  if (item === undefined)
    throw new HttpError(
      "unknown_response",
      `Item with id '${shorten(id)}' not found. Items are not persisted when \`store\` is set to false. Try again with \`store\` set to true, or remove this item from your input.`,
      { param: "input" },
    );
  return item;
}
