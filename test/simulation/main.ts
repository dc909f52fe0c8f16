import { parseArgs } from "node:util";
import { type Scenario, scenarios, simulate } from "./simulate.ts";

const usage = `npm run simulate -- [--runs N] [--seed S] [--scenario NAME [--path P]]

Simulates a translator, two routers and four nodes on a clock and a network of their own, with everything that can
happen to them, and checks that no answer loses or repeats a token and that nothing is left behind. A run that fails is
printed with the command that replays it.

  --runs N          simulations of each scenario (5000)
  --seed S          of the first one; default: another one each time
  --scenario NAME   only this one: ${Object.keys(scenarios)
    .map((name) => JSON.stringify(name))
    .join(" or ")}
  --path P          only the run that a failure has printed
`;

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "5000" },
    seed: { type: "string" },
    scenario: { type: "string" },
    path: { type: "string" },
    help: { type: "boolean", default: false },
  },
});
const names = Object.keys(scenarios) as Scenario[];
const chosen = names.filter((name) => values.scenario === undefined || name === values.scenario);
if (values.help || chosen.length === 0) {
  process.stdout.write(usage);
  process.exit(values.help ? 0 : 2);
}
const runs = Number(values.runs);
const seed = values.seed === undefined ? Date.now() & 0x7fffffff : Number(values.seed);
for (const scenario of chosen) {
  process.stdout.write(`${scenario}: ${runs} runs from seed ${seed}\n`);
  const begun = performance.now();
  try {
    await simulate({ scenario, runs, seed, path: values.path });
    process.stdout.write(`holds, in ${((performance.now() - begun) / 1000).toFixed(0)} s\n`);
  } catch (error) {
    const { message, cause } = error as Error;
    const path = /path: "([^"]+)"/.exec(message)?.[1] ?? "";
    const reason = (cause as Error | undefined)?.stack ?? "";
    const replay = `npm run simulate -- --seed ${seed} --scenario "${scenario}" --path ${path}`;
    process.stdout.write(`${message}\n\n${reason}\n\nReplay it: ${replay}\n`);
    process.exitCode = 1;
  }
}
