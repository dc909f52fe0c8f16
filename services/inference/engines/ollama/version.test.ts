import { expect, test } from "vitest";
import { isAtLeast } from "./version.ts";

test.each([
  { version: "0.12.6", least: "0.12.6", is: true, because: "equal is enough" },
  { version: "0.12.10", least: "0.12.6", is: true, because: "numbers are compared, not digits" },
  { version: "0.5.1", least: "0.12.6", is: false, because: "an older minor version is older" },
  { version: "1.0.0", least: "0.12.6", is: true, because: "a newer major version is newer" },
  { version: "v0.33.0-rc2", least: "0.33.0", is: true, because: "candidates behave as their release" },
  { version: "0.0.0", least: "0.12.6", is: true, because: "somebody's own build has no number" },
  { version: "main-2f1c", least: "0.12.6", is: true, because: "or none that can be read" },
])("$version at least $least: $is, for $because", ({ version, least, is }) => {
  expect(isAtLeast(version, least)).toBe(is);
});
