import type { StartAnswer } from "../../../core/answers/call.ts";
import type { Clock, Timer } from "../../../core/clock.ts";
import { MeshError } from "../../../core/errors/mesh-error.ts";
import type { Layer } from "../../../core/layers.ts";
import type { RoutedCall } from "../call.ts";
import type { Fleet } from "../fleet/fleet.ts";
import type { QueueLimits } from "../queue-limits.ts";
import { refuse } from "../routing/refuse.ts";
import { findRoom, workRate } from "../routing/room.ts";
import { FairQueue } from "./fair-queue.ts";

/** How to admit generations. */
export interface AdmissionOptions extends QueueLimits {
  readonly fleet: Fleet;
  readonly clock: Clock;
}

interface Waiter {
  readonly call: RoutedCall;
  readonly since: number;
  /** Calls the next layer, synchronously until its slot is reserved. */
  admit(): void;
  refuse(error: MeshError): void;
}

/** A caller with generations that wait. */
interface Line {
  /** Its place in the order of turns: those with lower ones come first. */
  turn: number;
  /** In order of arrival. */
  readonly waiters: Set<Waiter>;
}

/** The longest time between looks for room: the end of an ejection triggers none. */
const recheckMs = 250;

/**
 * Admits a generation when a node that can have it has a free slot. The others wait, callers in turn, first come first
 * served within a caller and its users; one that would wait too long is refused. A caller's turn counts in all lanes,
 * so asking for many kinds of answers gives it no more turns.
 */
export class Admission {
  readonly #options: AdmissionOptions;
  /** One queue for each model and set of needs, so that a generation that few nodes can have blocks no other. */
  readonly #lanes = new Map<string, FairQueue<Waiter>>();
  readonly #lines = new Map<string, Line>();
  #waiting = 0;
  #turns = 0;
  #recheck: Timer | undefined;
  #admitting = false;

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  get waiting(): number {
    return this.#waiting;
  }

  readonly layer: Layer<StartAnswer<RoutedCall>> = (next) => (call) => {
    const queued = this.#lanes.has(this.#laneOf(call));
    const { room, error } = this.#look(call);
    if (error !== undefined) return Promise.reject(error);
    if (room === "free" && !queued) return next(call);
    const shed = this.#whyShed(call);
    if (shed !== undefined) return Promise.reject(shed);
    return new Promise((resolve, reject) => {
      this.#enqueue(call, () => next(call).then(resolve, reject), reject, room === "unconnected");
      if (room === "free") this.admit();
    });
  };

  /** Admits every generation that can start now. Called whenever the fleet has changed. */
  admit(): void {
    if (this.#waiting === 0 || this.#admitting) return;
    this.#admitting = true;
    try {
      // The last admission's lane comes last, so that those of one caller share its nodes evenly.
      for (let lanes = [...this.#lanes]; lanes.length > 0; ) {
        const next = lanes.reduce((first, lane) => (this.#turnOf(lane) < this.#turnOf(first) ? lane : first));
        lanes = lanes.filter((lane) => lane !== next);
        if (this.#admitOne(...next)) lanes.push(next);
      }
    } finally {
      this.#admitting = false;
    }
  }

  /** Of the caller whose turn it is in a lane. */
  #turnOf([, { next }]: readonly [string, FairQueue<Waiter>]): number {
    return (next === undefined ? undefined : this.#lines.get(next)?.turn) ?? Infinity;
  }

  /** True when it took one from the lane, so that another may follow. */
  #admitOne(key: string, lane: FairQueue<Waiter>): boolean {
    const waiter = lane.peek();
    if (waiter === undefined) return false;
    const { room, error } = this.#look(waiter.call);
    if (error === undefined && room !== "free") return false;
    lane.take();
    this.#endTurn(callerOf(waiter.call));
    this.#lanes.delete(key);
    this.#lanes.set(key, lane);
    if (error === undefined) waiter.admit();
    else waiter.refuse(error);
    return true;
  }

  /** Puts a caller behind all others, in every lane. */
  #endTurn(caller: string): void {
    this.#lines.get(caller)!.turn = ++this.#turns;
    for (const lane of this.#lanes.values()) lane.toEnd(caller);
  }

  #look(call: RoutedCall) {
    const { fleet } = this.#options;
    const { model } = call.generation;
    const candidates = fleet.candidates(model);
    const room = findRoom(call, candidates);
    if (room !== "none") return { room, error: undefined };
    const error = refuse(call, candidates, fleet.knowledgeOf(model));
    return { room, error };
  }

  /** The queue of a generation: one for those that the same nodes can have. */
  #laneOf({ generation: { model, caller, resume }, needs }: RoutedCall): string {
    const lane = resume === undefined ? `${needs} ${model}` : `${needs} ${model} ${resume.fingerprint}`;
    if (caller === undefined || caller.via.length === 0) return lane;
    // Only the marks of nodes here matter: made-up ones must not give a caller extra turns.
    const marks = new Set(this.#options.fleet.candidates(model).map(({ served }) => served?.via));
    const known = caller.via.filter((mark) => marks.has(mark));
    return known.length === 0 ? lane : `${lane} ${known.sort().join()}`;
  }

  /** Why a generation may not wait; undefined when it may. */
  #whyShed(call: RoutedCall): MeshError | undefined {
    const { callerQueueLimit, queueLimit, queueTimeoutMs, clock } = this.#options;
    const waitMs = this.#expectedWaitMs(call);
    const retryAfterMs = Math.min(30_000, Math.max(1000, waitMs ?? 0));
    const own = this.#lines.get(callerOf(call))?.waiters.size ?? 0;
    if (own >= callerQueueLimit)
      return new MeshError(
        "caller_queue_full",
        `You already have the maximum number of requests waiting (${callerQueueLimit}). Wait for some of them to finish.`,
        { retryAfterMs },
      );
    const givenMs = call.generation.limits?.timeoutMs;
    const leftMs = givenMs === undefined ? queueTimeoutMs : call.receivedAt + givenMs - clock.now();
    const inTime = (waitMs ?? 0) <= Math.min(queueTimeoutMs, leftMs);
    if (inTime && (this.#waiting < queueLimit || this.#displace(own, retryAfterMs))) return undefined;
    return saturated(retryAfterMs);
  }

  /** Refuses the latest of the caller with the most, in favour of one that has `own`; false when that would be unfair. */
  #displace(own: number, retryAfterMs: number): boolean {
    let most: readonly Waiter[] = [];
    for (const { waiters } of this.#lines.values()) if (waiters.size > most.length) most = [...waiters];
    if (most.length <= own + 1) return false;
    most.at(-1)!.refuse(saturated(retryAfterMs));
    return true;
  }

  /** How long a generation would wait at the speed learned so far; undefined when none was. */
  #expectedWaitMs(call: RoutedCall): number | undefined {
    const perMs = workRate(call, this.#options.fleet.candidates(call.generation.model));
    if (perMs === undefined) return undefined;
    const ahead = this.#lanes.get(this.#laneOf(call))?.aheadOf(callerOf(call), call.userId) ?? 0;
    return (ahead + 1) / perMs;
  }

  #enqueue(
    call: RoutedCall,
    start: () => void,
    reject: (error: MeshError) => void,
    unconnected: boolean,
  ): void {
    const { clock, queueTimeoutMs, connectTimeoutMs } = this.#options;
    const caller = callerOf(call);
    const key = this.#laneOf(call);
    const lane = this.#lanes.get(key) ?? new FairQueue<Waiter>();
    this.#lanes.set(key, lane);
    let timer: Timer;
    let waits = true;
    const leave = (): boolean => {
      if (!waits) return false;
      waits = false;
      timer.cancel();
      lane.remove(caller, waiter);
      call.queuedMs = clock.now() - waiter.since;
      this.#leaveLine(caller, waiter);
      if (lane.size === 0) this.#lanes.delete(key);
      return true;
    };
    const waiter: Waiter = {
      call,
      since: clock.now(),
      admit: () => leave() && start(),
      refuse: (error) => leave() && reject(error),
    };
    const expire = () => {
      const { room, error } = this.#look(call);
      const leftMs = waiter.since + queueTimeoutMs - clock.now();
      if (error !== undefined) waiter.refuse(error);
      else if (room === "unconnected") waiter.refuse(unreachable(call));
      else if (leftMs > 0) timer = clock.after(leftMs, expire);
      else waiter.refuse(expired(queueTimeoutMs));
    };
    timer = clock.after(unconnected ? Math.min(connectTimeoutMs, queueTimeoutMs) : queueTimeoutMs, expire);
    call.onEnd(({ error }) => error !== undefined && waiter.refuse(error));
    lane.push(caller, call.userId, waiter);
    this.#joinLine(caller, waiter);
  }

  #joinLine(caller: string, waiter: Waiter): void {
    const line = this.#lines.get(caller) ?? { turn: ++this.#turns, waiters: new Set<Waiter>() };
    this.#lines.set(caller, line);
    line.waiters.add(waiter);
    this.#waiting += 1;
    this.#recheck ??= this.#options.clock.every(recheckMs, () => this.admit());
  }

  #leaveLine(caller: string, waiter: Waiter): void {
    const { waiters } = this.#lines.get(caller)!;
    waiters.delete(waiter);
    if (waiters.size === 0) this.#lines.delete(caller);
    this.#waiting -= 1;
    if (this.#waiting > 0) return;
    this.#recheck?.cancel();
    this.#recheck = undefined;
  }
}

/** Whose turns a generation takes. */
const callerOf = ({ generation: { caller } }: RoutedCall): string =>
  caller?.fairnessId || (caller?.userId ?? "");

function saturated(retryAfterMs: number): MeshError {
  return new MeshError(
    "saturated",
    "The engine is currently overloaded, please try again later: all slots for this model are in use, and too " +
      "many requests are waiting for them.",
    { retryAfterMs },
  );
}

function expired(queueTimeoutMs: number): MeshError {
  return new MeshError(
    "queue_expired",
    `The engine is currently overloaded, please try again later: no slot became free within ${queueTimeoutMs} ms.`,
    { retryAfterMs: 5000 },
  );
}

function unreachable({ generation: { model } }: RoutedCall): MeshError {
  return new MeshError(
    "no_nodes",
    `The nodes that serve the model \`${model}\` cannot be reached right now: try again soon.`,
    { retryAfterMs: 5000 },
  );
}
