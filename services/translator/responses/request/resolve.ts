import { itemNotFound, previousNotFound } from "../faults.ts";
import type { Item, ItemReference } from "../items.ts";
import {
  conversationOf,
  inputOf,
  outputOf,
  type ResponseStore,
  type StoredResponse,
} from "../store/response-store.ts";
import type { ResponseRequest } from "./index.ts";

/** A request's conversation, its references replaced by what they refer to. */
export interface Resolved {
  /** The chain of responses that the request continues, oldest first; empty at the start of a conversation. */
  readonly continued: readonly StoredResponse[];
  /** Their input and output. */
  readonly history: readonly Item[];
  readonly input: readonly Item[];
}

/** Looks up what a request refers to. Throws unless it is stored for this user. */
export async function resolve(
  store: ResponseStore,
  userId: string,
  { input, previousResponseId }: Pick<ResponseRequest, "input" | "previousResponseId">,
): Promise<Resolved> {
  const continued = previousResponseId === undefined ? [] : await store.turns(userId, previousResponseId);
  if (continued === undefined) throw previousNotFound(previousResponseId!);
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
  if (item === undefined) throw itemNotFound(id);
  return item;
}
