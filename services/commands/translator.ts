import { systemClock } from "../../core/clock.ts";
import type { Values } from "../../core/config/settings.ts";
import type { KeyedCertificate } from "../../core/identity/authority.ts";
import type { KeyedNames } from "../../core/identity/check-credentials.ts";
import { toListenFault } from "../../core/lifecycle/listen-fault.ts";
import { createTranslator } from "../translator/index.ts";
import { followKeyed, openKeyed } from "./credentials.ts";
import { secure } from "./security.ts";
import { announce, serve } from "./service.ts";
import { assignUsers } from "./settings/api-keys.ts";
import { opsAddresses, toSurface } from "./settings/parts.ts";
import type { translatorSettings } from "./settings/services.ts";

/** Runs a translator until a signal ends it. */
export function translator(values: Values<typeof translatorSettings>): Promise<number> {
  return serve("translator", values, { opsAddress: opsAddresses.translator }, async (lifecycle) => {
    const { add, log } = lifecycle;
    const security = secure(values, "translator", lifecycle);
    const routers = values.routers.map((address) => security.connect(address, { role: "router" }));
    add({
      name: "connections to the routers",
      stop: () => {
        for (const transport of routers) transport.close();
      },
    });
    const { listen, userId, bodyLimitBytes, stallTimeoutMs } = values;
    const tlsFiles = toHttpTlsFiles(values);
    const tls = tlsFiles && openKeyed(tlsFiles);
    const keys = assignUsers(values.apiKeys, userId);
    const service = await createTranslator({
      routers,
      config: {
        listen,
        keys,
        bodyLimitBytes,
        stallTimeoutMs,
        ...(tls === undefined ? {} : { tls }),
        ...toSurface(values),
      },
      clock: systemClock,
      log,
    });
    if (tls !== undefined) {
      const replace = (fresh: KeyedCertificate) => service.replaceTls(fresh);
      add(followKeyed(tls, tlsFiles!, replace, { clock: systemClock, log }));
    }
    add({ name: "translator", drain: (graceMs) => service.drain(graceMs), stop: () => service.close() });
    const baseUrl = await service.listen().catch((error: unknown) => {
      throw toListenFault(error, listen);
    });
    lifecycle.readyWhen(() => service.whyNotReady());
    announce("translator", `listening on ${baseUrl}, routers at ${values.routers.join(", ")}`);
  });
}

/** The files for HTTPS, whose clients are not part of the mesh; undefined for plain HTTP. */
const toHttpTlsFiles = ({
  httpTlsCert: certificate,
  httpTlsKey: privateKey,
}: Values<typeof translatorSettings>): KeyedNames | undefined =>
  certificate === undefined || privateKey === undefined ? undefined : { certificate, privateKey };
