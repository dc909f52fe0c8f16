import { expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { describeConfig, describeSettings } from "./describe.ts";
import { hostPort } from "./host-port.ts";
import { loadConfig } from "./load.ts";
import { defineSettings } from "./settings.ts";

const settings = defineSettings("translator", {
  listen: { schema: hostPort, default: "127.0.0.1:8080", placeholder: "HOST:PORT", help: "Where to listen." },
  routers: {
    schema: z.array(hostPort),
    default: ["a:1"],
    name: "router",
    placeholder: "HOST:PORT",
    help: "Where they are.",
  },
  apiKeys: {
    schema: z.array(z.string()),
    default: [],
    name: "api-key",
    placeholder: "KEY",
    secret: true,
    help: "Who may ask.",
  },
  userId: { schema: z.string().optional(), placeholder: "ID", help: "Whose requests these are." },
});

test("a configuration is shown with who said what, without its secrets, as YAML that can be used again", () => {
  const config = loadConfig({
    settings,
    args: ["--api-key", "sk-one", "--api-key", "sk-two"],
    environment: { CXMPUTE_LISTEN: "0.0.0.0:80" },
  });
  const text = describeConfig(settings, config);
  expect(text).toBe(
    [
      "translator:",
      "  listen: 0.0.0.0:80 # CXMPUTE_LISTEN",
      "  router:",
      "    # default",
      "    - a:1",
      "  api-key:",
      "    # --api-key",
      '    - "***"',
      '    - "***"',
      "  # user-id: not set",
      "",
    ].join("\n"),
  );
  expect(parse(text).translator).toMatchObject({ listen: "0.0.0.0:80", router: ["a:1"] });
});

test("help names every setting with its flag, default and variable", () => {
  expect(describeSettings(settings)).toBe(
    [
      "  --listen HOST:PORT  Where to listen. (default 127.0.0.1:8080; CXMPUTE_LISTEN)",
      "  --router HOST:PORT  Where they are. (default a:1; can be repeated; CXMPUTE_ROUTER)",
      "  --api-key KEY       Who may ask. (can be repeated; CXMPUTE_API_KEY)",
      "  --user-id ID        Whose requests these are. (CXMPUTE_USER_ID)",
      "  --config FILE       YAML file with settings, in a section `translator:` (CXMPUTE_CONFIG)",
      "",
    ].join("\n"),
  );
});
