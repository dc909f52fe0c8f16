/** The inspector of a Node process, for its CPU profiler. */
export interface Inspector {
  /** Begins a profile. */
  start(): Promise<void>;
  /** Ends it. */
  stop(): Promise<CpuProfile>;
  close(): void;
}

/** V8's CPU profile, as `.cpuprofile` files hold it and Chrome's developer tools open it. */
export interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  /** Ids of the nodes that were running, one for each sample. */
  readonly samples: readonly number[];
  /** Microseconds from each sample to the one before. */
  readonly timeDeltas: readonly number[];
}

/** A function at one place of the call tree. */
export interface ProfileNode {
  readonly id: number;
  readonly callFrame: {
    readonly functionName: string;
    readonly url: string;
    /** Counted from 0; -1 for native code. */
    readonly lineNumber: number;
  };
  /** Ids of what it called. */
  readonly children?: readonly number[];
}

const samplingIntervalMicros = 500;

/** An answer of the inspector; without an id it is news that nobody asked for. */
interface Reply {
  readonly id?: number;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

/** Connects to a process that was started with `--inspect`. */
export async function connectInspector(address: string): Promise<Inspector> {
  const socket = new WebSocket(address);
  await new Promise((resolve, reject) => {
    socket.addEventListener("open", resolve);
    socket.addEventListener("error", () => reject(new Error(`No inspector answers at ${address}.`)));
  });
  const waiting = new Map<number, (reply: Reply) => void>();
  socket.addEventListener("message", ({ data }) => {
    const reply = JSON.parse(String(data)) as Reply;
    const settle = waiting.get(reply.id ?? -1);
    waiting.delete(reply.id ?? -1);
    settle?.(reply);
  });
  let lastId = 0;
  const call = (method: string, params: object = {}) =>
    new Promise<unknown>((resolve, reject) => {
      lastId += 1;
      waiting.set(lastId, ({ result, error }) =>
        error === undefined ? resolve(result) : reject(new Error(`${method}: ${error.message}`)),
      );
      socket.send(JSON.stringify({ id: lastId, method, params }));
    });
  await call("Profiler.enable");
  await call("Profiler.setSamplingInterval", { interval: samplingIntervalMicros });
  return {
    start: async () => void (await call("Profiler.start")),
    stop: async () => ((await call("Profiler.stop")) as { profile: CpuProfile }).profile,
    close: () => socket.close(),
  };
}
