/** A stream that is due a token every interval. */
export interface Paced {
  /** Emits one token; false once it was the last. */
  tick(): boolean;
}

/** Emits the tokens of any number of streams from one shared timer. Late ticks are late, never doubled. */
export interface Pacer {
  add(stream: Paced): void;
}

/** All streams tick together. */
export function alignedPacer(intervalMs: number): Pacer {
  const streams = new Set<Paced>();
  setInterval(() => tickAll(streams), intervalMs);
  return { add: (stream) => void streams.add(stream) };
}

/** Each stream ticks at a phase of its own, as finely as Node's timers go: one millisecond. */
export function randomPacer(intervalMs: number): Pacer {
  const phases = Array.from({ length: intervalMs }, () => new Set<Paced>());
  const origin = performance.now();
  let ticked = 0;
  setInterval(() => {
    const now = Math.floor(performance.now() - origin);
    for (ticked = Math.max(ticked, now - intervalMs); ticked < now; ticked++)
      tickAll(phases[ticked % intervalMs]!);
  }, 1);
  return { add: (stream) => void phases[Math.floor(Math.random() * intervalMs)]!.add(stream) };
}

function tickAll(streams: Set<Paced>): void {
  for (const stream of streams) if (!stream.tick()) streams.delete(stream);
}
