import { expect, test } from "vitest";
import { FinishReason } from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import { MeshError } from "../errors/mesh-error.ts";
import { type GenerationRecord, logGenerations, notifyAll } from "./generation-record.ts";
import { createLog, type Log, type LogOptions } from "./log.ts";

function logTo(lines: string[], options: Partial<LogOptions> = {}): Log {
  return createLog({ service: "router", pretty: false, write: (line) => void lines.push(line), ...options });
}

/** What one call writes, parsed. */
function written(speak: (log: Log) => void): Record<string, unknown> {
  const lines: string[] = [];
  speak(logTo(lines));
  expect(lines).toHaveLength(1);
  return JSON.parse(lines[0]!);
}

test("a line is one JSON object that names its service, level and time", () => {
  const line = written((log) => log.info({ nodes: 2 }, "fleet changed"));
  expect(line).toMatchObject({ level: "info", service: "router", nodes: 2, msg: "fleet changed" });
  expect(new Date(line.time as string).getTime()).toBeGreaterThan(0);
});

test("a level that was not asked for is silent", () => {
  const lines: string[] = [];
  const log = logTo(lines, { level: "warn" });
  log.info("not this");
  log.warn("this");
  expect(lines).toHaveLength(1);
});

test.each<{ where: string; speak: (log: Log) => void }>([
  { where: "in a message", speak: (log) => log.info("the key is sk-cx-s3cr3ts3cr3ts3cr3t") },
  { where: "in a field that is named for it", speak: (log) => log.info({ apiKey: "s3cr3t" }, "x") },
  { where: "with quotes in it", speak: (log) => log.info({ api_key: 'a"s3cr3t' }, "x") },
  { where: "deep in an object", speak: (log) => log.info({ a: { b: [{ password: "s3cr3t" }] } }, "x") },
  { where: "in a header", speak: (log) => log.info({ headers: { Authorization: "Basic s3cr3t" } }, "x") },
  { where: "after Bearer", speak: (log) => log.info({ header: "Bearer s3cr3t" }, "x") },
  { where: "in a child's bindings", speak: (log) => log.child({ join_token: "s3cr3t" }).info("x") },
  { where: "in a command", speak: (log) => log.info("cxmpute join --token cxj_s3cr3ts3cr3t") },
  { where: "in an error's text", speak: (log) => log.error({ err: new Error("no key sk-cx-s3cr3ts3cr3t") }) },
])("a secret is masked $where", ({ speak }) => {
  const lines: string[] = [];
  speak(logTo(lines));
  expect(lines.join()).not.toContain("s3cr3t");
  expect(lines.join()).toContain("***");
  expect(() => JSON.parse(lines[0]!)).not.toThrow();
});

test("numbers of tokens are no secrets", () => {
  expect(
    written((log) => log.info({ prompt_tokens: 12, tokens: "x", first_token_ms: 3 }, "x")),
  ).toMatchObject({
    prompt_tokens: 12,
    tokens: "x",
    first_token_ms: 3,
  });
});

test("an error is told with its kind, code, stack and causes, and nothing else that it carries", () => {
  const cause = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED", request: "canary" });
  const line = written((log) =>
    log.error({ err: new MeshError("node_lost", "The node went away.", { cause }) }, "x"),
  );
  expect(line.err).toMatchObject({
    type: "MeshError",
    kind: "node_lost",
    message: "The node went away.",
    cause: { type: "Error", code: "ECONNREFUSED" },
  });
  expect(JSON.stringify(line)).not.toContain("canary");
});

test.each(["canary", '{"prompt": canary}', '["canary"'])(
  "a JSON error does not quote the input %j",
  (input) => {
    const line = written((log) => {
      try {
        JSON.parse(input);
      } catch (error) {
        log.error({ err: error }, "x");
      }
    });
    expect(JSON.stringify(line)).not.toContain("canary");
    expect(line.err).toMatchObject({ type: "SyntaxError" });
  },
);

test("people get one line, with the fields after the message", () => {
  const lines: string[] = [];
  logTo(lines, { pretty: true }).info({ node_id: "n1", load: { running: 1 } }, "attached");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are left out of the comparison.
  expect(lines.join("").replace(/\u001b\[\d+m/g, "")).toMatch(
    /^\[\d\d:\d\d:\d\d\.\d{3}\] INFO: router: attached node_id=n1 load=\{"running":1\}\n$/,
  );
});

test("people get the message of what was thrown on purpose, and the stacks of a bug", () => {
  const lines: string[] = [];
  const log = logTo(lines, { pretty: true });
  log.warn({ err: new MeshError("node_lost", "The node went away.") }, "relay ended");
  log.error({ err: new TypeError("x is undefined", { cause: new Error("below") }) }, "a handler failed");
  expect(lines[0]).toMatch(/relay ended \(The node went away\.\)\S*\n$/);
  expect(lines[1]).toMatch(
    /a handler failed\s+TypeError: x is undefined\n +at [\s\S]+caused by Error: below\n +at /,
  );
});

test("a generation's line says who, what, how much and how long, and why it ended", () => {
  const line = written((log) =>
    logGenerations(log)({
      requestId: "req_1",
      generationId: "gen_1",
      surface: "responses",
      model: "starter",
      nodeId: "n1",
      attempts: ["n0", "n1"],
      continuedOn: ["n1"],
      userId: "ada",
      keyId: "key_1",
      projectId: "project_1",
      outcome: FinishReason.TOOL_CALLS,
      promptTokens: 12,
      completionTokens: 34,
      queuedMs: 1.26,
      firstTokenMs: 20,
      durationMs: 123.456,
    }),
  );
  expect(line).toMatchObject({
    level: "info",
    msg: "generation finished",
    request_id: "req_1",
    generation_id: "gen_1",
    surface: "responses",
    model: "starter",
    node_id: "n1",
    attempts: ["n0", "n1"],
    continued_on: ["n1"],
    user_id: "ada",
    key_id: "key_1",
    project_id: "project_1",
    outcome: "tool_calls",
    prompt_tokens: 12,
    completion_tokens: 34,
    queued_ms: 1.3,
    first_token_ms: 20,
    duration_ms: 123.5,
  });
});

const ended: GenerationRecord = {
  requestId: "r",
  generationId: "g",
  model: "m",
  userId: "",
  keyId: "",
  projectId: "",
  outcome: FinishReason.STOP,
  attempts: ["n"],
  continuedOn: [],
  durationMs: 1,
};

test.each([
  { outcome: "node_lost", level: "warn" },
  { outcome: "invalid_request", level: "info" },
  { outcome: "cancelled", level: "info" },
] as const)("a generation that ends with $outcome is told as $level", ({ outcome, level }) => {
  const line = written((log) => logGenerations(log)({ ...ended, outcome }));
  expect(line).toMatchObject({ level, outcome, msg: "generation failed" });
  for (const absent of ["node_id", "attempts", "continued_on", "user_id", "key_id", "project_id", "surface"])
    expect(line).not.toHaveProperty(absent);
});

test("all who want to know hear of a generation's end, also when one of them fails", () => {
  const lines: string[] = [];
  const heard: GenerationRecord[] = [];
  const failing = () => {
    throw new TypeError("x is undefined");
  };
  notifyAll([failing, (record) => heard.push(record)], logTo(lines))(ended);
  expect(heard).toEqual([ended]);
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { level: "error", generation_id: "g", err: { message: "x is undefined" } },
  ]);
});
