import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { openSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freeAddress, testAccount, untilReady } from "../support/mesh.ts";
import { endWithTests, root } from "../support/program.ts";
import { openStream } from "../support/streams.ts";

// Whoever closes the terminal of a service ends it, and what it answers is finished first.

let data: string;
beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), "cxmpute-terminal-"));
});
afterAll(() => rm(data, { recursive: true, force: true }));

const service = (http: string) =>
  `up --listen ${http} --engine synthetic --tokens-per-second 50 --data ${data} --api-key ${testAccount.apiKey} --user-id ${testAccount.userId}`;

/** `script` of util-linux gives a program a terminal. */
const hasScript = spawnSync("script", ["--version"]).stdout?.toString().includes("util-linux") === true;

/** Ids of the processes that a process has started, and theirs. */
function descendants(pid: number): number[] {
  const parents = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const stat = statOf(Number(name));
      return stat === undefined ? [] : [{ pid: Number(name), parent: Number(stat[1]) }];
    });
  const found = [pid];
  for (const one of found)
    found.push(...parents.filter(({ parent }) => parent === one).map((each) => each.pid));
  return found.slice(1);
}

/** State, parent and so on, as in `/proc/PID/stat`; undefined when the process is gone or dead. */
function statOf(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? undefined : fields;
  } catch {
    return undefined;
  }
}

const meshAt = (http: string) => ({
  url: `http://${http}`,
  model: "synthetic",
  headers: {
    authorization: `Bearer ${testAccount.apiKey}`,
    "x-user-id": testAccount.userId,
    "content-type": "application/json",
  },
});

describe.skipIf(!hasScript)("a service whose terminal is closed", () => {
  test.each([
    { starter: "npm", command: "npm start --" },
    { starter: "the wrapper", command: "node scripts/with-node.mjs services/main.ts" },
    { starter: "itself", command: `${process.execPath} services/main.ts` },
  ])("finishes its answers and ends, started by $starter", async ({ starter, command }) => {
    const http = await freeAddress();
    const line = `${command} ${service(http)}`.replace("npm start -- up", "npm start --");
    const terminal = spawn("script", ["-qec", line, "/dev/null"], {
      cwd: root,
      stdio: ["pipe", "pipe", "pipe"],
      env: { ...process.env, npm_lifecycle_event: starter === "npm" ? "start" : undefined },
    });
    endWithTests(terminal);
    terminal.stdout.resume();
    await untilReady(meshAt(http).url, new Map());
    const stream = openStream(meshAt(http), {
      messages: [{ role: "user", content: "Go on." }],
      max_tokens: 100,
    });
    await stream.shown;
    const pids = descendants(terminal.pid!);
    expect(pids.length).toBeGreaterThan(0);
    terminal.kill("SIGKILL");
    expect(await stream.whole).toMatchObject({ finishReason: "length", usage: { completion: 100 } });
    await expect.poll(() => pids.filter((pid) => statOf(pid) !== undefined)).toEqual([]);
  });
});

describe("a service whose log cannot be written any more", () => {
  test.each([
    { fault: "its reader is gone", full: false },
    { fault: "the disk is full", full: true },
  ])("serves, and ends when it is told to: $fault", async ({ full }) => {
    const http = await freeAddress();
    const args = ["services/main.ts", ...service(http).split(" "), "--log-level", "debug"];
    const child = spawn(process.execPath, args, {
      cwd: root,
      stdio: ["ignore", "ignore", full ? openSync("/dev/full", "w") : "pipe"],
    });
    endWithTests(child);
    child.stderr?.destroy();
    await untilReady(meshAt(http).url, new Map());
    const received = await openStream(meshAt(http), {
      messages: [{ role: "user", content: "Go on." }],
      max_tokens: 5,
    }).whole;
    expect(received).toMatchObject({ finishReason: "length" });
    child.kill("SIGTERM");
    expect(await once(child, "exit")).toEqual([0, null]);
  });
});
