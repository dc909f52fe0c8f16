import { type CapabilitySet, offersOf } from "../../../core/generation/capabilities.ts";
import type { Node, ServedModel } from "../../../gen/cxmpute/registry/v1/registry_pb.ts";
import type { ModelLoad } from "../../../gen/cxmpute/relay/v1/relay_pb.ts";
import type { Candidate, EjectionCause } from "../routing/candidate.ts";
import { Average } from "./average.ts";
import { Health, type OpenGeneration } from "./health.ts";

/** What an endpoint reads of its node. */
export type NodeState = Pick<
  Candidate,
  "node" | "idHash" | "listed" | "connected" | "draining" | "suspected"
>;

/** The time at which the numbers of all endpoints are read. The fleet sets it, so that they are consistent. */
export interface SnapshotTime {
  now: number;
}

/** One model on one node: its load, what was learned of its speed, and its health. */
export class ModelEndpoint implements Candidate {
  readonly #state: NodeState;
  readonly #time: SnapshotTime;
  readonly #firstToken = new Average();
  readonly #token = new Average();
  readonly #service = new Average();
  readonly health = new Health();
  #served: ServedModel;
  #offers: CapabilitySet;
  #reported: ModelLoad | undefined;
  #open = 0;
  #openWhenReported = 0;

  constructor(state: NodeState, served: ServedModel, time: SnapshotTime) {
    this.#state = state;
    this.#time = time;
    this.#served = served;
    this.#offers = offersOf(served.capabilities);
  }

  get node(): Node {
    return this.#state.node;
  }
  get idHash(): number {
    return this.#state.idHash;
  }
  get served(): ServedModel {
    return this.#served;
  }
  get offers(): CapabilitySet {
    return this.#offers;
  }
  get listed(): boolean {
    return this.#state.listed;
  }
  get connected(): boolean {
    return this.#state.connected;
  }
  get draining(): boolean {
    return this.#state.draining;
  }
  get suspected(): boolean {
    return this.#state.suspected;
  }
  /** Whether it can take generations now, unless it is ejected. */
  get isReady(): boolean {
    return this.listed && this.connected && !this.draining;
  }
  get ejected(): EjectionCause | undefined {
    return this.health.ejectedAt(this.#time.now);
  }
  get whyEjected(): string {
    return this.health.ejection.describe(this.#time.now);
  }
  get slots(): number {
    return this.#reported?.slots ?? this.#served.slots;
  }
  get running(): number {
    return this.#reported?.running ?? 0;
  }
  get waiting(): number {
    return this.#reported?.waiting ?? 0;
  }
  /** What the node last reported, plus what this router has sent and less what has ended since; at least what is open. */
  get occupied(): number {
    return Math.max(this.#open, this.running + this.waiting + this.#open - this.#openWhenReported);
  }
  get firstTokenMs(): number | undefined {
    return this.#firstToken.read(this.#time.now);
  }
  get tokenMs(): number | undefined {
    return this.#token.read(this.#time.now);
  }
  get measuredTokenMs(): number | undefined {
    return this.#token.latest;
  }
  get serviceMs(): number | undefined {
    return this.#service.read(this.#time.now);
  }

  describe(served: ServedModel): void {
    this.#served = served;
    this.#offers = offersOf(served.capabilities);
  }

  /** Takes the load that the node reports; undefined when it has gone. */
  report(load: ModelLoad | undefined): void {
    this.#reported = load;
    this.#openWhenReported = this.#open;
  }

  open(generation: OpenGeneration): void {
    this.#open += 1;
    this.health.open(generation);
  }

  close(generation: OpenGeneration): void {
    this.#open -= 1;
    this.health.close(generation);
  }

  /** Learns from a first token. Only for generations that found a free slot, so that queues are not counted twice. */
  learnFirstToken(ms: number, now: number): void {
    this.#firstToken.add(ms, now);
    this.health.noteFirstToken(ms, now);
  }

  learnFinish(serviceMs: number, tokenMs: number | undefined, now: number): void {
    this.#service.add(serviceMs, now);
    if (tokenMs !== undefined) this.#token.add(tokenMs, now);
    this.health.succeed(tokenMs, now);
  }
}
