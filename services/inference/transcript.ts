import * as proto from "../../gen/cxmpute/generation/v1/generation_pb.ts";

/** A whole answer, assembled from its events. */
export interface Transcript {
  /** The events' cases in order, such as `["started", "delta", "finished"]`. */
  readonly order: readonly string[];
  readonly started: proto.Started | undefined;
  readonly deltas: readonly proto.Delta[];
  readonly text: string;
  readonly reasoning: string;
  readonly tokenIds: readonly number[];
  readonly logprobs: readonly proto.TokenLogprob[];
  /** Assembled from their pieces, by index. */
  readonly toolCalls: readonly Omit<proto.ToolCall, "$typeName" | "$unknown">[];
  /** Unspecified when there was no `finished`. */
  readonly reason: proto.FinishReason;
  readonly usage: proto.Usage | undefined;
  /** The stop text that was met. */
  readonly stop: string;
  readonly embeddings: readonly proto.Embedded[];
}

/** Reads an answer to its end. `onEvent` is called with each event as it comes. */
export async function transcribe(
  events: AsyncIterable<proto.GenerationEvent>,
  onEvent: (event: proto.GenerationEvent) => void = () => {},
): Promise<Transcript> {
  const order: string[] = [];
  const deltas: proto.Delta[] = [];
  const embeddings: proto.Embedded[] = [];
  let started: proto.Started | undefined;
  let reason = proto.FinishReason.UNSPECIFIED as proto.FinishReason;
  let usage: proto.Usage | undefined;
  let stop = "";
  for await (const event of events) {
    onEvent(event);
    order.push(event.event.case ?? "nothing");
    if (event.event.case === "started") started ??= event.event.value;
    if (event.event.case === "delta") deltas.push(event.event.value);
    if (event.event.case === "embedded") embeddings.push(event.event.value);
    if (event.event.case === "finished") ({ reason, usage, stop } = event.event.value);
  }
  return {
    order,
    started,
    deltas,
    text: deltas.map(({ text }) => text).join(""),
    reasoning: deltas.map(({ reasoning }) => reasoning).join(""),
    tokenIds: deltas.flatMap(({ tokenIds }) => tokenIds),
    logprobs: deltas.flatMap(({ logprobs }) => logprobs),
    toolCalls: joinToolCalls(deltas),
    reason,
    usage,
    stop,
    embeddings,
  };
}

function joinToolCalls(deltas: readonly proto.Delta[]): Transcript["toolCalls"] {
  const calls: { id: string; name: string; argumentsJson: string }[] = [];
  for (const { index, id, name, argumentsJson } of deltas.flatMap(({ toolCalls }) => toolCalls)) {
    const call = calls[index];
    if (call === undefined) calls[index] = { id, name, argumentsJson };
    else call.argumentsJson += argumentsJson;
  }
  return calls;
}
