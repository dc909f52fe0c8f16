import { isMainThread } from "node:worker_threads";
import { turnsQuestion, turnsSoFarQuestion, type Waits } from "../turns.ts";

// Loaded with `--import` into a program under test: records how long turns of its event loop keep it from anything
// else, and reports that over IPC when asked. Processor time is what a turn costs by itself; on a busy machine, the
// time that passes meanwhile says more about the machine.

/** How often the event loop is looked at, in milliseconds: what shorter turns take together counts as one. */
const everyMs = 4;

/**
 * The waits that turns of these lengths mean. Events arrive at any moment, so a turn of 100 ms counts once for each
 * moment before its end; counted once altogether, it would vanish among thousands of idle turns.
 */
class WaitCounter {
  readonly #counts: number[] = [];
  #total = 0;
  #max = 0;

  add(turnMs: number): void {
    this.#max = Math.max(this.#max, turnMs);
    for (let wait = turnMs; wait > 0; wait -= everyMs) {
      const index = Math.floor(wait);
      this.#counts[index] = (this.#counts[index] ?? 0) + 1;
      this.#total++;
    }
  }

  read(): Waits {
    let above = this.#total / 100;
    for (let index = this.#counts.length - 1; index >= 0; index--) {
      above -= this.#counts[index] ?? 0;
      if (above < 0) return { p99: Math.min(index + 1, this.#max), max: this.#max };
    }
    return { p99: 0, max: 0 };
  }
}

if (isMainThread && process.send !== undefined) {
  let cpu = new WaitCounter();
  let wall = new WaitCounter();
  let startedAt = performance.now();
  let lastAt = startedAt;
  let lastCpu = process.threadCpuUsage();

  const look = (): void => {
    const now = performance.now();
    const used = process.threadCpuUsage();
    cpu.add((used.user + used.system - lastCpu.user - lastCpu.system) / 1000);
    wall.add(Math.max(0, now - lastAt - everyMs));
    lastAt = now;
    lastCpu = used;
  };
  setInterval(look, everyMs).unref();

  process.on("message", (question) => {
    if (question !== turnsQuestion && question !== turnsSoFarQuestion) return;
    look();
    process.send?.({ turns: { cpuMs: cpu.read(), wallMs: wall.read(), recordedMs: lastAt - startedAt } });
    if (question === turnsSoFarQuestion) return;
    cpu = new WaitCounter();
    wall = new WaitCounter();
    startedAt = lastAt;
  });
  // Listening must not keep the program alive.
  process.channel?.unref();
}
