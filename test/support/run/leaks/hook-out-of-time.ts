import { beforeAll, test } from "vitest";
import { run } from "../../program.ts";

beforeAll(async () => {
  await run(["-e", "setInterval(() => {}, 1000)", "left-behind"]).output(/never/);
});

test("is not reached", () => {});
