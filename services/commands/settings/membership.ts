import { z } from "zod";
import { hostPort } from "../../../core/config/host-port.ts";
import { defaultRegistry, defaultRouter, optionalAddress, setting } from "./parts.ts";
import { tlsByFiles } from "./tls.ts";

/** A node's mesh and credentials. */
export const membership = {
  token: setting({
    schema: z.string().min(1).describe("a join token").optional(),
    placeholder: "TOKEN",
    secret: true,
    help: "The join token from the mesh's operator; needed once, for the identity that is then stored in the data folder.",
  }),
  registry: optionalAddress(
    `The registry's address; default: the one in the join token, else ${defaultRegistry}.`,
  ),
  routers: setting({
    schema: z.array(hostPort),
    default: [],
    name: "router",
    placeholder: "HOST:PORT",
    help: `A router's address; default: those in the join token, else ${defaultRouter}.`,
  }),
  ...tlsByFiles,
};
