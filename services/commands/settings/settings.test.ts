import { describe, expect, test } from "vitest";
import { loadConfig } from "../../../core/config/load.ts";
import { byName, type Settings } from "../../../core/config/settings.ts";
import { shapeOf } from "../../../core/config/shape.ts";
import { commands } from "../catalogue.ts";
import { joinSettings } from "./node.ts";
import { registrySettings, translatorSettings, upSettings } from "./services.ts";

const load = (settings: Settings, ...args: string[]) =>
  loadConfig({ settings, args, environment: {} }).values;

describe.each(commands)("the settings of $settings.section", ({ settings }) => {
  test("have defaults that they accept", () => {
    for (const [, { setting }] of byName(settings))
      if (setting.default !== undefined) expect(setting.schema.safeParse(setting.default).success).toBe(true);
  });

  test("say in help what stands for their value, unless they are switches", () => {
    for (const [, { setting }] of byName(settings))
      expect(setting.placeholder !== undefined).toBe(shapeOf(setting.schema).kind !== "boolean");
  });
});

test("a name means the same in every command that has it", () => {
  const shapes = new Map<string, string>();
  for (const { settings } of commands)
    for (const [name, { setting }] of byName(settings)) {
      // A list of routers and a single router are both given by --router.
      const shape = shapeOf(setting.schema);
      const { kind } = shape.kind === "list" ? shape.element : shape;
      expect(shapes.get(name) ?? kind).toBe(kind);
      shapes.set(name, kind);
      expect(setting.secret === true).toBe(["api-key", "engine-key", "token"].includes(name));
    }
});

test.each([
  ["127.0.0.1:8080", true],
  ["[::1]:8080", true],
  ["localhost:8080", true],
  ["0.0.0.0:8080", false],
  ["[::]:8080", false],
  ["10.0.0.1:8080", false],
])("a translator without keys on %s is let: %s", (address, allowed) => {
  const start = () => load(translatorSettings, "--listen", address);
  if (allowed) expect(start).not.toThrow();
  else expect(start).toThrow(/--api-key: required when listening on/);
  expect(() => load(translatorSettings, "--listen", address, "--api-key", "sk-cx-x")).not.toThrow();
});

test.each(["sk with space", "sk-ünïcode", ""])("%j is no API key", (key) => {
  expect(() => load(upSettings, "--api-key", key)).toThrow(/--api-key: expected a key/);
});

test("a setting that some engines declare says whose it is, each in its own words", () => {
  const help = (key: keyof typeof upSettings.table) => upSettings.table[key].help;
  expect(help("url")).toMatch(/^ollama, openai: where the server is/);
  expect(help("threads")).toMatch(/^llama-cpp: compute threads/);
  expect(help("model")).toMatch(/^llama-cpp: the GGUF file .* synthetic: the name to serve under\.$/);
  expect(help("slots")).toMatch(/^How many generations/);
});

test("what only the synthetic engine understands is refused with another", () => {
  expect(() => load(joinSettings, "--tokens-per-second", "50")).toThrow(
    "--tokens-per-second: only --engine synthetic understands this; name the engine as well",
  );
  expect(() => load(joinSettings, "--model", "m.gguf", "--tokens-per-second", "50")).toThrow(
    "--tokens-per-second: only --engine synthetic understands this, and the engine is llama-cpp",
  );
  expect(load(joinSettings, "--engine", "synthetic", "--tokens-per-second", "50")).toMatchObject({
    tokensPerSecond: 50,
  });
});

test("a store of a kind that does not exist is refused with those that do", () => {
  expect(() => load(registrySettings, "--store", "consul")).toThrow(
    '--store: expected one of memory, got "consul"',
  );
});

test("a node cannot be advertised at port 0", () => {
  expect(() => load(joinSettings, "--advertise", "127.0.0.1:0")).toThrow(/port 0 cannot be dialled/);
});

test.each([
  { args: ["--engine", "openai"], says: "--url: required with --engine openai" },
  {
    args: ["--engine", "ollama", "--engine-key", "k"],
    says: "--engine-key: only --engine openai understands this",
  },
  { args: ["--model", "m.gguf", "--url", "http://a:1"], says: "--url: only --engine ollama or openai" },
  {
    args: ["--model", "m.gguf", "--models", "folder"],
    says: "--models: expected either a folder or one engine",
  },
  {
    args: ["--url", "http://a:1", "--models", "folder"],
    says: "--models: expected either a folder or a server",
  },
  { args: ["--url", "a:1"], says: "--url: expected a URL, such as http://127.0.0.1:11434" },
  {
    args: ["--engine", "openai", "--url", "http://a:1", "--pull", "m"],
    says: "--pull: only --engine ollama",
  },
  { args: ["--as", "my-tune"], says: "--as: expected ENGINE_NAME=NAME, such as my-tune=llama3.1:8b" },
  {
    args: ["--model-name", "m"],
    says: "--model-name: only --engine llama-cpp understands this; name the engine",
  },
])("$args makes no sense, and is told so", ({ args, says }) => {
  expect(() => load(joinSettings, ...args)).toThrow(says);
});

test.each([
  { args: [] },
  { args: ["--url", "http://a:1", "--engine-key", "k", "--only", "m"] },
  { args: ["--models", "folder", "--slots", "2", "--context-size", "1024"] },
  { args: ["--engine", "llama-cpp", "--models", "folder"] },
  { args: ["--engine", "ollama", "--pull", "llama3.2:3b", "--as", "my-tune=llama3.1:8b"] },
  { args: ["--engine", "openai", "--url", "http://a:1/v1"] },
])("$args is fine", ({ args }) => {
  expect(() => load(joinSettings, ...args)).not.toThrow();
});
