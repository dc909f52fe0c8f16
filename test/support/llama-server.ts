import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { freeAddress } from "./mesh.ts";
import { endWithTests, root } from "./program.ts";

/** A llama-server that nobody here wrote, with the starter model. */
export interface LlamaServer {
  /** Such as `http://127.0.0.1:20123`, without a path. */
  readonly url: string;
  readonly child: ChildProcess;
  /** What its slots do now. */
  slots(): Promise<readonly LlamaSlot[]>;
  /** Ends it, at once unless said otherwise. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** A slot, as the server tells it. */
export interface LlamaSlot {
  /** Whether it computes. */
  readonly isBusy: boolean;
  /** Grows from one request to the next. */
  readonly task: number;
  /** Whether its answer has ended before it was complete, or has not ended yet. */
  readonly isIncomplete: boolean;
}

/** Where one is kept once it was fetched. */
const kept = fileURLToPath(new URL("../../.cache/llama-server", import.meta.url));

/**
 * The program's path, or why there is none: the one that `LLAMA_SERVER` names, or Debian's, which is fetched the
 * first time. Says the reason in one line, for the tests that are skipped then.
 */
export function findLlamaServer(): { readonly path: string } | { readonly missing: string } {
  const named = process.env.LLAMA_SERVER;
  if (named !== undefined) return { path: named };
  const path = `${kept}/llama-server`;
  if (existsSync(path)) return { path };
  const missing = fetchLlamaServer();
  if (missing === undefined) return { path };
  process.stderr.write(`Skipped: a real llama-server is missing (${missing}).\n`);
  return { missing };
}

function fetchLlamaServer(): string | undefined {
  if (process.platform !== "linux") return "it can be fetched on Linux only";
  const script = fileURLToPath(new URL("get-llama-server.sh", import.meta.url));
  const { status, stderr, error } = spawnSync("bash", [script, kept], { encoding: "utf8", timeout: 120_000 });
  if (error !== undefined) return error.message;
  return status === 0 ? undefined : (stderr.trim().split("\n").at(-1) ?? `exit status ${status}`);
}

/** Starts one and waits until its model is loaded. */
export async function startLlamaServer(
  path: string,
  { slots = 4, args = [] }: { slots?: number; args?: readonly string[] } = {},
): Promise<LlamaServer> {
  const address = await freeAddress();
  const [host = "", port = ""] = address.split(":");
  const child = spawn(
    path,
    [
      ...["--model", `${root}models/starter.gguf`, "--alias", "starter", "--host", host, "--port", port],
      ...["--parallel", String(slots), "--ctx-size", String(1024 * slots), "--jinja", "--threads", "1"],
      ...args,
    ],
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  endWithTests(child);
  let said = "";
  child.stderr.on("data", (data: Buffer) => {
    said = (said + data.toString()).slice(-4000);
  });
  const ended = once(child, "exit");
  const url = `http://${address}`;
  for (let tries = 0; ; tries++) {
    const isReady = await fetch(`${url}/health`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isReady) break;
    if (child.exitCode !== null || tries > 1200) {
      child.kill("SIGKILL");
      throw new Error(`llama-server did not start:\n${said}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return {
    url,
    child,
    async slots() {
      const slots = (await (await fetch(`${url}/slots`)).json()) as {
        is_processing: boolean;
        id_task?: number;
        next_token?: { has_next_token: boolean }[];
      }[];
      return slots.map(({ is_processing, id_task = -1, next_token = [] }) => ({
        isBusy: is_processing,
        task: id_task,
        isIncomplete: next_token.some(({ has_next_token }) => has_next_token),
      }));
    },
    async stop(signal = "SIGKILL") {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      await ended;
    },
  };
}
