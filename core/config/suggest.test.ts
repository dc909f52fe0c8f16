import { expect, test } from "vitest";
import { nearest, suggest } from "./suggest.ts";

const names = ["listen", "log-level", "router", "registry"];

test.each([
  ["lissen", "listen"],
  ["lsiten", "listen"],
  ["log_level", "log-level"],
  ["LogLevel", "log-level"],
  ["routers", "router"],
  ["registyr", "registry"],
])("takes %s for %s", (written, meant) => {
  expect(nearest(written, names)).toBe(meant);
});

test.each(["temperature", "x", ""])("does not guess what %j means", (written) => {
  expect(suggest(written, names)).toBe("");
});
