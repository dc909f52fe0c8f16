import type { Item } from "../items.ts";

/** A response that is kept, and what it was made of. */
export interface StoredResponse {
  readonly id: string;
  /** Whose it is: nobody else can see or continue it. */
  readonly userId: string;
  /** The response object as JSON text in UTF-8. */
  readonly response: Uint8Array;
  /** What its own request added to the conversation: an array of items as JSON text in UTF-8. */
  readonly input: Uint8Array;
  /** The ids of the items that it has, its own input's and its output's. */
  readonly itemIds: readonly string[];
  /** The response that it continues; undefined where it began a conversation. */
  readonly previousId: string | undefined;
}

/** A response at its end, before it those that it continues, the oldest first; never empty. */
export type Turns = readonly [...StoredResponse[], StoredResponse];

/** Where responses are kept. What is lost, and what is somebody else's, is as if it had never been. */
export interface ResponseStore {
  /**
   * Keeps a response. `continued` is what it continues, as `turns` gave it; that stays with it, whatever becomes or has
   * become of the entries of those responses.
   */
  put(stored: StoredResponse, continued: readonly StoredResponse[]): Promise<void>;
  get(userId: string, id: string): Promise<StoredResponse | undefined>;
  /** A response with all that it continues, of which nothing is missing. */
  turns(userId: string, id: string): Promise<Turns | undefined>;
  /** The response that has an item of this id; of several the latest. */
  findByItem(userId: string, itemId: string): Promise<StoredResponse | undefined>;
  /** Whether there was such a response. */
  delete(userId: string, id: string): Promise<boolean>;
}

/** What a response's own request added. */
export const inputOf = ({ input }: StoredResponse): Item[] => parse(input) as Item[];

/** What a response says. */
export const outputOf = ({ response }: StoredResponse): Item[] =>
  (parse(response) as { output: Item[] }).output;

/** What a response adds to the conversation: of one that broke off only what was finished by then. */
function saidIn({ response }: StoredResponse): Item[] {
  const { status, output } = parse(response) as { status: string; output: Item[] };
  return status === "failed" ? output.filter((item) => item.status !== "incomplete") : output;
}

/** The whole conversation up to the last response, its own output included, oldest first. */
export const conversationOf = (turns: readonly StoredResponse[]): Item[] =>
  turns.flatMap((turn) => [...inputOf(turn), ...saidIn(turn)]);

/** All that the last response was made of: the conversation that it continues, and its own input. */
export const inputHistoryOf = (turns: Turns): Item[] => [
  ...conversationOf(turns.slice(0, -1)),
  ...inputOf(turns.at(-1)!),
];

const parse = (json: Uint8Array): unknown => JSON.parse(Buffer.from(json).toString("utf8"));
