import { systemClock } from "../../../../core/clock.ts";
import { MeshError } from "../../../../core/errors/mesh-error.ts";
import { pullLineSchema } from "./api.ts";
import { OllamaClient, type OllamaClientOptions } from "./client.ts";
import { failed, ollamaText } from "./failures.ts";

/** Progress of a pull. */
export interface PullProgress {
  /** In Ollama's words, such as `pulling manifest`, `pulling 6a0746a1ec1a` or `success`. */
  readonly status: string;
  /** The file being downloaded, if any. */
  readonly digest?: string;
  readonly totalBytes?: number;
  /** Bytes downloaded; absent before the first. */
  readonly completedBytes?: number;
}

/** Makes Ollama pull a model, continuing an aborted pull. Throws `MeshError`, saying what to do. */
export async function pullOllamaModel(
  options: Omit<OllamaClientOptions, "clock">,
  name: string,
  onProgress: (progress: PullProgress) => void,
  signal: AbortSignal,
): Promise<void> {
  const client = new OllamaClient({ clock: systemClock, ...options });
  let status = "";
  try {
    const asked = { who: client.who, model: name };
    for await (const line of client.lines("/api/pull", pullLineSchema, signal, { model: name }, asked)) {
      ({ status } = line);
      onProgress({
        status: ollamaText(status),
        ...(line.digest ? { digest: line.digest } : {}),
        ...(line.total ? { totalBytes: line.total } : {}),
        ...(line.completed ? { completedBytes: line.completed } : {}),
      });
    }
  } catch (error) {
    if (error instanceof MeshError && !signal.aborted) throw toPullFailure(error, name);
    throw error;
  }
  if (status !== "success")
    throw failed(`The pull of \`${name}\` broke off. Start it again: Ollama goes on from where it stopped.`);
}

/** Ollama's messages about pulls (server/images.go, server/download.go). */
const rules: readonly { readonly when: RegExp; readonly say: (name: string, said: string) => string }[] = [
  {
    when: /file does not exist/,
    say: (name) =>
      `Ollama's library has no model \`${name}\`. Names are listed at https://ollama.com/library; sizes follow a colon, as in \`llama3.1:8b\`.`,
  },
  {
    when: /invalid model name|name is required|unqualified/,
    say: (name) => `\`${name}\` cannot be the name of a model. Names look like \`llama3.1:8b\`.`,
  },
  {
    when: /no space left|disk quota/,
    say: (name) =>
      `The disk of Ollama's machine is full, so \`${name}\` cannot be pulled. Free some space, or point OLLAMA_MODELS to another disk.`,
  },
  {
    when: /newer version|412/,
    say: (name) => `\`${name}\` needs a newer Ollama. Update Ollama there, then pull again.`,
  },
  {
    when: /dial tcp|no such host|lookup |i\/o timeout|TLS handshake|connection re(?:set|fused)|max retries/,
    say: (name, said) =>
      `Ollama cannot reach its library to pull \`${name}\` (${said}). Look at that machine's connection and proxy, then pull again: it goes on from where it stopped.`,
  },
  {
    when: /digest mismatch/,
    say: (name) => `A file of \`${name}\` came over damaged and was discarded. Pull again.`,
  },
  { when: /unauthorized|401|403/, say: (name) => `The library does not give \`${name}\` to this Ollama.` },
];

function toPullFailure(error: MeshError, name: string): MeshError {
  // Ollama's own message, if it failed.
  const said = typeof error.cause === "string" ? error.cause : error.message;
  const rule = rules.find(({ when }) => when.test(said));
  if (rule === undefined) return error;
  return new MeshError("engine_failed", rule.say(name, ollamaText(said)), { cause: error });
}
