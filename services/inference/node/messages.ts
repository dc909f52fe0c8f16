/** What the log says about the mesh around the node, each with what to do. */
export const nodeMessages = {
  registryAway: (registry: string) =>
    `cannot reach ${registry}; trying again until it answers. Check that it runs there, its address (--registry), this machine's network and firewalls on the way`,
  registryRefuses: (registry: string) => `${registry} does not take the node; trying again until it does`,
  registryBack: (registry: string) => `${registry} answers again`,
  routerAway: (router: string) =>
    `cannot reach ${router}; trying again until it answers. Check that it runs there, its address (--router), this machine's network and firewalls on the way`,
  routerRefuses: (router: string) => `not attached to ${router}; trying again until it accepts`,
  /** `fault`: which side to update, and why (`core/protocol.ts`). */
  registryMismatch: (registry: string, fault: string) => `${registry} no longer takes the node. ${fault}`,
  routerMismatch: (router: string, fault: string) => `no work comes from ${router}. ${fault}`,
  /** Positive: this machine's clock is ahead. */
  clockSkew: (skewMs: number) =>
    `this machine's clock is ${Math.round(Math.abs(skewMs) / 1000)} s ${skewMs > 0 ? "ahead of" : "behind"} the registry's. Set it by the network (on Linux: \`timedatectl set-ntp true\`): certificates and join tokens are refused by a wrong clock`,
  awake: "this machine was asleep, or too busy to run the node; connecting again",
} as const;

/** Smaller differences of clocks are ignored, in milliseconds. */
export const clockSkewLimitMs = 30_000;
