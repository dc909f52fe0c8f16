import { expect, test } from "vitest";
import type { PeerName } from "../peers/contract.ts";
import type { Measurement } from "./measure.ts";
import { tlsCost } from "./tls-cost.ts";

const measured = (peer: PeerName, round: number, cost: number): Measurement => ({
  peer,
  workload: "aligned",
  round,
  connections: 1,
  units: 1,
  rate: 1,
  cost,
  roleCosts: { router: cost / 4, translator: (cost * 3) / 4, registry: 0, node: 1 },
  clientCost: 1,
  cores: 1,
  eventsPerUnit: 1,
  readsPerUnit: 1,
  bytesPerUnit: 1,
  failed: 0,
});

test("the cost of TLS is told as a ratio of each round, together and for each role", () => {
  const plain = [10, 20, 40].map((cost, round) => measured("mesh", round, cost));
  const tls = [15, 30, 60].map((cost, round) => measured("mesh-tls", round, cost));
  const rows = tlsCost(["aligned", "short"], [...plain, ...tls])
    .split("\n")
    .map((row) => row.trim().split(/ {2,}/));
  expect(rows).toContainEqual([
    "aligned",
    "20.0 (10.0–40.0)",
    "30.0 (15.0–60.0)",
    "1.50 (1.50–1.50)",
    "10.0",
  ]);
  expect(rows).toContainEqual(["router", "5.0 (2.5–10.0)", "7.5 (3.8–15.0)", "1.50 (1.50–1.50)", "2.5"]);
  expect(rows).toContainEqual(["node (apart)", "1.0 (1.0–1.0)", "1.0 (1.0–1.0)", "1.00 (1.00–1.00)", "0.0"]);
});

test("there is no such table without both", () => {
  expect(tlsCost(["aligned"], [measured("mesh", 1, 10)])).toBe("");
});
