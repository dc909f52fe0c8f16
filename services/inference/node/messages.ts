/** What the log says about the mesh around the node, each with what to do. */
export const nodeMessages = {
  registryAway: (registry: string) =>
    `cannot reach ${registry}; retrying until it answers. Check that it runs there, its address (--registry), this machine's network and firewalls on the way`,
  registryRefuses: (registry: string) => `${registry} rejects the node; retrying until it accepts it`,
  nameInUse: "another process holds this node's name; waiting in case it has just ended",
  registryBack: (registry: string) => `${registry} answers again`,
  routerAway: (router: string) =>
    `cannot reach ${router}; retrying until it answers. Check that it runs there, its address (--router), this machine's network and firewalls on the way`,
  routerRefuses: (router: string) => `cannot attach to ${router}; retrying until it accepts`,
  /** `fault`: which side to update, and why (`core/protocol.ts`). */
  registryMismatch: (registry: string, fault: string) => `${registry} no longer accepts the node. ${fault}`,
  routerMismatch: (router: string, fault: string) => `${router} sends no work. ${fault}`,
  /** Positive: this machine's clock is ahead. */
  clockSkew: (skewMs: number) =>
    `this machine's clock is ${Math.round(Math.abs(skewMs) / 1000)} s ${skewMs > 0 ? "ahead of" : "behind"} the registry's. Synchronize it (on Linux: \`timedatectl set-ntp true\`): with a wrong clock, certificates and join tokens are rejected`,
  awake: "this machine was asleep, or too busy to run the node; connecting again",
} as const;

/** Smaller differences of clocks are ignored, in milliseconds. */
export const clockSkewLimitMs = 30_000;
