import { create } from "@bufbuild/protobuf";
import {
  type Message,
  MessageSchema,
  type Part,
  Role,
} from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { parseImage, type RemoteImage, type ToImageFault } from "../../images/parse-image.ts";
import { addText, toImagePart, toToolCall } from "../../requests/messages.ts";
import { fault } from "../errors.ts";
import type * as schema from "./schema.ts";

/**
 * Translates the conversation: tool results become turns of their own, adjacent turns of one role are joined. Images
 * by URL are added to `remote`, without which they are rejected. Throws the first inconsistency.
 */
export function parseMessages(
  { system, messages }: Pick<schema.MessagesRequestBody, "system" | "messages">,
  remote?: RemoteImage[],
): Message[] {
  const conversation = new Conversation(remote);
  if (system) conversation.addSystem(toBlocks(system), "system");
  for (const [index, message] of messages.entries()) conversation.add(message, `messages.${index}`);
  if (messages.at(-1)!.role === "assistant")
    throw fault(
      "messages",
      "This model does not support assistant message prefill. The conversation must end with a user message.",
    );
  return conversation.messages;
}

const allowed: Record<schema.AnthropicMessage["role"], readonly schema.ContentBlock["type"][]> = {
  user: ["text", "image", "tool_result"],
  assistant: ["text", "thinking", "tool_use"],
  system: ["text"],
};

class Conversation {
  readonly messages: Message[] = [];
  readonly #calls = new Set<string>();
  readonly #remote: RemoteImage[] | undefined;

  constructor(remote: RemoteImage[] | undefined) {
    this.#remote = remote;
  }

  add({ role, content }: schema.AnthropicMessage, path: string): void {
    const blocks = toBlocks(content);
    if (blocks.length === 0) throw fault(path, "all messages must have non-empty content");
    for (const [index, block] of blocks.entries())
      if (!allowed[role].includes(block.type))
        throw fault(
          `${path}.content.${index}`,
          `Blocks of type '${block.type}' may not stand in a turn of the role '${role}'`,
        );
    if (role === "system") this.addSystem(blocks, `${path}.content`);
    else
      for (const [index, block] of blocks.entries()) this.#addBlock(role, block, `${path}.content.${index}`);
  }

  addSystem(blocks: readonly schema.ContentBlock[], path: string): void {
    for (const [index, block] of blocks.entries())
      if (block.type === "text") appendText(this.#turn(Role.SYSTEM), checkText(block, `${path}.${index}`));
  }

  #addBlock(role: "user" | "assistant", block: schema.ContentBlock, path: string): void {
    const turn = () => this.#turn(role === "user" ? Role.USER : Role.ASSISTANT);
    switch (block.type) {
      case "text":
        appendText(turn(), checkText(block, path));
        return;
      case "image":
        turn().parts.push(parseImagePart(block, path, this.#remote));
        return;
      case "thinking": {
        const message = turn();
        message.reasoning += message.reasoning === "" ? block.thinking : `\n${block.thinking}`;
        return;
      }
      case "tool_use": {
        const { id, name, input } = block;
        if (this.#calls.has(id)) throw fault(path, "`tool_use` ids must be unique");
        this.#calls.add(id);
        turn().toolCalls.push(toToolCall(id, name, JSON.stringify(input)));
        return;
      }
      case "tool_result":
        this.#addResult(block, path);
    }
  }

  #addResult(block: schema.ToolResultBlock, path: string): void {
    const { tool_use_id: id } = block;
    if (!this.#calls.has(id))
      throw fault(
        path,
        `unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${id.slice(0, 100)}. Each \`tool_result\` block must have a corresponding \`tool_use\` block in a message before it.`,
      );
    const message = create(MessageSchema, { role: Role.TOOL, toolCallId: id });
    const text = toResultText(block, path);
    if (text !== "") appendText(message, text);
    this.messages.push(message);
  }

  /** The last turn if it is this role's, otherwise a new one. */
  #turn(role: Role): Message {
    const last = this.messages.at(-1);
    if (last?.role === role) return last;
    const message = create(MessageSchema, { role });
    this.messages.push(message);
    return message;
  }
}

function toBlocks(content: string | readonly schema.ContentBlock[]): readonly schema.ContentBlock[] {
  if (typeof content !== "string") return content;
  return content === "" ? [] : [{ type: "text", text: content }];
}

/** Adjacent text blocks are joined by a line break. */
const appendText = ({ parts }: Message, text: string): void => addText(parts, text, "\n");

function checkText(
  { text, citations }: Extract<schema.ContentBlock, { type: "text" }>,
  path: string,
): string {
  if (citations && citations.length > 0) throw fault(`${path}.citations`, "Citations are not supported here");
  if (text === "") throw fault(path, "text content blocks must be non-empty");
  return text;
}

/** Generations have no flag for failed tools, so the text carries it. */
function toResultText({ content, is_error }: schema.ToolResultBlock, path: string): string {
  const texts: string[] = [];
  if (typeof content === "string") texts.push(content);
  else
    for (const [index, block] of (content ?? []).entries()) {
      const at = `${path}.content.${index}`;
      if (block.type === "image")
        throw fault(
          at,
          "Images are not supported in results of tools. Send them as blocks of the user's turn",
        );
      texts.push(checkText(block, at));
    }
  const text = texts.join("\n");
  return is_error ? `Error: ${text}`.trimEnd() : text;
}

function parseImagePart(
  { source }: schema.ImageBlock,
  path: string,
  remote: RemoteImage[] | undefined,
): Part {
  if (source.type === "url" && remote === undefined)
    throw fault(
      `${path}.source`,
      "Images are not fetched here. Send the image itself, with a source of type 'base64'",
    );
  const image =
    source.type === "url"
      ? parseImage(source.url, "", wrongImage(`${path}.source.url`), remote)
      : parseImage(
          `data:${source.media_type};base64,${source.data}`,
          "",
          wrongImage(`${path}.source.data`),
          undefined,
        );
  return toImagePart(image);
}

const wrongImage =
  (path: string): ToImageFault =>
  ({ message }) =>
    fault(path, message.charAt(0).toUpperCase() + message.slice(1).replace(/\.$/, ""));
