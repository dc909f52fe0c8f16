import { mkdir, writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { freeAddress, type Mesh, startMesh, untilReady } from "../../test/support/mesh.ts";
import { cxmpute, type Program } from "../../test/support/program.ts";
import { count } from "../count.ts";
import { alignColumns } from "../relay/table.ts";
import { Clients } from "./clients.ts";
import { growthPerHour, look, type Sample } from "./memory.ts";

/** How to call it. */
export const usage = `npm run bench -- soak [options]

A mesh of real processes under clients that ask and leave, while everything is killed, frozen and restarted in turn. Of
each kind of process one is spared: its memory and its handles are watched. Writes bench/results/soak.json.

  --minutes N    how long (30)
  --clients N    clients (24)
  --every N      seconds between two troubles (5)
`;

/** Until then caches fill. */
const warmUpShare = 1 / 6;
const sampleMs = 2000;
const growthLimit = 1;

type Trouble = readonly [name: string, make: (mesh: Mesh) => Promise<unknown>];
const signal = (mesh: Mesh, name: string, what: NodeJS.Signals) => mesh.programs.get(name)!.child.kill(what);
const frozen = async (mesh: Mesh, name: string) => {
  signal(mesh, name, "SIGSTOP");
  await pause(3000);
  signal(mesh, name, "SIGCONT");
};

/** In turn; what ends is started again. */
const troubles: readonly Trouble[] = [
  ["node killed", (mesh) => mesh.restart("dialled", "SIGKILL")],
  ["router killed", (mesh) => mesh.restart("router-1", "SIGKILL")],
  ["node frozen", (mesh) => frozen(mesh, "dialled")],
  ["router stopped", (mesh) => mesh.restart("router-1")],
  ["registry killed", (mesh) => mesh.restart("registry", "SIGKILL")],
  ["router frozen", (mesh) => frozen(mesh, "router-1")],
  ["node stopped", (mesh) => mesh.restart("dialled")],
  ["translator stopped", (mesh) => mesh.restart("translator")],
];

/** Measures and prints. Returns the exit code: 1 when a target is missed. */
export async function soak(args: readonly string[]): Promise<number> {
  const number = (byDefault: number) => ({ type: "string", default: String(byDefault) }) as const;
  const { values } = parseArgs({
    args: [...args],
    options: { minutes: number(30), clients: number(24), every: number(5) },
  });
  const lengthMs = count("--minutes", values.minutes) * 60_000;
  const clientCount = count("--clients", values.clients);
  const everyMs = count("--every", values.every) * 1000;
  const engine = [
    "--engine",
    "synthetic",
    "--tokens-per-second",
    "50",
    "--first-token-ms",
    "5",
    "--slots",
    "64",
  ];
  const mesh = await startMesh("in many processes", { engine });
  const spared = await startTranslator(mesh);
  try {
    const watched: Readonly<Record<string, Program>> = {
      translator: spared.program,
      router: mesh.programs.get("router-2")!,
      node: mesh.programs.get("attached")!,
    };
    const samples = new Map(Object.keys(watched).map((name) => [name, [] as Sample[]]));
    const begun = performance.now();
    const clients = new Clients(mesh, [spared.url, mesh.url], clientCount);
    const sampling = setInterval(() => {
      const atMs = performance.now() - begun;
      for (const [name, { child }] of Object.entries(watched)) {
        const sample = look(child.pid!, atMs);
        if (sample !== undefined && atMs > warmUpShare * lengthMs) samples.get(name)!.push(sample);
      }
    }, sampleMs);
    const made: string[] = [];
    for (let next = 0; performance.now() - begun < lengthMs; next++) {
      const [name, make] = troubles[next % troubles.length]!;
      await make(mesh);
      made.push(name);
      await pause(everyMs);
    }
    clearInterval(sampling);
    await clients.stop();
    await untilReady(mesh.url, mesh.programs);
    await pause(5000);
    const busy = await slotsInUse(mesh);

    const rows = Object.keys(watched).map((name) => {
      const own = samples.get(name)!;
      const handles = own.map((sample) => sample.handles);
      const [first, last] = [handles.slice(0, 10), handles.slice(-10)].map((some) => Math.min(...some));
      return {
        name,
        rssMib: Math.round((own.at(-1)?.rssKib ?? 0) / 1024),
        growth: growthPerHour(own),
        handles: last! - first!,
      };
    });
    const { answers, aborted, refused, failures } = clients.counts;
    const result = {
      minutes: lengthMs / 60_000,
      troubles: made.length,
      answers,
      aborted,
      refused,
      failures: Object.fromEntries(failures),
      slotsInUse: busy,
      processes: rows,
    };
    const folder = new URL("../results/", import.meta.url);
    await mkdir(folder, { recursive: true });
    await writeFile(new URL("soak.json", folder), `${JSON.stringify(result, null, 2)}\n`);
    print(
      `soak benchmark; Node ${process.versions.node}, ${result.minutes} min, ${made.length} troubles\n\n`,
    );
    print(`${answers} answers, ${aborted} left by their clients, ${refused} refused, failures: `);
    print(
      `${failures.size === 0 ? "none" : JSON.stringify(result.failures)}\nslots in use at the end: ${busy}\n\n`,
    );
    print(
      alignColumns([
        ["spared process", "RSS, MiB", "growth per hour, %", "more handles"],
        ...rows.map(({ name, rssMib, growth, handles }) => [
          name,
          `${rssMib}`,
          growth.toFixed(1),
          `${handles}`,
        ]),
      ]),
    );
    print("\n");
    const holds =
      failures.size === 0 &&
      busy === 0 &&
      rows.every(({ growth, handles }) => growth < growthLimit && handles <= clientCount);
    return holds ? 0 : 1;
  } finally {
    await spared.program.stop("SIGKILL");
    await mesh.stop();
  }
}

async function startTranslator(mesh: Mesh): Promise<{ program: Program; url: string }> {
  const address = await freeAddress();
  const toRouters = mesh.routers.flatMap((router) => ["--router", router]);
  const environment = { CXMPUTE_API_KEY: mesh.apiKey, CXMPUTE_USER_ID: mesh.userId };
  const program = cxmpute(["translator", "--listen", address, ...toRouters], environment);
  const url = `http://${address}`;
  await untilReady(url, new Map([["translator", program]]));
  return { program, url };
}

/** Of all nodes, as they have last reported them to a router. */
async function slotsInUse(mesh: Mesh): Promise<number> {
  const nodes = cxmpute(["nodes", "--json", "--registry", mesh.registry, "--router", mesh.routers[1]!]);
  await nodes.ended;
  return [...nodes.stdout().matchAll(/"running":\s*(\d+)/g)].reduce(
    (sum, [, running]) => sum + Number(running),
    0,
  );
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
const print = (text: string): void => void process.stdout.write(text);
