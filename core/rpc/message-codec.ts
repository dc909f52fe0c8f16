import { type DescMessage, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import {
  RelayRequestSchema as NodeRelayRequest,
  type RelayRequest as NodeRelayRequestShape,
  RelayResponseSchema as NodeRelayResponse,
  type RelayResponse as NodeRelayResponseShape,
} from "../../gen/cxmpute/inference/v1/inference_pb.ts";
import {
  type AttachRequest,
  AttachRequestSchema,
  type AttachResponse,
  AttachResponseSchema,
  RelayRequestSchema as RouterRelayRequest,
  type RelayRequest as RouterRelayRequestShape,
  RelayResponseSchema as RouterRelayResponse,
  type RelayResponse as RouterRelayResponseShape,
} from "../../gen/cxmpute/router/v1/router_pb.ts";
import { encodeEngineBound } from "../relay/engine-bound-codec.ts";
import { decodeClientBound, encodeClientBound } from "../relay/frame-codec.ts";
import { SentPrompt } from "../relay/start-queue.ts";

/** Serializes messages of one type. */
export interface MessageCodec {
  readonly serialize: (message: Message) => Buffer;
  readonly deserialize: (bytes: Buffer) => Message;
  /** Does what would keep `serialize` busy for long, in turns of the event loop; undefined when there is none. */
  readonly prepare?: (message: Message) => Promise<unknown> | undefined;
}

/** The codec of a type: protobuf-es, except for the messages that carry tokens and large prompts (`core/relay`). */
export function codecOf(schema: DescMessage): MessageCodec {
  return frameCodecs.get(schema.typeName) ?? generalCodec(schema);
}

const generalCodec = (schema: DescMessage): MessageCodec => ({
  serialize: (message) => asBuffer(toBinary(schema, message)),
  deserialize: (bytes) => fromBinary(schema, bytes),
});

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Tags of the field that holds the frame: field number and wire type. */
const relayFrameTag = 0x0a;
const attachFrameTag = 0x12;

const frameCodecs = new Map<string, MessageCodec>([
  [NodeRelayResponse.typeName, relayCodec(NodeRelayResponse)],
  [RouterRelayResponse.typeName, relayCodec(RouterRelayResponse)],
  [AttachRequestSchema.typeName, attachCodec()],
  [NodeRelayRequest.typeName, promptCodec(NodeRelayRequest)],
  [RouterRelayRequest.typeName, promptCodec(RouterRelayRequest)],
  [AttachResponseSchema.typeName, promptCodec(AttachResponseSchema)],
]);

/** For messages with frames towards the engine. */
function promptCodec(
  schema: typeof NodeRelayRequest | typeof RouterRelayRequest | typeof AttachResponseSchema,
): MessageCodec {
  const { serialize, deserialize } = generalCodec(schema);
  return {
    serialize(message) {
      const { frame } = message as NodeRelayRequestShape | RouterRelayRequestShape | AttachResponse;
      return frame === undefined || frame.prompts.length === 0
        ? serialize(message)
        : encodeEngineBound(relayFrameTag, frame);
    },
    deserialize,
    prepare(message) {
      const prompts = (message as NodeRelayRequestShape).frame?.prompts ?? [];
      const encoding = prompts.flatMap((prompt) =>
        prompt instanceof SentPrompt ? (prompt.prompt.encode() ?? []) : [],
      );
      return encoding.length === 0 ? undefined : Promise.all(encoding);
    },
  };
}

function relayCodec(schema: typeof NodeRelayResponse | typeof RouterRelayResponse): MessageCodec {
  const { serialize, deserialize } = generalCodec(schema);
  const $typeName = schema.typeName;
  return {
    serialize(message) {
      const { frame } = message as NodeRelayResponseShape | RouterRelayResponseShape;
      return frame === undefined ? serialize(message) : encodeClientBound(relayFrameTag, frame);
    },
    deserialize(bytes) {
      const frame = decodeClientBound(relayFrameTag, bytes);
      return frame === undefined ? deserialize(bytes) : ({ $typeName, frame } as Message);
    },
  };
}

function attachCodec(): MessageCodec {
  const { serialize, deserialize } = generalCodec(AttachRequestSchema);
  return {
    serialize(request) {
      const { message } = request as AttachRequest;
      return message.case === "frame" ? encodeClientBound(attachFrameTag, message.value) : serialize(request);
    },
    deserialize(bytes) {
      const value = decodeClientBound(attachFrameTag, bytes);
      if (value === undefined) return deserialize(bytes);
      const request: AttachRequest = {
        $typeName: "cxmpute.router.v1.AttachRequest",
        message: { case: "frame", value },
      };
      return request;
    },
  };
}
