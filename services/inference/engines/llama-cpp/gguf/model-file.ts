import { type FileHandle, open } from "node:fs/promises";
import { MeshError } from "../../../../../core/errors/mesh-error.ts";
import { checkTensors } from "./check.ts";
import { GgufError, type GgufHeader, NeedsMoreBytes, parseHeader } from "./header.ts";

/** A checked GGUF file. */
export interface ModelFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly header: GgufHeader;
}

/** Reads and checks a GGUF file. Throws `invalid_request` that says what is wrong and what to do. */
export async function openModelFile(path: string, signal: AbortSignal): Promise<ModelFile> {
  const file = await openForReading(path);
  try {
    const stats = await file.stat();
    if (stats.isDirectory())
      throw new MeshError("invalid_request", `${path} is a folder. Name the GGUF file inside of it.`);
    const header = await readHeader(file, stats.size, signal);
    checkTensors(header, stats.size);
    return { path, sizeBytes: stats.size, header };
  } catch (error) {
    throw loadFault(path, error);
  } finally {
    await file.close();
  }
}

/** A `GgufError` as an `invalid_request` that names the file; any other error as it is. */
export const loadFault = (path: string, error: unknown): unknown =>
  error instanceof GgufError
    ? new MeshError("invalid_request", `${path} cannot be loaded: the file ${error.message}.`, {
        cause: error,
      })
    : error;

async function openForReading(path: string): Promise<FileHandle> {
  try {
    return await open(path, "r");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why =
      code === "ENOENT" || code === "ENOTDIR"
        ? "There is no such file"
        : code === "EACCES" || code === "EPERM"
          ? "This user may not read it"
          : `It cannot be opened (${code})`;
    throw new MeshError(
      "invalid_request",
      `No model at ${path}: ${why}. Give the path of a GGUF file, such as models/starter.gguf.`,
      { cause: error },
    );
  }
}

/** Reads until the header is complete; its length is known only at its end. */
async function readHeader(file: FileHandle, fileBytes: number, signal: AbortSignal): Promise<GgufHeader> {
  for (let length = firstReadBytes; ; length *= 4) {
    signal.throwIfAborted();
    const wanted = Math.min(length, fileBytes, headerLimitBytes);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(wanted), 0, wanted, 0);
    try {
      return parseHeader(buffer.subarray(0, bytesRead));
    } catch (error) {
      if (!(error instanceof NeedsMoreBytes)) throw error;
      if (bytesRead < wanted || wanted === fileBytes) throw new GgufError(cutOff(fileBytes));
      if (wanted === headerLimitBytes) throw new GgufError("is damaged: its header has no end");
    }
  }
}

const cutOff = (fileBytes: number): string =>
  fileBytes < 24
    ? "is not a GGUF model (it is too short)"
    : `is cut off: it ends after ${fileBytes} bytes, within its header. Download it again`;

const firstReadBytes = 1024 * 1024;
const headerLimitBytes = 256 * 1024 * 1024;
