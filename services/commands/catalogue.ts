import { type Command, defineCommand } from "./command.ts";
import { chatSettings, modelsSettings, nodesSettings } from "./settings/clients.ts";
import {
  joinSettings,
  registrySettings,
  routerSettings,
  translatorSettings,
  upSettings,
} from "./settings/services.ts";

/** Every command with settings, in the order in which help lists them. */
export const commands: readonly Command[] = [
  defineCommand({
    settings: upSettings,
    summary: "Run the whole mesh on this machine: endpoint, router, registry and one node.",
    about: `All four services in one process, ready in seconds, with the model that comes along. It prints the base URL,
the API key and a curl line to try. Ctrl-C lets open answers finish and ends it; a second Ctrl-C ends it at once.

Examples:
  cxmpute up
  cxmpute up --model ~/models/qwen2.5-0.5b-instruct.gguf --slots 8
  CXMPUTE_API_KEY=sk-cx-my-own cxmpute up --listen 0.0.0.0:8080`,
    run: async ({ values }) => (await import("./up.ts")).up(values),
  }),
  defineCommand({
    settings: joinSettings,
    summary: "Join a mesh: offer this machine's models to it.",
    about: `A node. It registers, and then the routers reach it in one of two ways: without --advertise it dials them, so
that it works behind NAT and needs no open port; with --advertise they dial it.

Examples:
  cxmpute join --registry mesh.example:50051 --router mesh.example:50052 --model ~/models/llama.gguf
  cxmpute join --registry 10.0.0.5:50051 --advertise 10.0.0.7:50053
  cxmpute join --engine synthetic --slots 64 --tokens-per-second 50     for load tests`,
    run: async ({ values }) => (await import("./join.ts")).join(values),
  }),
  defineCommand({
    settings: translatorSettings,
    summary: "Run the HTTP endpoint: OpenAI's API in front of routers.",
    about: `Stateless: run as many as you like. /healthz says that it runs, /readyz that some model can be served.

Examples:
  CXMPUTE_API_KEY=sk-cx-... cxmpute translator
  cxmpute translator --listen 0.0.0.0:8080 --router router-1:50052 --router router-2:50052 --api-key sha256:9f86...`,
    run: async ({ values }) => (await import("./translator.ts")).translator(values),
  }),
  defineCommand({
    settings: routerSettings,
    summary: "Run a router: it chooses a node for each generation.",
    about: `Serves gRPC with health and reflection. Several routers can stand side by side: nodes attach to each, translators
use all.

Examples:
  cxmpute router
  cxmpute router --listen 0.0.0.0:50052 --registry registry:50051`,
    run: async ({ values }) => (await import("./router.ts")).router(values),
  }),
  defineCommand({
    settings: registrySettings,
    summary: "Run the registry: it knows who is in the mesh.",
    about: `Serves gRPC with health and reflection. Its memory is its own: when it restarts, nodes register again, and what
routers know stands until then.

Examples:
  cxmpute registry
  cxmpute registry --listen 0.0.0.0:50051`,
    run: async ({ values }) => (await import("./registry.ts")).registry(values),
  }),
  defineCommand({
    settings: chatSettings,
    summary: "Talk to a model in the terminal.",
    about: `Streams answers from the HTTP endpoint and remembers the conversation; /help in it lists what else it can do. With
a message, or with something piped in, it answers once and ends.

Examples:
  cxmpute chat
  cxmpute chat "What is gRPC?"
  git diff | cxmpute chat --system "Explain this change in a sentence."`,
    words: ["MESSAGE"],
    run: async ({ values, words }) => (await import("./chat.ts")).chat(values, words),
  }),
  defineCommand({
    settings: modelsSettings,
    summary: "List the models that can be asked now.",
    about: `From the HTTP endpoint, or from a router with --router.

Examples:
  cxmpute models
  cxmpute models --router 127.0.0.1:50052 --json`,
    run: async ({ values }) => (await import("./models.ts")).models(values),
  }),
  defineCommand({
    settings: nodesSettings,
    summary: "List the nodes of a mesh.",
    about: `Who is registered with what; with --router also how busy each node is.

Examples:
  cxmpute nodes --registry 127.0.0.1:50051
  cxmpute nodes --registry 127.0.0.1:50051 --router 127.0.0.1:50052 --json`,
    run: async ({ values }) => (await import("./nodes.ts")).nodes(values),
  }),
];

/** What `cxmpute config` does, in the list of commands. It has no settings of its own. */
export const configSummary = "Show how a command's settings are resolved, and who set each.";
