import { type Command, defineCommand } from "./command.ts";
import { chatSettings, explainSettings, modelsSettings, nodesSettings } from "./settings/clients.ts";
import { doctorSettings } from "./settings/doctor.ts";
import { nodeSettings, tlsSettings, tokenSettings } from "./settings/identity.ts";
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
    about: `A node. Without an engine named it offers what it finds on this machine: Ollama, llama-server, vLLM, LM Studio,
SGLang and TGI on their usual ports, GGUF files in the folder of --models; failing that the model that comes along.
It says what it found and under which names it is offered. docs/joining.md has every message, and what to do.

It registers, and then the routers reach it in one of two ways: without --advertise it dials them, so
that it works behind NAT and needs no open port; with --advertise they dial it.

A mesh with TLS gives out join tokens, which say where it is and let one machine in; the identity that the machine
gets for it is kept in the data folder, so that \`cxmpute join\` is enough from then on.

Examples:
  cxmpute join --token cxj_...
  cxmpute join --registry mesh.example:50051 --router mesh.example:50052
  cxmpute join --url http://127.0.0.1:8000 --only Qwen/Qwen3-8B --slots 16
  cxmpute join --models ~/models --as my-tune=llama3.1:8b
  cxmpute join --registry 10.0.0.5:50051 --advertise 10.0.0.7:50053
  cxmpute join --engine synthetic --slots 64 --tokens-per-second 50     for load tests`,
    run: async ({ values }) => (await import("./join.ts")).join(values),
  }),
  defineCommand({
    settings: doctorSettings,
    summary: "Check this machine and the way to its mesh, and say what to mend.",
    about: `Looks at the program, memory, GPUs, disk, the data folder, this machine's identity, the engines that run here,
registry and routers, protocol and clock. A line each; exit code 1 when something keeps this machine from serving.

Examples:
  cxmpute doctor --registry mesh.example:50051 --router mesh.example:50052
  cxmpute doctor --url http://127.0.0.1:8000 --json`,
    run: async ({ values }) => (await import("./doctor.ts")).doctor(values),
  }),
  defineCommand({
    settings: translatorSettings,
    summary: "Run the HTTP endpoint: OpenAI's API in front of routers.",
    about: `Run as many as you like. Each keeps the responses of /v1/responses that it made, in its own memory:
whoever continues one must reach the same translator (docs/responses.md). Nothing else is kept between requests.
/healthz says that it runs, /readyz that some model can be served.

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
    about: `Serves gRPC with health and reflection. With --store memory, when it restarts, nodes register again, and routers
keep what they know until then. Identities and revocations are kept in the data folder.

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
    about: `Who is registered with what; with --router also how busy each node is, and with --wide all that is known:
what each model was seen to do there, how fast it answers, and on what.

Examples:
  cxmpute nodes --registry 127.0.0.1:50051
  cxmpute nodes --registry 127.0.0.1:50051 --wide
  cxmpute nodes --registry 127.0.0.1:50051 --router 127.0.0.1:50052 --json`,
    run: async ({ values }) => (await import("./nodes.ts")).nodes(values),
  }),
  defineCommand({
    settings: explainSettings,
    summary: "Tell where a router would send a request now, and why not elsewhere.",
    about: `For each node: its place in the ranking or why it has none, what the model was seen to do there, how busy it is.
Nothing is generated.

Examples:
  cxmpute explain llama3.1:8b
  cxmpute explain llama3.1:8b --need tools --need json_schema --router 127.0.0.1:50052`,
    words: ["MODEL"],
    run: async ({ values, words }) => (await import("./explain.ts")).explain(values, words),
  }),
  defineCommand({
    settings: tlsSettings,
    summary: "Make the certificates of a mesh.",
    about: `With them its processes speak TLS to each other and know who is who, and machines join by token. It makes an
authority, a certificate for each kind of service and one for its admin, and overwrites nothing.

Examples:
  cxmpute tls init ~/mesh-tls
  cxmpute tls init ~/mesh-tls --host mesh.example --host 10.0.0.5`,
    words: ["init", "FOLDER"],
    run: async ({ values, words }) => (await import("./tls.ts")).tls(values, words),
  }),
  defineCommand({
    settings: tokenSettings,
    summary: "Make a token that lets a machine join a mesh with TLS.",
    about: `The machine exchanges it for an identity of its own, once, and needs it no more after that.

Examples:
  cxmpute token create --tls ~/mesh-tls --registry mesh.example:50051 --router mesh.example:50052
  cxmpute token create --tls ~/mesh-tls --uses 20 --ttl 5m`,
    words: ["create"],
    run: async ({ values, words }) => (await import("./token.ts")).token(values, words),
  }),
  defineCommand({
    settings: nodeSettings,
    summary: "Throw a node out of a mesh with TLS.",
    about: `Its identity ends for good: it is cut within seconds, and cannot come back under this name.

Examples:
  cxmpute node revoke gpu-1-3f9a2c --tls ~/mesh-tls --registry mesh.example:50051`,
    words: ["revoke", "NAME"],
    run: async ({ values, words }) => (await import("./node.ts")).node(values, words),
  }),
];

/** What `cxmpute config` does, in the list of commands. It has no settings of its own. */
export const configSummary = "Show how a command's settings are resolved, and who set each.";
