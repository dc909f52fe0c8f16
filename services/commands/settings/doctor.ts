import { defineSettings } from "../../../core/config/settings.ts";
import { engines } from "./engine.ts";
import { membership } from "./membership.ts";
import { offer } from "./offer.ts";
import { data, json } from "./parts.ts";
import { checkTls } from "./tls.ts";

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
    data,
    json: json("lines"),
  },
  (values, report) => checkTls(values, report as Parameters<typeof checkTls>[1]),
);
