import { test } from "vitest";
import { run } from "../../program.ts";

test("is killed with its run", { timeout: 60_000 }, async () => {
  const program = run(["-e", "console.log('here'); setInterval(() => {}, 1000)", "left-behind"]);
  await program.output(/here/);
  process.stdout.write("under way\n");
  await program.ended;
});
