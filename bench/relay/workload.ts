/**
 * What is asked. `aligned`: streams whose tokens all arrive in the same tick. `random`: streams whose tokens
 * each arrive at a time of their own. `short`: whole answers of a few tokens, as fast as they come.
 */
export const workloads = ["aligned", "random", "short"] as const;
export type Workload = (typeof workloads)[number];

/** The model that answers each workload, by the same name on every peer. */
export const modelOf: Readonly<Record<Workload, string>> = {
  aligned: "aligned",
  random: "random",
  short: "instant",
};

/** Tokens in a short answer. */
export const shortTokens = 8;
/** Connections that ask for short answers, each one request at a time. */
export const shortConnections = 256;

/** The prompt of one stream, so that the text of one stream is never another's. */
export const promptOf = (stream: number): string => `Stream ${stream} of the benchmark, please.`;
