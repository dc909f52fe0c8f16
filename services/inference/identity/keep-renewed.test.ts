import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import { certifyNew, createRoot, type KeyedCertificate } from "../../../core/identity/authority.ts";
import { type Credentials, LiveCredentials } from "../../../core/identity/credentials.ts";
import { register } from "../../../core/rpc/contract.ts";
import { createInProcessTransport } from "../../../core/rpc/in-process-transport.ts";
import { silentLog } from "../../../core/telemetry/log.ts";
import { IdentityService } from "../../../gen/cxmpute/registry/v1/identity_pb.ts";
import { FakeClock } from "../../../test/support/core/fake-clock.ts";
import { keepRenewed } from "./keep-renewed.ts";

const hourMs = 3_600_000;
const termMs = 24 * hourMs;

let root: KeyedCertificate;
let clock: FakeClock;
let credentials: LiveCredentials;
let kept: Omit<Credentials, "privateKey">[];
let calls: number[];
let answer: () => Promise<{ certificate: string; authorities: string }>;
let made: Promise<unknown>[];
let leave: AbortController;

beforeAll(async () => {
  const now = new FakeClock().wallTime();
  root = await createRoot({ from: now, until: now + 100 * termMs });
});
beforeEach(async () => {
  clock = new FakeClock();
  kept = [];
  calls = [];
  made = [];
  leave = new AbortController();
  credentials = new LiveCredentials(await issue());
  answer = issue;
});
afterEach(async () => {
  leave.abort();
  await clock.advance(0);
  expect(clock.pending).toBe(0);
});

/** A certificate for the next day. */
async function issue(): Promise<Credentials> {
  const term = { from: clock.wallTime(), until: clock.wallTime() + termMs };
  const own = await certifyNew(root, { identity: { role: "node", id: "n" }, term });
  return { ...own, authorities: root.certificate };
}

function start(): Promise<void> {
  const registry = createInProcessTransport([
    register(IdentityService, {
      renewIdentity: () => {
        calls.push(Math.round(clock.now() / hourMs));
        const making = answer();
        made.push(making);
        return making;
      },
    } as never),
  ]);
  const folder = { keepCertificate: async (given: (typeof kept)[number]) => void kept.push(given) };
  return keepRenewed({ credentials, folder, registry, clock, random: () => 0, log: silentLog }, leave.signal);
}

/** Lets time pass in hours; certificates that are being made, which takes real time, are waited for. */
async function elapse(hours: number): Promise<void> {
  for (let hour = 0; hour < hours; hour++) {
    await clock.advance(hourMs);
    await Promise.allSettled(made);
    await clock.advance(0);
  }
}

test("renews after half of the term, keeps what comes, and does it again", async () => {
  const first = credentials.current;
  void start();
  await elapse(11);
  expect(calls).toEqual([]);
  await elapse(30);
  expect(calls).toEqual([12, 24, 36]);
  expect(kept).toHaveLength(3);
  expect(credentials.current.certificate).toBe(kept[2]!.certificate);
  expect(credentials.current.privateKey).toBe(first.privateKey);
});

test("tries again, ever less often, until the registry can be asked", async () => {
  answer = async () => {
    throw new MeshError("node_lost", "The registry is away.");
  };
  void start();
  await elapse(14);
  const tries = calls.length;
  expect(tries).toBeGreaterThan(5);
  expect(tries).toBeLessThan(20);
  expect(kept).toEqual([]);
  const ready = await issue();
  answer = async () => ready;
  await elapse(2);
  expect(kept).toEqual([{ certificate: ready.certificate, authorities: root.certificate }]);
});

test("stops when the node was revoked", async () => {
  answer = async () => {
    throw new MeshError("unauthenticated", "Removed.", { code: "node_revoked" });
  };
  const renewing = start();
  await elapse(13);
  await renewing;
  expect(calls).toEqual([12]);
});
