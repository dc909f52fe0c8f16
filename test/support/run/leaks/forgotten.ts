import { test } from "vitest";
import { run } from "../../program.ts";

test("forgets a program", () => {
  run(["-e", "setInterval(() => {}, 1000)", "left-behind"]);
});
