import type { Program } from "./program.ts";

// How long turns of a program's event loop keep everything else waiting, as recorded by `run/record-turns.ts`.

/** How long an event has to wait for its turn, in milliseconds. */
export interface Waits {
  /** 99 of 100 moments at which an event may arrive are followed by a shorter wait. */
  readonly p99: number;
  readonly max: number;
}

/** What a program's event loop did since it was last asked. */
export interface Turns {
  /** In processor time of the main thread. */
  readonly cpuMs: Waits;
  /** In time passed; for benchmarks, because it counts what other processes do. */
  readonly wallMs: Waits;
  /** How long it was recorded, in milliseconds. */
  readonly recordedMs: number;
}

/** The question that a program answers with `{ turns }`. */
export const turnsQuestion = "turns";
/** The same, and the recording goes on. */
export const turnsSoFarQuestion = "turns so far";

/** Programs by name that were started with `recordTurns`. */
interface Recorded {
  readonly programs: ReadonlyMap<string, Program>;
}

/** What the event loop of each process did since the last call. They must be started with `recordTurns`. */
export const takeTurns = (mesh: Recorded): Promise<Readonly<Record<string, Turns>>> =>
  ofEach(mesh, (program) => program.takeTurns());

/** The same, and the recording goes on. */
export const seeTurns = (mesh: Recorded): Promise<Readonly<Record<string, Turns>>> =>
  ofEach(mesh, (program) => program.seeTurns());

async function ofEach<T>({ programs }: Recorded, ask: (program: Program) => Promise<T>) {
  const answers = Array.from(programs, async ([name, program]) => [name, await ask(program)] as const);
  return Object.fromEntries(await Promise.all(answers));
}

/** The promise of every process under attack: how long its event loop may be kept, in processor time. */
export const freeLoop = { p99Ms: 50, maxMs: 250 };
