import { z } from "zod";
import { isLoopback } from "../../../core/config/host-port.ts";
import { defineSettings } from "../../../core/config/settings.ts";
import { defaultLeaseTtlMs, storeNames } from "../../registry/store.ts";
import { defaultBodyLimitBytes, defaultStallTimeoutMs } from "../../translator/config.ts";
import { apiKeys, defaultUser } from "./api-keys.ts";
import { checkEngine, engine } from "./engine.ts";
import * as parts from "./parts.ts";
import { checkTls, checkTogether, tls } from "./tls.ts";

// The settings of the services, apart from them: every command checks every section of a file, quickly.

const keylessUser = parts.userId(
  `The user of keys that name none. Default: ${defaultUser} for a single key; each of several keys is a user of its own.`,
);

export const upSettings = defineSettings(
  "up",
  {
    listen: parts.listen("127.0.0.1:8080", "Where the HTTP endpoint listens."),
    apiKeys: {
      ...apiKeys,
      help: `${apiKeys.help} Default: one key is created and stored in the data folder; its user is an operator.`,
    },
    userId: keylessUser,
    ...engine,
    ...parts.admission,
    ...parts.surface,
    opsListen: parts.opsListen(),
    ...parts.service,
  },
  (values, report, given) => checkEngine(values.engine, values, report, given),
);

export const translatorSettings = defineSettings(
  "translator",
  {
    listen: parts.listen("127.0.0.1:8080", "Where the HTTP endpoint listens."),
    routers: parts.routerAddresses,
    apiKeys: {
      ...apiKeys,
      help: `${apiKeys.help} Without any key, every request is accepted, which is allowed only when no other machine can connect.`,
    },
    userId: keylessUser,
    bodyLimitBytes: parts.number(
      z
        .int()
        .min(1024)
        .max(1024 ** 3),
      defaultBodyLimitBytes,
      "The largest request body.",
    ),
    stallTimeoutMs: parts.number(
      z.int().min(100).max(3_600_000),
      defaultStallTimeoutMs,
      "A streaming client that reads nothing for this long is disconnected.",
    ),
    httpTlsCert: parts.file(
      "Serve the endpoint over HTTPS with this certificate, PEM, with its chain; clients must trust its issuer. A changed file is reloaded within a minute.",
    ),
    httpTlsKey: parts.file("The private key of that certificate, PEM."),
    ...parts.surface,
    opsListen: parts.opsListen(parts.opsAddresses.translator),
    ...tls,
    ...parts.service,
  },
  (values, report) => {
    const { listen: address, apiKeys } = values;
    checkTls(values, report);
    checkTogether(values, ["httpTlsCert", "httpTlsKey"], report);
    if (apiKeys.length === 0 && !isLoopback(address))
      report(
        "apiKeys",
        `required when listening on ${address}, because otherwise everyone who can connect is accepted; set CXMPUTE_API_KEY, or listen on 127.0.0.1`,
      );
  },
);

export const routerSettings = defineSettings(
  "router",
  {
    listen: parts.listen("127.0.0.1:50052", "Where translators, nodes that attach and gRPC clients connect."),
    registry: parts.registryAddress,
    opsListen: parts.opsListen(parts.opsAddresses.router),
    ...parts.admission,
    ...tls,
    ...parts.service,
  },
  checkTls,
);

export const registrySettings = defineSettings(
  "registry",
  {
    listen: parts.listen("127.0.0.1:50051", "Where nodes and routers connect."),
    opsListen: parts.opsListen(parts.opsAddresses.registry),
    store: parts.setting({
      schema: z.enum(storeNames),
      default: "memory",
      placeholder: "NAME",
      help: `The store for nodes' leases: ${storeNames.join(", ")}. In memory they are lost when the process ends, and nodes register again.`,
    }),
    leaseTtlMs: parts.number(
      z.int().min(500).max(600_000),
      defaultLeaseTtlMs,
      "How long a node stays registered without renewing its lease, in milliseconds.",
    ),
    nodeCaCert: parts.file(
      "The CA that issues identities to nodes that join, PEM; with --tls FOLDER, the one in that folder.",
    ),
    nodeCaKey: parts.file("The private key of that CA, PEM."),
    identityHours: parts.number(
      z.number().min(0.01).max(87_600),
      720,
      "How long a node's identity is valid. Nodes renew it after half that time; one that is away for longer needs a new token.",
    ),
    ...tls,
    ...parts.service,
  },
  (values, report) => {
    checkTls(values, report);
    checkTogether(values, ["nodeCaCert", "nodeCaKey"], report);
    const { nodeCaCert, nodeCaKey } = values;
    const issues = nodeCaCert !== undefined && nodeCaKey !== undefined;
    if (issues && values.tls === undefined && values.tlsCert === undefined)
      report(
        "nodeCaCert",
        "only a registry with TLS issues identities: give --tls-cert, --tls-key and --tls-ca",
      );
  },
);
