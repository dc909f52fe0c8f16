import { hash } from "node:crypto";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  type Generation,
  GenerationSchema,
  type Message,
  type Part,
} from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import { MeshError } from "../errors/mesh-error.ts";
import { encodePrompt, type PromptFields } from "./encode-prompt.ts";

/** From this size on, in bytes, a prompt is sent apart from its generations. */
const largeBytes = 64 * 1024;

/** The prompts of generations that this process holds, by the object that siblings share. */
const known = new WeakMap<object, Prompt>();

/** A large prompt, encoded or not. Whatever is needed of it is made once, however many generations and relays share it. */
export class Prompt {
  #fields: PromptFields | undefined;
  #bytes: Uint8Array | undefined;
  #encoding: Promise<void> | undefined;
  #digest: string | undefined;

  private constructor(fields: PromptFields | undefined, bytes: Uint8Array | undefined) {
    this.#fields = fields;
    this.#bytes = bytes;
  }

  /** The prompt of a generation: the same for all that share the objects. Nobody may change these from now on. */
  static of({ messages, tools, rawPrompt, embedding }: Generation): Prompt {
    const key = keyOf({ messages, rawPrompt, embedding });
    const found = known.get(key);
    if (found !== undefined && found.fields.tools === tools) return found;
    const prompt = new Prompt({ messages, tools, rawPrompt, embedding }, undefined);
    known.set(key, prompt);
    return prompt;
  }

  static from(bytes: Uint8Array): Prompt {
    return new Prompt(undefined, bytes);
  }

  /** Throws `invalid_request` when the bytes are no generation. */
  get fields(): PromptFields {
    this.#fields ??= this.#decode();
    return this.#fields;
  }

  /** Encoded as a Generation: at once, unless `encode` has been called before. */
  get bytes(): Uint8Array {
    this.#bytes ??= toBinary(GenerationSchema, create(GenerationSchema, this.#fields!));
    return this.#bytes;
  }

  /** SHA-256 of the bytes, which is computed once: 19 MB take 15 ms. */
  get digest(): string {
    this.#digest ??= hash("sha256", this.bytes, "base64");
    return this.#digest;
  }

  /** Makes the bytes, in turns of the event loop; undefined when they are there. */
  encode(): Promise<void> | undefined {
    if (this.#bytes !== undefined) return undefined;
    this.#encoding ??= encodePrompt(this.fields).then((bytes) => {
      this.#bytes = bytes;
    });
    return this.#encoding;
  }

  #decode(): PromptFields {
    try {
      const { messages, tools, rawPrompt, embedding } = fromBinary(GenerationSchema, this.#bytes!);
      const fields = { messages, tools, rawPrompt, embedding };
      // A router passes the bytes on as they are.
      known.set(keyOf(fields), this);
      return fields;
    } catch (cause) {
      throw new MeshError("invalid_request", "A prompt on the relay cannot be read.", { cause });
    }
  }
}

const keyOf = ({ messages, rawPrompt, embedding }: Omit<PromptFields, "tools">): object =>
  embedding ?? rawPrompt ?? messages;

/** The generation without its prompt. */
export const withoutPrompt = (generation: Generation): Generation => ({
  ...generation,
  messages: [],
  tools: [],
  rawPrompt: undefined,
  embedding: undefined,
});

/** Whether a generation's prompt is worth sending apart. Counts no further than it must. */
export function hasLargePrompt({ messages, tools, rawPrompt, embedding }: Generation): boolean {
  let left = largeBytes;
  const spend = (...sizes: readonly number[]) => {
    for (const size of sizes) left -= size;
    return left <= 0;
  };
  const raw = (prompt: NonNullable<typeof rawPrompt>["prompt"]) =>
    spend(prompt.case === "tokens" ? 3 * prompt.value.ids.length : (prompt.value?.length ?? 0));
  return (
    messages.some(
      (message) => spend(sizeOfMessage(message)) || message.parts.some((part) => spend(sizeOfPart(part))),
    ) ||
    tools.some(({ description, parametersJson }) => spend(description.length, parametersJson.length)) ||
    (rawPrompt !== undefined && raw(rawPrompt.prompt)) ||
    (embedding?.inputs.some(({ prompt }) => raw(prompt)) ?? false)
  );
}

const sizeOfPart = ({ part }: Part): number =>
  part.case === "image" ? part.value.data.length : (part.value?.length ?? 0);

const sizeOfMessage = ({ reasoning, toolCalls }: Message): number =>
  toolCalls.reduce((sum, call) => sum + call.argumentsJson.length, reasoning.length);
