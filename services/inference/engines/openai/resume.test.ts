import { describe, expect, test } from "vitest";
import { FinishReason, Role } from "../../../../gen/cxmpute/generation/v1/generation_pb.ts";
import { Capabilities_Resume } from "../../../../gen/cxmpute/registry/v1/registry_pb.ts";
import { type GenerationInit, generationOf } from "../../../../test/support/inference/fake-engine.ts";
import {
  askServer,
  chunk,
  done,
  engineFor,
  event,
  modelList,
  never,
  type ServerKindShown,
  scriptedServer,
  sendEvents,
  sendJson,
} from "../../../../test/support/inference/openai.ts";
import { transcribe } from "../../transcript.ts";

/** Servers as they show themselves: by the owner of their models, or by what they have at these paths. */
const servers = {
  "llama-server": { owner: "llamacpp" },
  vLLM: { owner: "vllm" },
  SGLang: { owner: "sglang" },
  TGI: { owner: "", paths: { "/info": { max_total_tokens: 4096 } } },
  "LM Studio": { owner: "organization_owner" },
  Ollama: { owner: "library" },
  "another mesh": { owner: "cxmpute-mesh" },
  "a server of unknown kind": { owner: "somebody" },
} as const satisfies Record<string, ServerKindShown>;
type Server = keyof typeof servers;

/** What comes of going on with an answer on a server that writes these pieces. */
const goOn = (kind: Server, init: GenerationInit, pieces: readonly (string | object)[] = [" was a king."]) =>
  askServer(servers[kind], init, pieces);

const story = { resume: { text: "Once upon a time there" } };
const asked = { role: "user", content: "What is a mesh?" };
const tools = [{ name: "now" }];

describe("going on with an answer from its text", () => {
  test.each<{ kind: Server; members: object; begun?: string }>([
    {
      kind: "llama-server",
      members: { continue_final_message: true, add_generation_prompt: false },
      begun: "Once upon a time",
    },
    { kind: "vLLM", members: { continue_final_message: true, add_generation_prompt: false } },
    { kind: "SGLang", members: { continue_final_message: true } },
    { kind: "another mesh", members: { continue_final_message: true, add_generation_prompt: false } },
    { kind: "TGI", members: {} },
    { kind: "LM Studio", members: {} },
    { kind: "Ollama", members: {} },
    {
      kind: "a server of unknown kind",
      members: { continue_final_message: true, add_generation_prompt: false },
    },
  ])("is asked of $kind in its own way", async ({ kind, members, begun = story.resume.text }) => {
    const { body, served } = await goOn(kind, story);
    const { messages, continue_final_message, add_generation_prompt } = body;
    expect(messages).toEqual([asked, { role: "assistant", content: begun }]);
    expect({ continue_final_message, add_generation_prompt }).toEqual({
      continue_final_message: undefined,
      add_generation_prompt: undefined,
      ...members,
    });
    expect(served.capabilities?.resume).toBe(Capabilities_Resume.TEXT);
  });

  test("leaves other requests as they are", async () => {
    const { body } = await goOn("llama-server", {});
    expect(body.messages).toEqual([asked]);
    for (const member of ["continue_final_message", "add_generation_prompt", "grammar"])
      expect(body).not.toHaveProperty(member);
  });

  test("lets nobody think once more, whatever was said of it", async () => {
    const { body } = await goOn("SGLang", {
      ...story,
      reasoning: { effort: "high", enabled: true },
      chatTemplateKwargsJson: '{"enable_thinking":true,"style":1}',
    });
    expect(body).not.toHaveProperty("reasoning_effort");
    expect(body.chat_template_kwargs).toEqual({ style: 1, enable_thinking: false, thinking: false });
  });

  test("stays in the assistant's turn when that had the last word already", async () => {
    const messages = [
      { role: Role.USER, parts: [{ part: { case: "text" as const, value: "Hi" } }] },
      { role: Role.ASSISTANT, parts: [{ part: { case: "text" as const, value: "Well, " } }] },
    ];
    const { body } = await goOn("SGLang", { ...story, messages });
    expect(body.messages).toEqual([
      { role: "user", content: "Hi" },
      { role: "assistant", content: "Well, Once upon a time there" },
    ]);
  });

  test("keeps tools at hand, and a call may come", async () => {
    const call = { tool_calls: [{ index: 0, id: "c", function: { name: "now", arguments: "{}" } }] };
    const { body, answer } = await goOn("llama-server", { ...story, tools }, [" is", call]);
    expect(body).toMatchObject({ tools: [{ function: { name: "now" } }], tool_choice: "auto" });
    expect(answer).toMatchObject({
      text: " is",
      reason: FinishReason.TOOL_CALLS,
      toolCalls: [{ name: "now", argumentsJson: "{}" }],
    });
  });

  test("counts what is new as the answer", async () => {
    const { answer, body } = await goOn("vLLM", { ...story, limits: { maxTokens: 7 } });
    expect(body.max_tokens).toBe(7);
    expect(answer.usage).toMatchObject({ promptTokens: 9, completionTokens: 4 });
  });

  test("puts the text behind a raw prompt of text", async () => {
    const rawPrompt = { prompt: { case: "text" as const, value: "My story: " } };
    const { body, answer } = await goOn("vLLM", { ...story, messages: [], rawPrompt });
    expect(body.prompt).toBe("My story: Once upon a time there");
    expect(body).not.toHaveProperty("continue_final_message");
    expect(answer.text).toBe(" was a king.");
  });
});

describe("the end of the text", () => {
  const sentTo = async (kind: Server, text: string, init: GenerationInit = {}) => {
    const { body } = await goOn(kind, { resume: { text }, ...init });
    return [(body.messages as { content: string }[]).at(-1)?.content, body.grammar];
  };

  test.each([
    { text: "a king lived", sent: "a king", grammar: 'root ::= " lived" [^\\x00]*' },
    { text: "a king ", sent: "a", grammar: 'root ::= " king " [^\\x00]*' },
    { text: "list:\n  one", sent: "list:", grammar: 'root ::= "\\x0a  one" [^\\x00]*' },
    { text: 'he said "a\\b', sent: "he said", grammar: 'root ::= " \\"a\\\\b" [^\\x00]*' },
    { text: "Grüße 👋🏽", sent: "Grüße", grammar: 'root ::= " 👋🏽" [^\\x00]*' },
    {
      text: `${"long".repeat(9)}end`,
      sent: "long".repeat(9).slice(0, -13),
      grammar: `root ::= "${"long".repeat(9).slice(-13)}end" [^\\x00]*`,
    },
    { text: "Once", sent: "Once", grammar: undefined },
    { text: " \n", sent: " \n", grammar: undefined },
  ])("$text is written again by llama-server, held to it", async ({ text, sent, grammar }) => {
    expect(await sentTo("llama-server", text)).toEqual([sent, grammar]);
  });

  test.each([
    { text: "a king lived", sent: "a king lived" },
    { text: "a king ", sent: "a king" },
    { text: "a king\n", sent: "a king\n" },
    { text: "a king:  ", sent: "a king:  " },
  ])("$text goes to llama-server as $sent when it has a grammar for tools", async ({ text, sent }) => {
    expect(await sentTo("llama-server", text, { tools })).toEqual([sent, undefined]);
    expect(await sentTo("SGLang", text)).toEqual([sent, undefined]);
  });

  test.each<Server>(["vLLM", "TGI", "a server of unknown kind"])(
    "is written again by %s where it is space, which its template may trim",
    async (kind) => {
      expect(await sentTo(kind, "one:\n\n  ")).toEqual(["one:", undefined]);
      expect(await sentTo(kind, "one: two")).toEqual(["one: two", undefined]);
    },
  );
});

describe("of what a server writes", () => {
  const shown = async (kind: Server, text: string, pieces: string[], init: GenerationInit = {}) =>
    (await goOn(kind, { resume: { text }, ...init }, pieces)).answer.text;

  test.each<{ what: string; kind: Server; text: string; pieces: string[]; is: string }>([
    { what: "nothing, where it just goes on", kind: "vLLM", text: "a b", pieces: [" c", " d"], is: " c d" },
    { what: "the whole turn before it", kind: "vLLM", text: "a b", pieces: ["a b", " c"], is: " c" },
    { what: "the whole turn with more", kind: "vLLM", text: "a b", pieces: ["a b c", " d"], is: " c d" },
    { what: "no more than one turn", kind: "vLLM", text: "ha", pieces: ["ha", "ha", "ha"], is: "haha" },
    { what: "no part of it", kind: "vLLM", text: "ha ha", pieces: ["ha", " ha", "!"], is: "ha ha!" },
    { what: "a space that it had to write", kind: "SGLang", text: "a ", pieces: [" b", " c"], is: "b c" },
    { what: "a space alone", kind: "SGLang", text: "a ", pieces: [" ", "b"], is: "b" },
    { what: "no space that it did not have to", kind: "SGLang", text: "a", pieces: [" b"], is: " b" },
    { what: "spaces of another number", kind: "vLLM", text: "a\n\n", pieces: ["\n", "\n\nb"], is: "\nb" },
    { what: "no sign in their place", kind: "vLLM", text: "a\n", pieces: [", b\n"], is: ", b\n" },
    {
      what: "a word that it was held to",
      kind: "llama-server",
      text: "a king lived",
      pieces: [" l", "iv", "ed in", " it"],
      is: " in it",
    },
    {
      what: "the turn and the word",
      kind: "llama-server",
      text: "a king liv",
      pieces: ["a king lived", " it"],
      is: "ed it",
    },
  ])("$what is taken off", async ({ kind, text, pieces, is }) => {
    expect(await shown(kind, text, pieces)).toBe(is);
  });

  test("log probabilities of what was there before are left out", async () => {
    const token = (content: string, logprob: number) => ({
      choices: [
        {
          index: 0,
          delta: { content },
          finish_reason: null,
          logprobs: { content: [{ token: content, logprob }] },
        },
      ],
    });
    const chunks = [token(" liv", -1), token("ed", -2), token(" in", -3), chunk({}, "stop")];
    const server = await scriptedServer((received) => {
      const list = { ...modelList(), data: [{ id: "m", object: "model", owned_by: "llamacpp" }] };
      if (received.path === "/v1/models") sendJson(received, list);
      if (received.method !== "POST") return;
      sendEvents(received, chunks.map(event).join("") + done);
      received.response.end();
    });
    try {
      const engine = await engineFor(server);
      const init = { resume: { text: "a king lived" }, logprobs: { top: 0 } };
      const { text, logprobs } = await transcribe(engine.generate(generationOf(init), never));
      expect([text, logprobs.map(({ token }) => token?.logprob)]).toEqual([" in", [-3]]);
    } finally {
      await server.close();
    }
  });
});
