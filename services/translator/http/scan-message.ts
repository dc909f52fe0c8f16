import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import { jsonLimits } from "./json-scanner.ts";

/**
 * Measures an encoded message without decoding it, by the limits of JSON bodies: 20 MiB have room for ten million empty
 * messages, which would take a second. Throws `invalid_request` beyond the limits. Does not validate the bytes.
 */
export function scanMessage(bytes: Uint8Array, schema: DescMessage): void {
  let parts = 0;
  let values = 0;
  walk(new BinaryReader(bytes), bytes.length, schema);

  function walk(reader: BinaryReader, end: number, message: DescMessage): void {
    const fields = new Map(message.fields.map((field) => [field.number, field]));
    while (reader.pos < end) {
      const [number, wireType] = reader.tag();
      const field = fields.get(number);
      const inner = field && messageOf(field);
      parts++;
      if (wireType !== WireType.LengthDelimited || field === undefined) reader.skip(wireType, number);
      else if (inner !== undefined) walk(reader, reader.uint32() + reader.pos, inner);
      else {
        const { length } = reader.bytes();
        // Of a packed list; token ids take three bytes, as a rule.
        if (field.fieldKind === "list") values += isText(field) ? 1 : length / 3;
      }
      if (parts > jsonLimits.parts || values > jsonLimits.values)
        throw new MeshError(
          "invalid_request",
          `The message may hold at most ${jsonLimits.parts} fields and ${jsonLimits.values} numbers.`,
        );
    }
  }
}

/** The type of a field's messages; a map's entries count as one field each. */
const messageOf = (field: DescField): DescMessage | undefined =>
  field.fieldKind === "message" || (field.fieldKind === "list" && field.listKind === "message")
    ? field.message
    : undefined;

const isText = (field: DescField): boolean =>
  field.fieldKind === "list" &&
  field.listKind === "scalar" &&
  (field.scalar === ScalarType.STRING || field.scalar === ScalarType.BYTES);
