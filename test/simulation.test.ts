import { test } from "vitest";
import { type Scenario, scenarios, simulate } from "./simulation/simulate.ts";

test.each(Object.keys(scenarios) as Scenario[])(
  "%s: no token twice, none left out, each counted, and nothing left behind",
  (scenario) => simulate({ scenario, runs: 250, seed: 2026 }),
);
