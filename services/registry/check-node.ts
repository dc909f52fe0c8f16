import { MeshError } from "../../core/errors/mesh-error.ts";
import { nodeIdPattern } from "../../core/identity/identity.ts";
import { faultOfServedModel, faultOfText, modelLimit } from "../../core/served-model.ts";
import type { Hardware, Node, NodeProcess, ServedModel } from "../../gen/cxmpute/registry/v1/registry_pb.ts";

/** The most graphics cards of one node. */
const gpuLimit = 64;

/** Returns a node's record, or throws `invalid_request` at its first fault. */
export function checkNode(node: Node | undefined): Node {
  if (node === undefined) throw fault("node", "Missing required field", "send the node's record");
  if (!nodeIdPattern.test(node.id))
    throw fault(
      "node.id",
      "Invalid node id",
      "use 1 to 128 letters, digits and . _ : @ / -, a letter or digit first",
    );
  if (node.address !== "" && !isAddress(node.address))
    throw fault(
      "node.address",
      "Invalid address",
      "use HOST:PORT with a port from 1 to 65535, such as 10.0.0.7:50053 or [::1]:50053, or leave it empty to attach",
    );
  checkText(node.version, "node.version", 0, 64);
  if (node.hardware !== undefined) checkHardware(node.hardware);
  if (node.models.length > modelLimit)
    throw fault("node.models", `Too many models (${node.models.length})`, `serve at most ${modelLimit}`);
  const seen = new Map<string, number>();
  node.models.forEach((served, index) => {
    checkServedModel(served, `node.models[${index}]`);
    const first = seen.get(served.model);
    if (first !== undefined)
      throw fault(
        `node.models[${index}].model`,
        `The same model as node.models[${first}]`,
        "a node serves each model once",
      );
    seen.set(served.model, index);
  });
  return node;
}

/** Throws `invalid_request` at the first fault of what a process says of itself. */
export function checkProcess(process: NodeProcess | undefined): void {
  checkText(process?.instance ?? "", "process.instance", 0, 64);
  checkText(process?.replaces ?? "", "process.replaces", 0, 64);
  checkText(process?.host ?? "", "process.host", 0, 253);
}

function checkServedModel(served: ServedModel, path: string): void {
  const found = faultOfServedModel(served);
  if (found !== undefined) throw fault(`${path}.${found.field}`, found.what, found.cure);
}

function checkHardware({ platform, cpu, gpus }: Hardware): void {
  checkText(platform, "node.hardware.platform", 0, 64);
  checkText(cpu, "node.hardware.cpu", 0, 256);
  if (gpus.length > gpuLimit)
    throw fault("node.hardware.gpus", `Too many cards (${gpus.length})`, `tell at most ${gpuLimit}`);
  for (const [index, { name }] of gpus.entries())
    checkText(name, `node.hardware.gpus[${index}].name`, 0, 256);
}

function checkText(text: string, path: string, shortest: number, longest: number): void {
  const found = faultOfText(path, text, shortest, longest);
  if (found !== undefined) throw fault(path, found.what, found.cure);
}

/** Whether a text is HOST:PORT: a name, an IPv4 address or an IPv6 address in brackets. */
function isAddress(text: string): boolean {
  const parts =
    /^(?:\[(?<v6>[0-9A-Fa-f:.%a-z]{2,64})\]|(?<host>[A-Za-z0-9_.-]{1,253})):(?<port>\d{1,5})$/.exec(text);
  const port = Number(parts?.groups?.port);
  return parts !== null && port >= 1 && port <= 65_535;
}

function fault(param: string, what: string, cure: string): MeshError {
  return new MeshError("invalid_request", `${what} at '${param}': ${cure}.`, { param });
}
