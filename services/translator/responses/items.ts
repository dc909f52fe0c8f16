// What goes into a model and comes out of it, as OpenAI's Responses API has it: a list of items. Input is brought
// into this form when it is read, so that what is stored, listed and translated is one and the same.

/** How far an item has come. */
export type ItemStatus = "in_progress" | "completed" | "incomplete";

/** Text that goes in. */
export interface InputText {
  readonly type: "input_text";
  readonly text: string;
}

/** A picture that goes in, as a data URL. */
export interface InputImage {
  readonly type: "input_image";
  readonly image_url: string;
  readonly detail: "auto" | "low" | "high";
}

/** Text that a model has said. */
export interface OutputText {
  readonly type: "output_text";
  readonly annotations: readonly unknown[];
  /** Empty unless asked for. */
  readonly logprobs: readonly unknown[];
  readonly text: string;
}

/** What a model has said instead of an answer. */
export interface Refusal {
  readonly type: "refusal";
  readonly refusal: string;
}

/** What somebody says to the model. */
export interface InputMessage {
  readonly id: string;
  readonly type: "message";
  readonly status: ItemStatus;
  readonly content: readonly (InputText | InputImage)[];
  readonly role: "user" | "system" | "developer";
}

/** What the model says. */
export interface OutputMessage {
  readonly id: string;
  readonly type: "message";
  readonly status: ItemStatus;
  readonly content: readonly (OutputText | Refusal)[];
  readonly role: "assistant";
}

/** What the model thinks: openly in `content`, or in `summary` where the request asked for that. */
export interface ReasoningItem {
  readonly id: string;
  readonly type: "reasoning";
  readonly status: ItemStatus;
  readonly summary: readonly { readonly type: "summary_text"; readonly text: string }[];
  readonly content?: readonly { readonly type: "reasoning_text"; readonly text: string }[];
}

/** A function that the model calls. */
export interface FunctionCall {
  readonly id: string;
  readonly type: "function_call";
  readonly status: ItemStatus;
  /** JSON text. */
  readonly arguments: string;
  /** What the result names. */
  readonly call_id: string;
  readonly name: string;
}

/** What a called function has returned. */
export interface FunctionCallOutput {
  readonly id: string;
  readonly type: "function_call_output";
  readonly status: ItemStatus;
  readonly call_id: string;
  readonly output: string | readonly InputText[];
}

/** What a model makes. */
export type OutputItem = OutputMessage | ReasoningItem | FunctionCall;

/** One step of a conversation. */
export type Item = InputMessage | FunctionCallOutput | OutputItem;

/** Stands in a request for an item that is stored. */
export interface ItemReference {
  readonly type: "item_reference";
  readonly id: string;
}
