import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import { UserFault } from "../../../core/lifecycle/user-fault.ts";
import { inspectModelFile, type ModelFileFacts } from "../engines/llama-cpp/index.ts";

export interface FolderSearch {
  readonly models: readonly ModelFileFacts[];
  /** Files that cannot be served; `why` is a sentence that names the file. */
  readonly faults: readonly { readonly path: string; readonly why: string }[];
  /** True when the folder holds more than is looked at. */
  readonly cut: boolean;
}

interface FolderOptions {
  readonly signal: AbortSignal;
  /** Tokens of one slot; default: the engine's choice. */
  readonly contextSize?: number | undefined;
}

/** Nested folders that are searched: LM Studio keeps files three deep. */
const depthLimit = 4;
const fileLimit = 100;
const entryLimit = 20_000;

/** Reads the headers of GGUF files in a folder and below. Throws a fault when the folder cannot be read. */
export async function findModelFiles(folder: string, options: FolderOptions): Promise<FolderSearch> {
  const { paths, cut } = await listFiles(folder, options.signal);
  const models: ModelFileFacts[] = [];
  const faults: { path: string; why: string }[] = [];
  for (const path of paths)
    try {
      models.push(await inspectModelFile(path, options));
    } catch (error) {
      if (!(error instanceof MeshError)) throw error;
      faults.push({ path, why: error.message });
    }
  return { models, faults, cut };
}

async function listFiles(folder: string, signal: AbortSignal): Promise<{ paths: string[]; cut: boolean }> {
  const paths: string[] = [];
  let entriesLeft = entryLimit;
  const visit = async (path: string, depth: number): Promise<void> => {
    signal.throwIfAborted();
    for (const entry of await readdir(path, { withFileTypes: true })) {
      if (entriesLeft-- <= 0) return;
      const inside = join(path, entry.name);
      // An unreadable folder below hides its files, as its owner wants.
      if (entry.isDirectory() && depth < depthLimit) await visit(inside, depth + 1).catch(() => {});
      else if (/\.gguf$/i.test(entry.name) && (entry.isFile() || (await leadsToFile(inside))))
        paths.push(inside);
    }
  };
  try {
    await visit(folder, 1);
  } catch (error) {
    signal.throwIfAborted();
    throw folderFault(folder, (error as NodeJS.ErrnoException).code ?? String(error));
  }
  paths.sort();
  return { paths: paths.slice(0, fileLimit), cut: paths.length > fileLimit || entriesLeft <= 0 };
}

const leadsToFile = (path: string): Promise<boolean> =>
  stat(path).then(
    (stats) => stats.isFile(),
    () => false,
  );

export const folderFault = (folder: string, code: string): UserFault =>
  new UserFault(
    `cannot look for models in ${folder}: ${folderFaults[code] ?? `it cannot be read (${code})`}.`,
  );

const folderFaults: Readonly<Record<string, string>> = {
  ENOENT: "there is no such folder",
  ENOTDIR: "it is not a folder. To serve one file, use --model FILE",
  EACCES: "this user may not read it",
  EPERM: "this user may not read it",
};
