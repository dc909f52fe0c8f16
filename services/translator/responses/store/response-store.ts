import { MeshError } from "../../../../core/errors/mesh-error.ts";
import { mostMessages } from "../../../../core/generation/bounds.ts";
import { inTurnFor } from "../../../../core/streams/own-turn.ts";
import { defaultBodyLimitBytes } from "../../config.ts";
import { HttpError } from "../../errors/http-faults.ts";
import { arrayTooLong, shorten, wrongMeaning } from "../../errors/param-faults.ts";
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

/**
 * The most bytes of stored responses that one request may read, as in one body. A request of a few bytes could else be
 * as much work as the whole store.
 */
const readLimitBytes = defaultBodyLimitBytes;

/** The conversation including the last response's output, oldest first. Rejects when it is too long. */
export function conversationOf(turns: readonly StoredResponse[]): Promise<Item[]> {
  if (bytesOf(turns) > readLimitBytes)
    throw new MeshError(
      "invalid_request",
      `The conversation that 'previous_response_id' continues is too long: at most ${readLimitBytes} bytes are accepted. Start a new one with a summary of it.`,
      { param: "previous_response_id", code: "context_length_exceeded" },
    );
  return readEach(turns, (turn) => [...inputOf(turn), ...finishedOutputOf(turn)]);
}

/** The last response's whole input: the conversation before it, and its own items. */
export const inputHistoryOf = async (turns: Turns): Promise<Item[]> => [
  ...(await conversationOf(turns.slice(0, -1))),
  ...inputOf(turns.at(-1)!),
];

const parse = (json: Uint8Array): unknown => JSON.parse(Buffer.from(json).toString("utf8"));

const bytesOf = (turns: readonly StoredResponse[]): number =>
  turns.reduce((sum, { input, response }) => sum + input.byteLength + response.byteLength, 0);

/** How many small responses may be read in one turn of the event loop. */
const readAtOnce = 50;

/** Reads stored responses one by one, in turns of the event loop where they are large or many. */
async function readEach<T>(
  responses: readonly StoredResponse[],
  read: (response: StoredResponse) => T[],
): Promise<T[]> {
  const all: T[][] = [];
  for (const [index, response] of responses.entries()) {
    const bytes = (index + 1) % readAtOnce === 0 ? Number.POSITIVE_INFINITY : bytesOf([response]);
    all.push(await inTurnFor(bytes, () => read(response)));
  }
  return all.flat();
}

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
  const history = await conversationOf(continued);
  if (history.length + input.length > mostMessages)
    throw arrayTooLong("input", mostMessages, history.length + input.length);
  return { continued, history, input: await findItems(store, userId, input) };
}

/** Replaces references by what they refer to. Each stored response is read once, however many refer to it. */
async function findItems(
  store: ResponseStore,
  userId: string,
  input: readonly (Item | ItemReference)[],
): Promise<Item[]> {
  const read = new Map<StoredResponse, ReadonlyMap<string, Item>>();
  const found = new Set<Item>();
  const items: Item[] = [];
  let bytes = 0;
  for (const item of input) {
    if (item.type !== "item_reference") {
      items.push(item);
      continue;
    }
    const stored = await store.findByItem(userId, item.id);
    if (stored === undefined) throw itemNotFound(item.id);
    let byId = read.get(stored);
    if (byId === undefined) {
      bytes += bytesOf([stored]);
      if (bytes > readLimitBytes)
        throw wrongMeaning(
          "input",
          `The responses that the item references belong to are too long: at most ${readLimitBytes} bytes are read for one request. Send the items themselves.`,
        );
      byId = await inTurnFor(bytesOf([stored]), () => itemsOf(stored));
      read.set(stored, byId);
    }
    const one = byId.get(item.id);
    if (one === undefined) throw itemNotFound(item.id);
    if (found.has(one))
      throw wrongMeaning(
        "input",
        `Duplicate item found with id '${shorten(item.id)}'. Remove it and try again.`,
      );
    found.add(one);
    items.push(one);
  }
  return items;
}

/** Of equal ids the first counts. */
const itemsOf = (stored: StoredResponse): ReadonlyMap<string, Item> =>
  new Map([...outputOf(stored), ...inputOf(stored)].reverse().map((item) => [item.id, item]));

const itemNotFound = (id: string) =>
  new HttpError(
    "unknown_response",
    `Item with id '${shorten(id)}' not found. Items are not persisted when \`store\` is set to false. Try again with \`store\` set to true, or remove this item from your input.`,
    { param: "input" },
  );
