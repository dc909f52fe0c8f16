import type { Clock } from "../../../core/clock.ts";
import type { ModelEndpoint } from "./endpoint.ts";
import type { Member } from "./member.ts";

/** The most names of models that are remembered; beyond, the one seen first is forgotten. */
const nameLimit = 10_000;

/** The endpoints of each model, and when each model was first seen, which outlasts the last node that serves it. */
export class ModelIndex {
  readonly #clock: Clock;
  readonly #firstSeen = new Map<string, number>();
  #endpoints: ReadonlyMap<string, readonly ModelEndpoint[]> = new Map();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Sorted. */
  get names(): readonly string[] {
    return [...this.#endpoints.keys()].sort();
  }

  /** Whether no model was ever seen. */
  get isEmpty(): boolean {
    return this.#firstSeen.size === 0;
  }

  endpoints(model: string): readonly ModelEndpoint[] {
    return this.#endpoints.get(model) ?? [];
  }

  /** When a model was first seen, in milliseconds since 1970; undefined when it never was. */
  firstSeen(model: string): number | undefined {
    return this.#firstSeen.get(model);
  }

  remember(model: string): void {
    if (this.#firstSeen.has(model)) return;
    this.#firstSeen.set(model, this.#clock.wallTime());
    const [oldest] = this.#firstSeen.keys();
    if (this.#firstSeen.size > nameLimit && oldest !== undefined) this.#firstSeen.delete(oldest);
  }

  index(members: Iterable<Member>): void {
    const all = [...members].flatMap((member) => [...member.endpoints]);
    const byModel = Map.groupBy(all, ([model]) => model);
    this.#endpoints = new Map(
      [...byModel].map(([model, entries]) => [model, entries.map(([, endpoint]) => endpoint)]),
    );
  }
}
