import { z } from "zod";
import { defineSettings } from "../../../core/config/settings.ts";
import { engines } from "./engine.ts";
import { membership } from "./membership.ts";
import { offer } from "./offer.ts";
import { data, setting } from "./parts.ts";
import { checkTls } from "./tls.ts";

/** What `cxmpute doctor` looks at: the same as `cxmpute join` would use. */
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
    data,
    json: setting({ schema: z.boolean(), default: false, help: "Print JSON instead of lines." }),
  },
  (values, report) => checkTls(values, report as Parameters<typeof checkTls>[1]),
);
