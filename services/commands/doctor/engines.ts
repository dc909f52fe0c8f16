import { processEnvironment } from "../../../core/config/environment.ts";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import { UserFault } from "../../../core/lifecycle/user-fault.ts";
import { printable } from "../../../core/terminal.ts";
import * as discover from "../../inference/discover/index.ts";
import { embeddedEngineFault } from "../../inference/engines/llama-cpp/index.ts";
import { betterModel, hints } from "../join/hints.ts";
import { type Check, type Finding, fault, ok, warning } from "./check.ts";

/** The engines on this machine. */
export const checkEngines: Check = async ({ url, engineKey, models }, signal) => {
  const [named, found, files] = await Promise.all([
    url === undefined ? [] : inspect(url, engineKey, signal),
    discover.findServers({ signal, environment: processEnvironment }),
    models === undefined ? [] : lookInto(models, signal),
  ]);
  const others = [
    ...found.servers.map(toFinding),
    ...found.locked.map((at) => warning("Engine", `a server at ${at} asks for a key`, hints.locked(at))),
    ...found.silent.map((at) => warning("Engine", `what listens at ${at} does not answer`, hints.silent(at))),
    ...found.meshes.map((at) => ok("Engine", hints.mesh(at))),
  ];
  const all = [...named, ...others, ...files];
  if (all.some(({ name, status }) => name === "Engine" && status === "ok")) return all;
  const embeddedFault = embeddedEngineFault();
  if (embeddedFault !== undefined) return [...all, splitCure("Engine", embeddedFault.message)];
  const only = "only the embedded one with the starter model, which is very small";
  return [...all, warning("Engine", only, `For a better one, ${betterModel.join(" ")}`)];
};

function toFinding({ kind, url, version, models }: discover.ServerFinding): Finding {
  const { name } = discover.serverKinds[kind];
  const title = `${[name, version || []].flat().join(" ")} at ${url}`;
  if (models.length === 0)
    return warning("Engine", `${title} has no model`, hints.emptyServer(name, url, kind));
  const names = models.slice(0, 5).map(({ name }) => name);
  const more = models.length > 5 ? ` and ${models.length - 5} more` : "";
  return ok("Engine", printable(`${title} has ${names.join(", ")}${more}`));
}

async function inspect(url: string, apiKey: string | undefined, signal: AbortSignal): Promise<Finding[]> {
  try {
    return [toFinding(await discover.inspectServer(url, { signal, apiKey }))];
  } catch (error) {
    if (!(error instanceof UserFault)) throw error;
    return [splitCure("Engine", error.message)];
  }
}

async function lookInto(folder: string, signal: AbortSignal): Promise<Finding[]> {
  try {
    const { models, faults } = await discover.findModelFiles(folder, { signal });
    if (models.length + faults.length === 0)
      return [warning("Models", hints.emptyFolder(folder), "Put a GGUF file there, or name another folder.")];
    const fit = discover.fitModels(models, process.availableMemory(), undefined);
    return [
      ...fit.serve.map(({ model, slots }) =>
        ok("Engine", `${model.path} fits into memory with ${slots} slots`),
      ),
      ...fit.leftOut.map(({ model, why }) => splitCure("Models", `${model.path} is ${why}.`)),
      ...faults.map(({ why }) => splitCure("Models", why)),
    ];
  } catch (error) {
    if (!(error instanceof UserFault) && !(error instanceof MeshError)) throw error;
    return [splitCure("Models", error.message)];
  }
}

/** Splits a message after its first sentence: what is wrong, then what to do. */
export function splitCure(name: string, message: string): Finding {
  const [, says = message, cure = ""] = /^(.*?\S)\. (.+)$/s.exec(message) ?? [];
  return fault(name, says.replace(/\.$/, ""), cure === "" ? "See docs/joining.md." : cure);
}
