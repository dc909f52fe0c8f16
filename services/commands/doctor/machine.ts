import { constants } from "node:fs";
import { access, stat, statfs } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { protocol } from "../../../core/protocol.ts";
import { printable } from "../../../core/terminal.ts";
import type { Hardware } from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import { readHardware } from "../../inference/index.ts";
import { version } from "../places.ts";
import { type Check, type Finding, fault, ok, warning } from "./check.ts";

/** The oldest Node.js that runs TypeScript. */
const oldestNode = 24;
const gibibyte = 1024 ** 3;
/** Hardly enough for the smallest useful models, in bytes. */
const littleMemoryBytes = 2 * gibibyte;
/** Less free space is a fault, in bytes. */
const noRoomBytes = 10 * 1024 ** 2;
const littleRoomBytes = gibibyte;
const hourMs = 3_600_000;
/** Running nodes renew their certificates; one this close to its end, in milliseconds, has not run for long. */
const soonMs = 72 * hourMs;

/** The program, and the Node.js that runs it. */
export const checkProgram: Check = async () => [
  ok("cxmpute", `${version}, protocol version ${protocol.current}`),
  toNodeFinding(process.versions.node),
];

export function toNodeFinding(nodeVersion: string): Finding {
  const major = Number(nodeVersion.split(".")[0]);
  if (major >= oldestNode) return ok("Node.js", nodeVersion);
  return fault(
    "Node.js",
    `${nodeVersion} is too old: ${oldestNode} or later is needed`,
    `Start with \`npm run cxmpute\` or the \`cxmpute\` command, which bring their own, or install Node.js ${oldestNode}.`,
  );
}

/** The processor, memory and GPUs. */
export const checkHardware: Check = async () => {
  const { cores, cpu, platform, memoryBytes, gpus } = await readHardware();
  return [
    ok("Processor", printable(`${cores} × ${cpu || "unknown"} (${platform})`)),
    toMemoryFinding(Number(memoryBytes), process.availableMemory()),
    toGpuFinding(gpus),
  ];
};

export function toMemoryFinding(totalBytes: number, availableBytes: number): Finding {
  const says = `${toGib(availableBytes)} of ${toGib(totalBytes)} are available`;
  if (availableBytes >= littleMemoryBytes) return ok("Memory", says);
  const cure = "Close other programs, or serve a small model: one of 1B parameters takes about 1 GiB.";
  return warning("Memory", says, cure);
}

function toGpuFinding(gpus: Hardware["gpus"]): Finding {
  const shown = gpus.map(({ name, memoryBytes }) =>
    memoryBytes === 0n ? name : `${name} with ${toGib(Number(memoryBytes))}`,
  );
  const none =
    "none was found. The embedded engine runs on the CPU anyway; Ollama and vLLM find GPUs themselves";
  return ok("GPU", shown.length === 0 ? none : printable(shown.join(", ")));
}

/** Whether the data folder can be written, has room, and is private. */
export const checkDataFolder: Check = async ({ dataFolder }) => {
  const path = resolve(dataFolder);
  const existing = await nearestExisting(path);
  const stats = await stat(existing);
  if (!stats.isDirectory())
    return [
      fault("Data folder", `${existing} is a file, not a folder`, "Choose another with --data FOLDER."),
    ];
  if (!(await isAccessible(existing, constants.W_OK | constants.X_OK)))
    return [
      fault(
        "Data folder",
        `this user may not write to ${existing}`,
        `Choose another with --data FOLDER, or make it this user's: chown it.`,
      ),
    ];
  const { bavail, bsize } = await statfs(existing);
  return [toPrivacyFinding(path, existing, stats.mode), toRoomFinding(existing, bavail * bsize)];
};

/** Whether other users can write to the folder. */
export function toPrivacyFinding(path: string, existing: string, mode: number): Finding {
  if (existing !== path) return ok("Data folder", `${path} is created when needed`);
  // Windows has no such bits; users' folders are private there.
  if (process.platform === "win32" || (mode & 0o022) === 0) return ok("Data folder", path);
  const says = `other users of this machine may write to ${path}`;
  return warning("Data folder", says, `Close it: chmod 700 ${path}`);
}

export function toRoomFinding(path: string, bytes: number): Finding {
  const says = `${toGib(bytes)} are free where ${path} is`;
  if (bytes < noRoomBytes)
    return fault("Disk", says, "Free some space, or choose another disk with --data FOLDER.");
  return bytes < littleRoomBytes
    ? warning("Disk", says, "Free some space before you download models.")
    : ok("Disk", says);
}

async function nearestExisting(path: string): Promise<string> {
  const isThere = dirname(path) === path || (await isAccessible(path, constants.F_OK));
  return isThere ? path : nearestExisting(dirname(path));
}

const isAccessible = (path: string, mode: number): Promise<boolean> =>
  access(path, mode).then(
    () => true,
    () => false,
  );

/** This machine's identity in its mesh. */
export const checkIdentity: Check = async ({ identity }) => {
  if (identity === undefined)
    return [
      ok("Identity", "none is kept: this machine joins a mesh in plain text, or needs a join token first"),
    ];
  if ("fault" in identity) return [fault("Identity", identity.fault, askForToken)];
  return [toTermFinding(identity.nodeId, identity.certificate.validToDate.getTime() - Date.now())];
};

export const askForToken = "Ask the mesh's operator for a join token and run `cxmpute join --token TOKEN`.";

/** `leftMs`: the remaining term of the certificate. */
export function toTermFinding(nodeId: string, leftMs: number): Finding {
  const hours = Math.floor(leftMs / hourMs);
  const left = leftMs > 48 * hourMs ? `${Math.floor(hours / 24)} days` : `${hours} hours`;
  const says = `node ${nodeId}, whose certificate is valid for ${left} more`;
  return leftMs < soonMs
    ? warning("Identity", says, "Run `cxmpute join` before then: it renews the certificate by itself.")
    : ok("Identity", says);
}

const toGib = (bytes: number): string => `${(bytes / gibibyte).toFixed(1)} GiB`;
