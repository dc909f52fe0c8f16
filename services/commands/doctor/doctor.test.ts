import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { protocol } from "../../../core/protocol.ts";
import { toReport } from "../doctor.ts";
import { explain } from "./ask.ts";
import type { Finding, Subject } from "./check.ts";
import { splitCure } from "./engines.ts";
import {
  checkDataFolder,
  checkIdentity,
  toMemoryFinding,
  toNodeFinding,
  toPrivacyFinding,
  toRoomFinding,
  toTermFinding,
} from "./machine.ts";
import { toClockFinding, toProtocolFinding } from "./services.ts";

const gib = 1024 ** 3;
const day = 24 * 3_600_000;

test.each<{ what: string; finding: Finding; status: Finding["status"]; says: RegExp }>([
  { what: "Node 20", finding: toNodeFinding("20.19.1"), status: "fault", says: /20\.19\.1 is too old: 24/ },
  { what: "Node 24", finding: toNodeFinding("24.1.0"), status: "ok", says: /24\.1\.0/ },
  {
    what: "much memory",
    finding: toMemoryFinding(64 * gib, 40 * gib),
    status: "ok",
    says: /40\.0 GiB of 64\.0 GiB/,
  },
  {
    what: "little memory",
    finding: toMemoryFinding(64 * gib, gib),
    status: "warning",
    says: /1\.0 GiB of 64/,
  },
  {
    what: "a new folder",
    finding: toPrivacyFinding("/a/b", "/a", 0o777),
    status: "ok",
    says: /is created when/,
  },
  { what: "a closed folder", finding: toPrivacyFinding("/a", "/a", 0o40700), status: "ok", says: /^\/a$/ },
  {
    what: "an open folder",
    finding: toPrivacyFinding("/a", "/a", 0o40777),
    status: "warning",
    says: /may write to/,
  },
  { what: "a full disk", finding: toRoomFinding("/a", 1000), status: "fault", says: /0\.0 GiB are free/ },
  { what: "a nearly full disk", finding: toRoomFinding("/a", gib / 2), status: "warning", says: /0\.5 GiB/ },
  { what: "an empty disk", finding: toRoomFinding("/a", 9 * gib), status: "ok", says: /9\.0 GiB/ },
  {
    what: "a fresh identity",
    finding: toTermFinding("n", 30 * day),
    status: "ok",
    says: /node n.* 30 days more/,
  },
  {
    what: "an old identity",
    finding: toTermFinding("n", 5 * 3_600_000),
    status: "warning",
    says: /5 hours more/,
  },
  {
    what: "our protocol",
    finding: toProtocolFinding(protocol),
    status: "ok",
    says: /both speak version/,
  },
  {
    what: "a newer protocol",
    finding: toProtocolFinding({ current: 99, oldest: 99 }),
    status: "fault",
    says: /no protocol version in common/,
  },
  { what: "the right time", finding: toClockFinding(1500), status: "ok", says: /by 1\.5 s/ },
  {
    what: "a slow clock",
    finding: toClockFinding(-90_000),
    status: "fault",
    says: /90 s behind the registry's/,
  },
  {
    what: "a fast clock",
    finding: toClockFinding(90_000),
    status: "fault",
    says: /90 s ahead of the registry's/,
  },
])("$what is $status", ({ finding, status, says }) => {
  expect(finding.status).toBe(status);
  expect(finding.says).toMatch(says);
  expect(finding.cure === undefined).toBe(status === "ok");
});

describe("the data folder", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "cxmpute-doctor-"));
    writeFileSync(join(folder, "file"), "");
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  const { signal } = new AbortController();
  const look = (dataFolder: string) => checkDataFolder({ dataFolder } as Subject, signal);

  test("that is there, or can be made, is fine", async () => {
    for (const path of [folder, join(folder, "not", "yet")])
      expect((await look(path)).map(({ status }) => status)).toEqual(["ok", expect.anything()]);
  });

  test("that is a file is a fault", async () => {
    expect(await look(join(folder, "file"))).toMatchObject([
      { status: "fault", says: expect.stringContaining("not a folder") },
    ]);
  });
});

test("an identity that cannot be used is a fault with what is wrong", async () => {
  const subject = { identity: { fault: "the certificate has expired" } } as Subject;
  expect(await checkIdentity(subject, new AbortController().signal)).toMatchObject([
    { status: "fault", says: "the certificate has expired", cure: expect.stringContaining("--token") },
  ]);
});

test.each([
  { code: "ECONNREFUSED", says: "nothing listens at r:1", cure: /the port in --registry/ },
  { code: "TIMEOUT", says: "r:1 does not answer within 5 s", cure: /firewalls/ },
  { code: "EHOSTUNREACH", says: "there is no route to r:1 (EHOSTUNREACH)", cure: /network/ },
])("$code is explained", ({ code, says, cure }) => {
  expect(explain("r:1", "--registry", code)).toEqual([says, expect.stringMatching(cure)]);
});

test("a message is taken apart into what is wrong and what to do", () => {
  expect(splitCure("Engine", "the server at http://a:1 asks for a key. Set it. Then again.")).toEqual({
    name: "Engine",
    status: "fault",
    says: "the server at http://a:1 asks for a key",
    cure: "Set it. Then again.",
  });
});

test("the report has a line for each finding, what to do below it, and a verdict", () => {
  const findings: Finding[] = [
    { name: "Clock", status: "ok", says: "differs by 0.0 s" },
    { name: "Disk", status: "warning", says: "0.5 GiB are free", cure: "Free some space." },
    { name: "Registry", status: "fault", says: "nothing listens at r:1", cure: "Ask the operator." },
  ];
  expect(toReport(findings)).toBe(`ok       Clock     differs by 0.0 s
warning  Disk      0.5 GiB are free
                   → Free some space.
fault    Registry  nothing listens at r:1
                   → Ask the operator.

1 fault, 1 warning: fix what is marked \`fault\` first.
`);
  expect(toReport(findings.slice(0, 1))).toContain("No faults");
  expect(toReport(findings.slice(0, 2))).toContain("No faults, 1 warning");
});
