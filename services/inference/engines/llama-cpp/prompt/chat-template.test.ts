import { describe, expect, test } from "vitest";
import { GgufError, Metadata } from "../gguf/header.ts";
import { ChatTemplate } from "./chat-template.ts";
import type { Turn } from "./turns.ts";

const templateOf = (source: string | undefined, withTools?: string) =>
  new ChatTemplate(
    new Metadata(
      new Map([
        ...(source === undefined ? [] : [["tokenizer.chat_template", source] as const]),
        ...(withTools === undefined ? [] : [["tokenizer.chat_template.tool_use", withTools] as const]),
      ]),
    ),
    { bos_token: "<s>", eos_token: "</s>" },
  );

const lines = `{% for m in messages %}{{ m.role }}: {{ m.content }}{% for c in m.tool_calls or [] %} {{ c.function.name }}#{{ c.id }}{% endfor %}{% if m.tool_call_id %} #{{ m.tool_call_id }}{% endif %}{{ '\n' }}{% endfor %}`;

/** As Mistral's and Gemma's templates do. */
const alternating = `{{ bos_token }}{% set turns = messages[1:] if messages[0].role == 'system' else messages %}{% set ns = namespace(i=0) %}{% for m in turns %}{% if m.role in ['user', 'assistant'] and not m.tool_calls %}{% if (m.role == 'user') != (ns.i % 2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif %}{% set ns.i = ns.i + 1 %}{% elif m.role == 'system' %}{{ raise_exception('system must be first') }}{% endif %}{% endfor %}${lines}`;

/** As Gemma 2's does. */
const systemless = `{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}${alternating}`;

/** As Llama 3.1's and Mistral's do. */
const singleCalls = `{% for m in messages %}{% for c in m.tool_calls or [] %}{% if c.id | length != 9 %}{{ raise_exception('ids must have length 9') }}{% endif %}{% if not loop.first %}{{ raise_exception('single tool-calls only') }}{% endif %}{% endfor %}{% endfor %}${lines}`;

const turn = (role: Turn["role"], content: string): Turn => ({ role, content });
const call = (id: string, name: string) => ({
  id,
  type: "function" as const,
  function: { name, arguments: {} },
});

const render = (source: string, turns: readonly Turn[]) =>
  templateOf(source).render({ turns, tools: [], variables: {} });

describe("a template that refuses an order of roles gets another", () => {
  test.each([
    {
      because: "one that it takes stays as it is",
      source: lines,
      turns: [turn("user", "a"), turn("user", "b"), turn("system", "c")],
      rendered: "user: a\nuser: b\nsystem: c\n",
    },
    {
      because: "turns of one speaker are joined, and the system goes first",
      source: alternating,
      turns: [
        turn("user", "a"),
        turn("user", "b"),
        turn("system", "c"),
        turn("assistant", "d"),
        turn("user", "e"),
      ],
      rendered: "<s>system: c\nuser: a\n\nb\nassistant: d\nuser: e\n",
    },
    {
      because: "an answer at the beginning gets an empty question",
      source: alternating,
      turns: [turn("assistant", "a"), turn("user", "b")],
      rendered: "<s>user: \nassistant: a\nuser: b\n",
    },
    {
      because: "where there is no system, the first question says it",
      source: systemless,
      turns: [turn("system", "Be brief."), turn("user", "a")],
      rendered: "<s>user: Be brief.\n\na\n",
    },
    {
      because: "a system alone becomes the question",
      source: systemless,
      turns: [turn("system", "Be brief.")],
      rendered: "<s>user: Be brief.\n",
    },
  ])("$because", ({ source, turns, rendered }) => {
    expect(render(source, turns)).toBe(rendered);
  });

  test("calls are made one by one, each before its result, with ids that it takes", () => {
    const rendered = render(singleCalls, [
      turn("user", "q"),
      { ...turn("assistant", "two"), tool_calls: [call("call_1", "f"), call("call_2", "g")] },
      { ...turn("tool", "2"), tool_call_id: "call_2" },
      { ...turn("tool", "1"), tool_call_id: "call_1" },
    ]);
    const ids = [...rendered.matchAll(/#(\w+)/g)].map((match) => match[1]!);
    expect(ids.every((id) => /^\w{9}$/.test(id))).toBe(true);
    const [f, sameF, g, sameG] = ids;
    expect([sameF, sameG]).toEqual([f, g]);
    expect(rendered).toBe(
      `user: q\nassistant: two f#${f}\ntool: 1 #${f}\nassistant:  g#${g}\ntool: 2 #${g}\n`,
    );
  });

  test("one that refuses everything is an error", () => {
    const never = "{% if messages[0].content != 'Hi' %}{{ raise_exception('no') }}{% endif %}";
    expect(() => render(never, [turn("user", "a")])).toThrow("no");
  });
});

test("a model without a template gets the most common one", () => {
  const rendered = templateOf(undefined).render({ turns: [turn("user", "a")], tools: [], variables: {} });
  expect(rendered).toBe("<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n");
});

test("a template that is no Jinja is refused when it is loaded", () => {
  expect(() => templateOf("{% for m in messages %}")).toThrow(GgufError);
  expect(() => templateOf("{{ messages | frobnicate }}")).toThrow(GgufError);
});

test("whether a template shows tools is tried, and one for tools alone is used for them", () => {
  const shows = "{% for t in tools or [] %}{{ t.function.name }}{% endfor %}";
  expect(templateOf(lines).showsTools).toBe(false);
  expect(templateOf(shows).showsTools).toBe(true);
  const both = templateOf("plain", `with ${shows}`);
  expect(both.showsTools).toBe(true);
  expect(both.render({ turns: [turn("user", "a")], tools: [], variables: {} })).toBe("plain");
});

test("variables reach the template but cannot replace what it is given", () => {
  const template = templateOf("{{ bos_token }}{{ messages | length }}{{ enable_thinking }}");
  const variables = { enable_thinking: false, messages: [], bos_token: "x" };
  expect(template.render({ turns: [turn("user", "a")], tools: [], variables })).toBe("<s>1false");
});
