import { systemClock } from "../../../../core/clock.ts";
import { silentLog } from "../../../../core/telemetry/log.ts";
import type { ServedModel } from "../../../../gen/cxmpute/registry/v1/registry_pb.ts";
import { tagsSchema } from "../../../../services/inference/engines/ollama/api.ts";
import { createOllamaEngine } from "../../../../services/inference/engines/ollama/index.ts";

/** An Ollama that somebody runs on this machine, and its smallest model that answers. */
export interface RealOllama {
  readonly url: string;
  readonly served: ServedModel;
}

/** Looks for an Ollama at OLLAMA_HOST or at its usual port; a sentence says why there is none to test with. */
export async function findRealOllama(host = "127.0.0.1:11434"): Promise<RealOllama | string> {
  const url = host.includes("://") ? host : `http://${host}`;
  const signal = AbortSignal.timeout(2000);
  try {
    const tags = tagsSchema.parse(await (await fetch(`${url}/api/tags`, { signal })).json());
    const engine = createOllamaEngine({ url }, { clock: systemClock, log: silentLog });
    const served = await engine.models(AbortSignal.timeout(30_000));
    const sizes = new Map(tags.models?.map(({ name, size }) => [name, size ?? 0]));
    const [smallest] = served
      .filter(({ capabilities }) => capabilities?.jsonObject)
      .toSorted((a, b) => sizes.get(a.model)! - sizes.get(b.model)!);
    return smallest === undefined
      ? `the Ollama at ${url} has no model that answers`
      : { url, served: smallest };
  } catch (error) {
    return `no Ollama at ${url} to test with (${error instanceof Error ? error.message : error})`;
  }
}
