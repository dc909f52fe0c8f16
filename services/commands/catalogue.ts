import type { Config } from "../../core/config/load.ts";
import type { SchemaTable, Settings } from "../../core/config/settings.ts";
import * as clients from "./settings/clients.ts";
import { doctorSettings, joinSettings } from "./settings/node.ts";
import { registrySettings, routerSettings, translatorSettings, upSettings } from "./settings/services.ts";

/** One command of the command line. */
export interface Command<Schemas extends SchemaTable = SchemaTable> {
  readonly settings: Settings<Schemas>;
  /** One line, for the list of commands. */
  readonly summary: string;
  readonly about: string;
  /** Names of the words beside the flags, in order. */
  readonly words?: readonly string[];
  /** Resolves to the exit code. Imports what it needs, so that other commands start without it. */
  run(config: Config<Schemas>): Promise<number>;
}

/** Defines a command with typed settings. */
function defineCommand<Schemas extends SchemaTable>(command: Command<Schemas>): Command;
function defineCommand(command: Command): Command {
  return command;
}

/** Every command with settings, in the order in which help lists them. */
export const commands: readonly Command[] = [
  defineCommand({
    settings: upSettings,
    summary: "Run the whole mesh on this machine: endpoint, router, registry and one node.",
    about: `All four services in one process, ready in seconds, with the starter model. It prints the base URL, the API key
and a curl command. Ctrl-C stops it once open answers have finished; a second Ctrl-C stops it at once.

Examples:
  cxmpute up
  cxmpute up --model ~/models/qwen2.5-0.5b-instruct.gguf --slots 8
  CXMPUTE_API_KEY=sk-cx-my-own cxmpute up --listen 0.0.0.0:8080`,
    run: async ({ values }) => (await import("./up.ts")).up(values),
  }),
  defineCommand({
    settings: joinSettings,
    summary: "Join a mesh: offer this machine's models to it.",
    about: `Runs a node. Without --engine it offers what it finds on this machine: Ollama, llama-server, vLLM, LM Studio, SGLang
and TGI on their default ports, and GGUF files in the --models folder; otherwise the starter model. It lists what it
found and the names under which it offers it. docs/joining.md explains every message.

The node registers with the registry. Without --advertise it then dials the routers, which works behind NAT and needs
no open port; with --advertise the routers dial it.

A mesh with TLS issues join tokens. A token names the mesh and admits one machine; the identity that the machine gets
in exchange is kept in the data folder, so later \`cxmpute join\` is enough.

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
    summary: "Check this machine and its connection to the mesh.",
    about: `Checks the program, memory, GPUs, disk, data folder, identity, local engines, registry, routers, protocol version and
clock. Prints one line for each, with what to do; the exit code is 1 if anything keeps this machine from serving.

Examples:
  cxmpute doctor --registry mesh.example:50051 --router mesh.example:50052
  cxmpute doctor --url http://127.0.0.1:8000 --json`,
    run: async ({ values }) => (await import("./doctor.ts")).doctor(values),
  }),
  defineCommand({
    settings: translatorSettings,
    summary: "Run the HTTP endpoint: the OpenAI API in front of routers.",
    about: `Run as many as you like. Each stores its responses of /v1/responses in its own memory,
so requests that continue one must reach the same translator (docs/responses.md). Nothing else is kept between
requests. /healthz reports that it is alive, /readyz that at least one model can be served.

Keys belong to users, who see only their own stored responses and queue separately. \`cxmpute api-key\` creates them.

Examples:
  CXMPUTE_API_KEY=sk-cx-... cxmpute translator
  cxmpute translator --api-key alice=sk-cx-... --api-key bob=sha256:9f86...
  cxmpute translator --listen 0.0.0.0:8080 --router router-1:50052 --router router-2:50052 --api-key sha256:9f86...`,
    run: async ({ values }) => (await import("./translator.ts")).translator(values),
  }),
  defineCommand({
    settings: routerSettings,
    summary: "Run a router, which picks a node for each generation.",
    about: `Serves gRPC with health checks and reflection. Several routers can run side by side: nodes attach to all of them, and
translators use all of them.

Examples:
  cxmpute router
  cxmpute router --listen 0.0.0.0:50052 --registry registry:50051`,
    run: async ({ values }) => (await import("./router.ts")).router(values),
  }),
  defineCommand({
    settings: registrySettings,
    summary: "Run the registry, which tracks the nodes of the mesh.",
    about: `Serves gRPC with health checks and reflection. With --store memory, nodes register again after a restart, and routers
use their last listing until then. Identities and revocations are stored in the data folder.

Examples:
  cxmpute registry
  cxmpute registry --listen 0.0.0.0:50051`,
    run: async ({ values }) => (await import("./registry.ts")).registry(values),
  }),
  defineCommand({
    settings: clients.apiKeySettings,
    summary: "Create an API key.",
    about: `Prints a new random key, which is stored nowhere, and its hash for the translator's settings: a translator that knows only
the hash accepts the key as well.

Examples:
  cxmpute api-key alice
  cxmpute translator --api-key alice=sha256:9f86...`,
    words: ["USER"],
    run: async ({ values, words }) => (await import("./api-key.ts")).apiKey(values, words),
  }),
  defineCommand({
    settings: clients.chatSettings,
    summary: "Talk to a model in the terminal.",
    about: `Streams answers from the HTTP endpoint and keeps the conversation; type /help for its commands. Given a message or
piped input, it answers once and exits.

Examples:
  cxmpute chat
  cxmpute chat "What is gRPC?"
  git diff | cxmpute chat --system "Explain this change in a sentence."`,
    words: ["MESSAGE"],
    run: async ({ values, words }) => (await import("./chat.ts")).chat(values, words),
  }),
  defineCommand({
    settings: clients.modelsSettings,
    summary: "List the models that are available now.",
    about: `From the HTTP endpoint, or from a router with --router.

Examples:
  cxmpute models
  cxmpute models --router 127.0.0.1:50052 --json`,
    run: async ({ values }) => (await import("./models.ts")).models(values),
  }),
  defineCommand({
    settings: clients.nodesSettings,
    summary: "List the nodes of a mesh.",
    about: `Lists the registered nodes and their models. --router adds how busy each node is; --wide adds each model's verified
capabilities, its speed and the node's hardware.

Examples:
  cxmpute nodes --registry 127.0.0.1:50051
  cxmpute nodes --registry 127.0.0.1:50051 --wide
  cxmpute nodes --registry 127.0.0.1:50051 --router 127.0.0.1:50052 --json`,
    run: async ({ values }) => (await import("./nodes.ts")).nodes(values),
  }),
  defineCommand({
    settings: clients.explainSettings,
    summary: "Show where a router would send a request now, and why.",
    about: `For each node: its rank or why it is excluded, the model's verified capabilities, and its load. Nothing is generated.
It is for operators: over TLS the router wants the admin's certificate, and the HTTP endpoint a key with the role operator, as
the one that \`cxmpute up\` creates.

Examples:
  cxmpute explain llama3.1:8b
  cxmpute explain llama3.1:8b --need tools --need json_schema --router 127.0.0.1:50052
  cxmpute explain starter --base-url http://127.0.0.1:8080/v1`,
    words: ["MODEL"],
    run: async ({ values, words }) => (await import("./explain.ts")).explain(values, words),
  }),
  defineCommand({
    settings: clients.tlsSettings,
    summary: "Create the certificates of a mesh.",
    about: `With certificates, the processes of a mesh authenticate each other over TLS and machines join with a token. Creates a
CA, a certificate for each kind of service and one for the admin. Existing files are never overwritten.

Examples:
  cxmpute tls init ~/mesh-tls
  cxmpute tls init ~/mesh-tls --host mesh.example --host 10.0.0.5`,
    words: ["init", "FOLDER"],
    run: async ({ values, words }) => (await import("./tls.ts")).tls(values, words),
  }),
  defineCommand({
    settings: clients.tokenSettings,
    summary: "Create a token that admits a machine to a mesh with TLS.",
    about: `The machine exchanges the token for an identity of its own; after that the token is no longer needed.

Examples:
  cxmpute token create --tls ~/mesh-tls --registry mesh.example:50051 --router mesh.example:50052
  cxmpute token create --tls ~/mesh-tls --uses 20 --ttl 5m`,
    words: ["create"],
    run: async ({ values, words }) => (await import("./token.ts")).token(values, words),
  }),
  defineCommand({
    settings: clients.nodeSettings,
    summary: "Remove a node from a mesh with TLS.",
    about: `Revokes its identity for good: the node is disconnected within seconds and cannot rejoin under this name.

Examples:
  cxmpute node revoke gpu-1-3f9a2c --tls ~/mesh-tls --registry mesh.example:50051`,
    words: ["revoke", "NAME"],
    run: async ({ values, words }) => (await import("./nodes.ts")).node(values, words),
  }),
];

/** The summary of `cxmpute config`, which has no settings of its own. */
export const configSummary = "Show each effective setting of a command and its source.";
