import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";

/** What a server answers on a path: JSON with status 200, or as said. */
export type ScriptedAnswer =
  | { readonly json: unknown; readonly status?: number }
  | { readonly html: string; readonly status?: number };

/** The answers of one server; what is not in it gives 404. */
export type Script = Readonly<Record<string, ScriptedAnswer>>;

/** How each server answers what is asked to tell it from the others, by its published documentation and source. */
export const scripts = {
  ollama: {
    "/": { html: "Ollama is running" },
    "/api/version": { json: { version: "0.12.6" } },
    "/api/tags": {
      json: {
        models: [
          {
            name: "llama3.1:8b",
            model: "llama3.1:8b",
            modified_at: "2025-10-01T12:00:00Z",
            size: 4_920_753_328,
            digest: "46e0c10c039e019119339687c3c1757cc81b9da49709a3b3924863ba87ca666e",
            details: {
              format: "gguf",
              family: "llama",
              parameter_size: "8.0B",
              quantization_level: "Q4_K_M",
            },
          },
          { name: "my-tune:latest", model: "my-tune:latest", size: 1_000_000, digest: "ab", details: {} },
        ],
      },
    },
    "/v1/models": {
      json: {
        object: "list",
        data: [{ id: "llama3.1:8b", object: "model", created: 1_700_000_000, owned_by: "library" }],
      },
    },
  },
  llamaServer: {
    "/health": { json: { status: "ok" } },
    "/props": {
      json: {
        default_generation_settings: { id: 0, n_ctx: 4096 },
        total_slots: 4,
        model_path: "/models/Qwen3-8B-Q4_K_M.gguf",
        chat_template: "{{ messages }}",
        build_info: "b6800-0123abc",
      },
    },
    "/v1/models": {
      json: {
        object: "list",
        data: [
          {
            id: "/models/Qwen3-8B-Q4_K_M.gguf",
            object: "model",
            created: 1_700_000_000,
            owned_by: "llamacpp",
            meta: { n_vocab: 151_936, n_ctx_train: 40_960, n_embd: 4096, n_params: 8e9, size: 5_027_783_488 },
          },
        ],
      },
    },
    // It also lists its model as Ollama does.
    "/api/tags": { json: { models: [{ name: "/models/Qwen3-8B-Q4_K_M.gguf", model: "x", size: "" }] } },
  },
  vllm: {
    "/version": { json: { version: "0.11.0" } },
    "/v1/models": {
      json: {
        object: "list",
        data: [
          {
            id: "meta-llama/Llama-3.1-8B-Instruct",
            object: "model",
            created: 1_700_000_000,
            owned_by: "vllm",
            root: "meta-llama/Llama-3.1-8B-Instruct",
            parent: null,
            max_model_len: 131_072,
            permission: [],
          },
        ],
      },
    },
  },
  sglang: {
    "/get_model_info": {
      json: {
        model_path: "Qwen/Qwen3-8B",
        tokenizer_path: "Qwen/Qwen3-8B",
        is_generation: true,
        preferred_sampling_params: null,
      },
    },
    "/v1/models": {
      json: {
        object: "list",
        data: [{ id: "Qwen/Qwen3-8B", object: "model", owned_by: "sglang", max_model_len: 40_960 }],
      },
    },
  },
  tgi: {
    "/info": {
      json: {
        model_id: "bigscience/bloom-560m",
        model_sha: "e985a63cdc139290c5f700ff1929f0b5942cced2",
        model_pipeline_tag: "text-generation",
        max_concurrent_requests: 128,
        max_best_of: 2,
        max_stop_sequences: 4,
        max_input_tokens: 1024,
        max_total_tokens: 2048,
        router: "text-generation-router",
        version: "3.3.4",
      },
    },
  },
  lmStudio: {
    "/api/v0/models": {
      json: {
        object: "list",
        data: [
          {
            id: "qwen2.5-7b-instruct",
            object: "model",
            type: "llm",
            publisher: "lmstudio-community",
            arch: "qwen2",
            compatibility_type: "gguf",
            quantization: "Q4_K_M",
            state: "not-loaded",
            max_context_length: 32_768,
          },
        ],
      },
    },
    "/v1/models": {
      json: {
        object: "list",
        data: [{ id: "qwen2.5-7b-instruct", object: "model", owned_by: "organization_owner" }],
      },
    },
  },
  mesh: {
    "/healthz": { json: { status: "ok", service: "cxmpute" } },
    "/v1/models": { json: { error: { message: "Incorrect API key provided" } }, status: 401 },
  },
  openAi: {
    "/v1/models": { json: { object: "list", data: [{ id: "some-model", object: "model" }] } },
  },
  locked: {
    "/v1/models": { json: { error: "Unauthorized" }, status: 401 },
  },
  webPage: {
    "/": { html: "<html><body>Welcome to nginx!</body></html>" },
    "/v1/models": { html: "<html><body>Not here</body></html>", status: 404 },
  },
} as const satisfies Record<string, Script>;

/** A server on loopback that answers by a script. */
export interface ScriptedServer {
  readonly url: string;
  /** What was asked, in order. */
  readonly asked: readonly { path: string; headers: IncomingHttpHeaders }[];
  close(): Promise<void>;
}

/** Starts one. `key`: it refuses whoever does not bring it; `until`: it answers nothing before. */
export async function startScripted(
  script: Script,
  options: { key?: string; until?: Promise<void> } = {},
): Promise<ScriptedServer> {
  const asked: { path: string; headers: IncomingHttpHeaders }[] = [];
  const server = createServer(async (request, response) => {
    const path = request.url ?? "";
    asked.push({ path, headers: request.headers });
    await options.until;
    const allowed = options.key === undefined || request.headers.authorization === `Bearer ${options.key}`;
    const answer: ScriptedAnswer = allowed
      ? (script[path] ?? { html: "<html>404</html>", status: 404 })
      : { json: { error: "Unauthorized" }, status: 401 };
    const [type, body] =
      "json" in answer ? ["application/json", JSON.stringify(answer.json)] : ["text/html", answer.html];
    response.writeHead(answer.status ?? 200, { "content-type": type }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
