import { z } from "zod";
import { defineSettings } from "../../../core/config/settings.ts";
import { nodeIdPattern } from "../../../core/identity/identity.ts";
import { checkEngine, type EngineKey, type EngineName, engines, settingsOnlyOf } from "./engine.ts";
import * as parts from "./parts.ts";
import { checkTls, tlsByFiles } from "./tls.ts";

// The settings of the commands that run or check a node.

const membership = {
  token: parts.setting({
    schema: z.string().min(1).describe("a join token").optional(),
    placeholder: "TOKEN",
    secret: true,
    help: "The join token from the mesh's operator; needed once, for the identity that is then stored in the data folder.",
  }),
  registry: parts.optionalAddress(
    `The registry's address; default: the one in the join token, else ${parts.defaultRegistry}.`,
  ),
  routers: parts.addresses(
    "router",
    `A router's address; default: those in the join token, else ${parts.defaultRouter}.`,
  ),
  ...tlsByFiles,
};

/** What a node offers: named or found engines, and the names of their models. */
const offer = {
  ...engines,
  models: parts.optionalText(
    "FOLDER",
    "a folder",
    "Serve the GGUF files in this folder and its subfolders, as many as fit into memory.",
  ),
  as: parts.setting({
    schema: z.array(
      z
        .string()
        .regex(/^[^=]+=[^=]+$/)
        .describe("ENGINE_NAME=NAME, such as my-tune=llama3.1:8b"),
    ),
    default: [],
    placeholder: "ENGINE_NAME=NAME",
    help: "Serve the model that an engine calls ENGINE_NAME under NAME, regardless of the catalogue.",
  }),
  pull: parts.setting({
    schema: z.array(z.string().min(1).describe("a model's name")),
    default: [],
    placeholder: "MODEL",
    help: "Have Ollama download this model first, such as llama3.2:3b.",
  }),
};

/** The engine that `--engine` or `--model` names; undefined when engines are searched for. */
export const namedEngine = (values: {
  readonly engine: EngineName | undefined;
  readonly model: string | undefined;
}): EngineName | undefined => values.engine ?? (values.model === undefined ? undefined : "llama-cpp");

/** Reports settings that contradict each other. */
function checkOffer(
  values: parts.ValuesIn<typeof offer>,
  report: (key: EngineKey | "models" | "pull" | "as", message: string) => void,
  given: (key: EngineKey | "models") => boolean,
): void {
  const named = namedEngine(values);
  if (named === undefined) {
    for (const [key, owner] of forOneEngine)
      if (given(key)) report(key, `only --engine ${owner} understands this; name the engine as well`);
    if (given("models") && values.url !== undefined)
      report("models", "expected either a folder or a server at --url");
    return;
  }
  checkEngine(named, values, report, given);
  if (given("models") && (named !== "llama-cpp" || values.model !== undefined))
    report("models", "expected either a folder or one engine; leave out --engine and --model to serve both");
  if (values.as.length > 0 && named === "synthetic")
    report("as", "the synthetic engine serves under --model; other engines have names of their own");
  if (values.pull.length > 0 && named !== "ollama")
    report("pull", `only --engine ollama understands this, and the engine is ${named}`);
}

const forOneEngine: readonly (readonly [EngineKey, EngineName])[] = [
  ["modelName", "llama-cpp"],
  ...settingsOnlyOf("synthetic").map((key) => [key, "synthetic"] as const),
];

export const joinSettings = defineSettings(
  "join",
  {
    ...membership,
    ...offer,
    advertise: parts.optionalAddress(
      "The address at which routers can dial this node. Without it the node dials the routers and needs no open port.",
    ),
    listen: parts.optionalAddress(
      "Where the node listens; default: the advertised address; without --advertise, it does not listen.",
    ),
    opsListen: parts.opsListen(parts.opsAddresses.join),
    nodeId: parts.setting({
      schema: z
        .string()
        .regex(nodeIdPattern, "expected letters, digits and . _ : @ / -")
        .describe("a name")
        .optional(),
      placeholder: "NAME",
      help: "The node's name, unique in the mesh; default: the machine's name with a random suffix.",
    }),
    ...parts.service,
  },
  (values, report, given) => {
    checkOffer(values, report, given);
    checkTls(values, report);
    if (values.advertise?.endsWith(":0") === true)
      report("advertise", "expected the port that routers dial; port 0 cannot be dialled");
  },
);

/** `cxmpute doctor` checks what `cxmpute join` would use. */
export const doctorSettings = defineSettings(
  "doctor",
  {
    registry: membership.registry,
    routers: membership.routers,
    tlsCert: membership.tlsCert,
    tlsKey: membership.tlsKey,
    tlsCa: membership.tlsCa,
    url: engines.url,
    engineKey: engines.engineKey,
    models: offer.models,
    data: parts.data,
    json: parts.json("lines"),
  },
  (values, report) => checkTls(values, report as Parameters<typeof checkTls>[1]),
);
