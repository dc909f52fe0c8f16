import { expect, test } from "vitest";
import { loadConfig } from "../../../core/config/load.ts";
import { upSettings } from "./services.ts";

const load = (json: string) =>
  loadConfig({
    settings: upSettings,
    args: ["--engine", "synthetic", "--synthetic-models", json],
    environment: {},
  }).values;

test("more synthetic models are given as a JSON object", () => {
  const json = '{"broken":{"faults":[{"kind":"fail"}]}}';
  expect(load(json).syntheticModels).toBe(json);
});

test.each(["broken", "[]", "null", "{"])("%s is no JSON object", (json) => {
  expect(() => load(json)).toThrow("--synthetic-models: expected a JSON object");
});
