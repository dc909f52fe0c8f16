import { z } from "zod";
import { hostPort } from "../../../core/config/host-port.ts";
import { keyText } from "../../../core/config/key-text.ts";
import { defineSettings } from "../../../core/config/settings.ts";
import { capabilityNames } from "../../../core/generation/capabilities.ts";
import { data, setting, userId } from "./parts.ts";
import { checkTls, tls } from "./tls.ts";

// The settings of the commands that ask something that runs.

/** How the commands that talk to an endpoint find it. */
const endpoint = {
  baseUrl: setting({
    schema: z
      .url({ protocol: /^https?$/, error: "expected a URL, such as http://127.0.0.1:8080/v1" })
      .describe("a URL"),
    default: "http://127.0.0.1:8080/v1",
    placeholder: "URL",
    help: "The HTTP endpoint.",
  }),
  apiKey: setting({
    schema: keyText.optional(),
    placeholder: "KEY",
    secret: true,
    help: "The API key; default: the one that `cxmpute up` stores in the data folder.",
  }),
  userId: userId("local"),
  data,
};

const json = setting({ schema: z.boolean(), default: false, help: "Print JSON instead of a table." });

export const chatSettings = defineSettings("chat", {
  ...endpoint,
  model: setting({
    schema: z.string().min(1).describe("a model's name").optional(),
    placeholder: "NAME",
    help: "The model to talk to; default: the first one listed by the endpoint.",
  }),
  system: setting({
    schema: z.string().min(1).describe("text").optional(),
    placeholder: "TEXT",
    help: "The system prompt.",
  }),
});

export const modelsSettings = defineSettings(
  "models",
  {
    ...endpoint,
    router: setting({
      schema: hostPort.optional(),
      placeholder: "HOST:PORT",
      help: "Ask this router instead of the endpoint.",
    }),
    ...tls,
    json,
  },
  checkTls,
);

export const nodesSettings = defineSettings(
  "nodes",
  {
    registry: setting({
      schema: hostPort.optional(),
      placeholder: "HOST:PORT",
      help: "The registry to ask.",
    }),
    router: setting({
      schema: hostPort.optional(),
      placeholder: "HOST:PORT",
      help: "Also ask this router how busy each node is and whether it is connected.",
    }),
    wide: setting({
      schema: z.boolean(),
      default: false,
      help: "Show everything: engine names, capabilities, speed and hardware.",
    }),
    ...tls,
    json,
  },
  checkTls,
);

export const explainSettings = defineSettings(
  "explain",
  {
    router: setting({
      schema: hostPort,
      default: "127.0.0.1:50052",
      placeholder: "HOST:PORT",
      help: "The router to ask.",
    }),
    needs: setting({
      schema: z.array(z.enum(capabilityNames)),
      default: [],
      name: "need",
      placeholder: "CAPABILITY",
      help: `A capability that the generation requires: ${capabilityNames.join(", ")}.`,
    }),
    ...tls,
    json,
  },
  checkTls,
);
