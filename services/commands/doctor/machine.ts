import { protocol } from "../../../core/protocol.ts";
import { printable } from "../../../core/terminal.ts";
import type { Hardware } from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import { readHardware } from "../../inference/index.ts";
import { version } from "../places.ts";
import { type Check, type Finding, fault, ok, warning } from "./check.ts";

/** The oldest Node.js that runs TypeScript. */
export const oldestNode = 24;

/** The program, and the Node.js that runs it. */
export const checkProgram: Check = async () => [
  ok("cxmpute", `${version}, protocol version ${protocol.current}`),
  toNodeFinding(process.versions.node),
];

export function toNodeFinding(nodeVersion: string): Finding {
  const major = Number(nodeVersion.split(".")[0]);
  return major >= oldestNode
    ? ok("Node.js", nodeVersion)
    : fault(
        "Node.js",
        `${nodeVersion} is too old: ${oldestNode} or later is needed`,
        `Start with \`npm run cxmpute\` or the \`cxmpute\` command, which bring their own, or install Node.js ${oldestNode}.`,
      );
}

/** Hardly enough for the smallest useful models, in bytes. */
const littleMemoryBytes = 2 * 1024 ** 3;

/** The processor, memory and GPUs. */
export const checkHardware: Check = async () => {
  const hardware = await readHardware();
  return [
    ok("Processor", printable(`${hardware.cores} × ${hardware.cpu || "unknown"} (${hardware.platform})`)),
    toMemoryFinding(Number(hardware.memoryBytes), process.availableMemory()),
    toGpuFinding(hardware.gpus),
  ];
};

export function toMemoryFinding(totalBytes: number, availableBytes: number): Finding {
  const says = `${toGib(availableBytes)} of ${toGib(totalBytes)} are available`;
  return availableBytes >= littleMemoryBytes
    ? ok("Memory", says)
    : warning(
        "Memory",
        says,
        "Close other programs, or serve a small model: one of 1B parameters takes about 1 GiB.",
      );
}

function toGpuFinding(gpus: Hardware["gpus"]): Finding {
  if (gpus.length === 0)
    return ok(
      "GPU",
      "none was found. The embedded engine runs on the CPU anyway; Ollama and vLLM find GPUs themselves",
    );
  const shown = gpus.map(({ name, memoryBytes }) =>
    memoryBytes === 0n ? name : `${name} with ${toGib(Number(memoryBytes))}`,
  );
  return ok("GPU", printable(shown.join(", ")));
}

const toGib = (bytes: number): string => `${(bytes / 1024 ** 3).toFixed(1)} GiB`;
