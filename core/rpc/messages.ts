import {
  create,
  type DescMessage,
  isMessage,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf";

/** The message itself, or one made from its fields. */
export function asMessage<D extends DescMessage>(schema: D, value: MessageInitShape<D>): MessageShape<D> {
  return isMessage(value, schema) ? value : create(schema, value);
}

/** The same for a stream. */
export async function* asMessages<D extends DescMessage>(
  schema: D,
  values: AsyncIterable<MessageInitShape<D>>,
): AsyncGenerator<MessageShape<D>> {
  for await (const value of values) yield asMessage(schema, value);
}
