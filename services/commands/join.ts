import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { systemClock } from "../../core/clock.ts";
import { processEnvironment } from "../../core/config/environment.ts";
import type { Values } from "../../core/config/settings.ts";
import { register } from "../../core/rpc/contract.ts";
import type { Log } from "../../core/telemetry/log.ts";
import { InferenceService } from "../../gen/cxmpute/inference/v1/inference_pb.ts";
import { ollamaPlace } from "../inference/discover/index.ts";
import { pullOllamaModel } from "../inference/engines/ollama/index.ts";
import { createNode, readHardware } from "../inference/index.ts";
import { lockDataFolder } from "./data-lock.ts";
import { findOffer } from "./join/find-offer.ts";
import { createOffered, toSourceFacts } from "./join/offered.ts";
import { toJoinScreen } from "./join/screen.ts";
import { followStatus } from "./join/status.ts";
import { createProgress, type ShowProgress } from "./join/status-line.ts";
import { agreeToStarter, openTerminal } from "./join/terminal.ts";
import { Totals } from "./join/totals.ts";
import { openMembership } from "./membership.ts";
import { version } from "./places.ts";
import { isPretty, serve, serveGrpc } from "./service.ts";
import type { joinSettings } from "./settings/node.ts";
import { opsAddresses } from "./settings/parts.ts";

/** Runs a node until a signal ends it: finds and loads engines, prints what it offers, registers, and shows its status. */
export function join(values: Values<typeof joinSettings>): Promise<number> {
  const clock = systemClock;
  const { line, say, writeLog } = openTerminal({ pretty: isPretty(values.logFormat) });
  // On a terminal, the screen and the status line show the details.
  const options = { opsAddress: opsAddresses.join, isDetail: line !== undefined, writeLog };
  const running = serve("inference", values, options, async (lifecycle) => {
    const { signal, add, log, fail } = lifecycle;
    const { advertise } = values;
    const following = new AbortController();
    let followed: Promise<void> | undefined;
    // Added first, so stopped last: the line stays while open answers finish.
    add({
      name: "status",
      stop: async () => {
        following.abort();
        await followed;
      },
    });

    const { instance, replaces, unlock } = lockDataFolder(values.data, "join", log);
    add({ name: "data folder", stop: unlock });

    // Before models are loaded or pulled, because a join token is short-lived.
    const membership = await openMembership(values, { signal, add, log, createNodeId });
    const { nodeId: id, registry: registryAddress, routers: routerAddresses, security } = membership;
    if (membership.note !== undefined) say(`cxmpute join: ${membership.note}\n`);
    log.info({ node_id: id, registry: registryAddress }, "joining the mesh");

    const onProgress = createProgress({ line, log, clock });
    // Before the search, which finds what was downloaded.
    for (const model of values.pull)
      await pull(model, values.url ?? ollamaPlace(processEnvironment), { onProgress, log, signal });
    const slow = clock.after(slowSearchMs, () => {
      line?.show(slowSearch);
      log.info(slowSearch);
    });
    const offer = await findOffer(values, {
      signal,
      environment: processEnvironment,
      availableBytes: process.availableMemory(),
      clock,
    }).finally(slow.cancel);
    line?.show("");
    if (offer.starter) await agreeToStarter(offer.silent, signal);
    const engines = offer.sources.map((source) => createOffered(source, { clock, log, onProgress }));

    const connect = (address: string, role: "registry" | "router") => {
      const transport = security.connect(address, { role });
      add({ name: `connection to ${address}`, stop: () => transport.close() });
      return { transport, name: `the ${role} at ${address}` };
    };
    const registry = connect(registryAddress, "registry");
    // An advertised node is dialled and does not dial.
    const routers =
      advertise === undefined ? routerAddresses.map((address) => connect(address, "router")) : [];
    const node = createNode({
      id,
      instance,
      replaces,
      engines: engines.map(({ engine }) => engine),
      registry,
      routers,
      ...(advertise === undefined ? {} : { advertise }),
      version,
      readHardware,
      clock,
      log,
      onRevoked: fail,
      onLoaded: (failures) =>
        say(
          toJoinScreen({
            ...membership,
            ...offer,
            version,
            sources: toSourceFacts(engines).filter(({ models }) => models.length > 0),
            leftOut: [...failures.map(({ message }) => message), ...offer.leftOut],
            advertise,
          }),
        ),
    });
    add({ name: "node", drain: (graceMs) => node.drain(graceMs), stop: () => node.close() });

    const listen = values.listen ?? advertise;
    if (listen !== undefined) {
      const address = await serveGrpc(
        {
          listen,
          flag: values.listen === undefined ? "--advertise" : "--listen",
          services: [register(InferenceService, node.implementation)],
          security,
          drain: node.drain,
          close: node.close,
        },
        lifecycle,
      );
      say(`cxmpute join: listening on ${address}\n`);
    }
    lifecycle.readyWhen(() => node.whyNotReady());
    await node.start(signal);
    const way =
      advertise === undefined ? `attaches to ${routerAddresses.join(", ")}` : `is dialled at ${advertise}`;
    say(`cxmpute join: node ${id} is registered and ${way}\n`);

    const status = { node, line, totals: new Totals(values.data), clock, log };
    followed = followStatus(status, following.signal);
  });
  return running.finally(() => line?.end());
}

/** Has Ollama download a model. Throws Ollama's error with what to do. */
async function pull(
  model: string,
  url: string,
  { onProgress, log, signal }: { onProgress: ShowProgress; log: Log; signal: AbortSignal },
): Promise<void> {
  log.info({ model }, "asking Ollama to download a model");
  // A model is several files, each with its own progress.
  const onPart: Parameters<typeof pullOllamaModel>[2] = ({ digest, totalBytes, completedBytes = 0 }) => {
    if (digest === undefined || totalBytes === undefined) return;
    const part = digest.replace(/^sha256:/, "").slice(0, 8);
    onProgress(`downloading ${model} ${part}`, completedBytes / totalBytes);
  };
  await pullOllamaModel({ url }, model, onPart, signal);
  log.info({ model }, "model downloaded");
}

/** The time after which a search for engines is shown, in milliseconds. */
const slowSearchMs = 1500;
const slowSearch = "waiting for a server on this machine to answer";

/** Readable, and unique even among nodes of one machine. */
export const createNodeId = (): string =>
  `${hostname().replace(/^\W+|[^\w.-]/g, "") || "node"}-${randomBytes(3).toString("hex")}`;
