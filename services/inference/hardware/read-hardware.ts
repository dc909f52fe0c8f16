import { availableParallelism, cpus, totalmem } from "node:os";
import { create } from "@bufbuild/protobuf";
import { type Hardware, HardwareSchema } from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import { readAmdGpus } from "./amd.ts";
import { toLabel } from "./gpu.ts";
import { readNvidiaGpus } from "./nvidia.ts";

/** What this machine has to compute with, as far as it tells. Takes a few seconds at most and never fails. */
export async function readHardware(): Promise<Hardware> {
  const [nvidia, amd] = await Promise.all([readNvidiaGpus(), readAmdGpus()]);
  return create(HardwareSchema, {
    platform: `${process.platform} ${process.arch}`,
    cpu: toLabel(cpus()[0]?.model ?? ""),
    cores: availableParallelism(),
    memoryBytes: BigInt(Math.min(totalmem(), memoryLimit())),
    gpus: [...nvidia, ...amd].slice(0, gpuLimit),
  });
}

/** What a container lets its processes use, in bytes. */
function memoryLimit(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? limit : Number.POSITIVE_INFINITY;
}

/** More than one machine holds. */
const gpuLimit = 64;
