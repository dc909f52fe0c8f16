import type { Peer } from "./contract.ts";
import { mesh, meshTls } from "./mesh.ts";
import { nginx } from "./nginx.ts";
import { nodePipe } from "./node-pipe.ts";
import { portkey } from "./portkey.ts";

/** All peers, in the order of the report. */
export const peers: readonly Peer[] = [mesh, meshTls, nginx, nodePipe, portkey];
