import { toBinary } from "@bufbuild/protobuf";
import { type EngineBound, EngineBoundSchema } from "../../gen/cxmpute/relay/v1/relay_pb.ts";
import { FrameWriter } from "./frame-writer.ts";
import { varintSize } from "./varint.ts";

/** Tags of `EngineBound` and of `SharedPrompt`: field number and wire type. */
const tags = { prompts: 0x1a, id: 0x08, generation: 0x12 } as const;

/**
 * Encodes a message whose only field, with this tag, is a frame with prompts. Protobuf-es would copy these megabytes
 * once for every message around them.
 */
export function encodeEngineBound(frameTag: number, frame: EngineBound): Buffer {
  const rest = toBinary(EngineBoundSchema, { ...frame, prompts: [] });
  const prompts = frame.prompts.map(({ id, generation }) => ({
    id,
    generation,
    size: 1 + varintSize(id) + 1 + varintSize(generation.length) + generation.length,
  }));
  const size = prompts.reduce((sum, prompt) => sum + 1 + varintSize(prompt.size) + prompt.size, rest.length);
  const writer = new FrameWriter(1 + varintSize(size) + size);
  writer.byte(frameTag);
  writer.varint(size);
  writer.raw(rest);
  for (const { id, generation, size: promptSize } of prompts) {
    writer.byte(tags.prompts);
    writer.varint(promptSize);
    writer.byte(tags.id);
    writer.varint(id);
    writer.byte(tags.generation);
    writer.varint(generation.length);
    writer.raw(generation);
  }
  return writer.detach();
}
