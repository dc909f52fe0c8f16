import { availableParallelism } from "node:os";
import type { Clock } from "../../../core/clock.ts";
import type { Environment } from "../../../core/config/environment.ts";
import { UserFault } from "../../../core/lifecycle/user-fault.ts";
import * as discover from "../../inference/discover/index.ts";
import { embeddedEngineFault } from "../../inference/engines/llama-cpp/index.ts";
import type { EngineSpec } from "../../inference/index.ts";
import { type EngineValues, toSpec } from "../engine.ts";
import { starterModel } from "../places.ts";
import type { EngineName } from "../settings/engine.ts";
import { namedEngine } from "../settings/node.ts";
import { hints } from "./hints.ts";

/** The settings of `cxmpute join` for its offer. */
export interface OfferValues extends Omit<EngineValues, "engine"> {
  readonly engine: EngineName | undefined;
  readonly models: string | undefined;
}

/** An engine of this node. */
export interface Source {
  /** Such as `Ollama 0.12.6`. */
  readonly title: string;
  /** Such as `at http://127.0.0.1:11434`, or a file. */
  readonly place: string;
  readonly spec: EngineSpec;
}

/** What this node will offer. */
export interface Offer {
  /** In order of preference; at least one. */
  readonly sources: readonly Source[];
  /** Whether they were searched for, not named. */
  readonly searched: boolean;
  /** What is here and not served, with why and what to do, a sentence each. */
  readonly leftOut: readonly string[];
  /** Whether only the starter model is offered. */
  readonly starter: boolean;
  /** URLs of listeners that did not answer, when `starter`. */
  readonly silent: readonly string[];
}

export interface SearchOptions {
  readonly signal: AbortSignal;
  readonly environment: Environment;
  /** Memory for models, in bytes. */
  readonly availableBytes: number;
  readonly clock?: Clock;
  /** URLs instead of the usual ones. */
  readonly places?: readonly string[];
  /** Why there is no embedded engine; for tests. */
  readonly embeddedFault?: Error;
}

/**
 * What this node will offer: the named engine, else the server at `--url`, else what runs here and the files
 * of `--models`, else the starter model. Throws a fault with what to do when there is nothing of the kind.
 */
export async function findOffer(values: OfferValues, around: SearchOptions): Promise<Offer> {
  const named = namedEngine(values);
  if (named === "llama-cpp" && values.models !== undefined) return search(values, { ...around, places: [] });
  if (named !== undefined) return offerOf([nameSource({ ...values, engine: named })], false);
  if (values.url === undefined) return search(values, around);
  const finding = await discover.inspectServer(values.url, { ...around, apiKey: values.engineKey });
  return offerOf([toSource(finding, values, values.only)], false);
}

const offerOf = (sources: readonly Source[], searched: boolean, leftOut: readonly string[] = []): Offer => ({
  sources,
  searched,
  leftOut,
  starter: false,
  silent: [],
});

function nameSource(values: EngineValues): Source {
  const spec = toSpec(values);
  const titles = {
    "llama-cpp": "llama.cpp",
    ollama: "Ollama",
    openai: "OpenAI's API",
    synthetic: "synthetic",
  };
  const places = {
    "llama-cpp": `in this process, with ${String(spec.model)}`,
    ollama: `at ${String(spec.url)}`,
    openai: `at ${String(spec.url)}`,
    synthetic: "generated text, for load tests",
  };
  return { title: titles[spec.engine], place: places[spec.engine], spec };
}

async function search(values: OfferValues, around: SearchOptions): Promise<Offer> {
  const [found, files] = await Promise.all([
    discover.findServers(around),
    values.models === undefined ? noFolder : searchFolder(values.models, values, around),
  ]);
  const has = [...found.servers.flatMap(({ models }) => models.map(({ name }) => name)), ...files.names];
  for (const name of values.only)
    if (!has.some((one) => isSame(one, name))) throw discover.serverFaults.noSuchModel(name, has);

  const sources: Source[] = [];
  const leftOut: string[] = [];
  for (const server of found.servers) {
    const mine = server.models.filter(({ name }) => values.only.some((one) => isSame(name, one)));
    const only = mine.map(({ name }) => name);
    if (server.models.length === 0)
      leftOut.push(hints.emptyServer(discover.serverKinds[server.kind].name, server.url, server.kind));
    else if (values.only.length === 0 || only.length > 0) sources.push(toSource(server, values, only));
  }
  leftOut.push(
    ...found.silent.map(hints.silent),
    ...found.meshes.map(hints.mesh),
    ...found.locked.map(hints.locked),
    ...files.leftOut,
  );
  sources.push(...files.sources);
  if (sources.length > 0) return offerOf(sources, true, leftOut);
  const { embeddedFault = embeddedEngineFault() } = around;
  if (embeddedFault !== undefined)
    throw new UserFault([...new Set([...leftOut, embeddedFault.message])].join(" "));
  const starter = nameSource({ ...values, engine: "llama-cpp", model: starterModel });
  return { ...offerOf([starter], true, leftOut), starter: true, silent: found.silent };
}

/** `:latest` is optional in Ollama's names. */
const isSame = (name: string, wanted: string): boolean => name === wanted || name === `${wanted}:latest`;

function toSource(finding: discover.ServerFinding, values: OfferValues, only: readonly string[]): Source {
  const { kind, url, version, engine } = finding;
  // By the server's full name, which the provider may have shortened.
  const as = (values.as ?? []).flatMap((pair) => {
    const [wanted = "", name] = pair.split("=");
    const model = finding.models.find((one) => isSame(one.name, wanted));
    return model === undefined ? [] : `${model.name}=${name}`;
  });
  const base = { ...values, only, as, model: undefined, engine };
  const spec = toSpec(
    engine === "openai" ? { ...base, url: `${url}/v1` } : { ...base, url, engineKey: undefined },
  );
  return {
    title: [discover.serverKinds[kind].name, version || []].flat().join(" "),
    place: `at ${url}`,
    spec,
  };
}

interface FolderOffer {
  readonly sources: readonly Source[];
  readonly leftOut: readonly string[];
  /** Of all files, also those left out. */
  readonly names: readonly string[];
}

const noFolder: FolderOffer = { sources: [], leftOut: [], names: [] };

async function searchFolder(
  folder: string,
  values: OfferValues,
  { signal, availableBytes, embeddedFault = embeddedEngineFault() }: SearchOptions,
): Promise<FolderOffer> {
  const { models, faults, cut } = await discover.findModelFiles(folder, {
    signal,
    contextSize: values.contextSize,
  });
  if (models.length > 0 && embeddedFault !== undefined)
    return { sources: [], leftOut: [embeddedFault.message], names: models.map(({ name }) => name) };
  const chosen = models.filter(({ name }) => values.only.length === 0 || values.only.includes(name));
  const fit = discover.fitModels(chosen, availableBytes, values.slots);
  const sources = fit.serve.map(({ model, slots }): Source => {
    const as = values.as?.filter((pair) => pair.startsWith(`${model.name}=`)) ?? [];
    const spec = toSpec({ ...values, as, engine: "llama-cpp", model: model.path, slots });
    return { title: "llama.cpp", place: `in this process, with ${model.path}`, spec };
  });
  return {
    sources,
    leftOut: [
      ...(models.length + faults.length === 0 ? [hints.emptyFolder(folder)] : []),
      ...fit.leftOut.map(({ model, why }) => `${model.path} is ${why}.`),
      ...faults.map(({ why }) => why),
      ...(cut ? [hints.cutFolder(folder)] : []),
      ...(sources.length > 1 && availableParallelism() < 2 * sources.length
        ? [hints.manyModels(sources.length)]
        : []),
    ],
    names: models.map(({ name }) => name),
  };
}
