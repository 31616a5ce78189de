/** One atomic change of an actor: state, journal, effects, timers and the stored answer, all or nothing. */
import { type Caller, systemCaller } from "./caller.ts";
import { canonicalJson, entryOf, type Happening, linkHash, nextMicros } from "./journal.ts";
import type { ActorKey } from "./remote.ts";
import type { Counters, Storage } from "./storage.ts";
import type { Timer } from "./timers.ts";

/** An effect as stored and sent: what, and on whose behalf. */
export interface Envelope {
  readonly caller: Caller;
  readonly body: unknown;
}

export const REPLAY_MS = 24 * 60 * 60 * 1000;

export class Commit {
  readonly now: number;
  /** Whether the chain grew: there is something to ship. */
  audited = false;
  readonly effectTargets = new Set<ActorKey>();
  readonly followUps: (() => void)[] = [];
  readonly #workspace: string;
  readonly #caller: Caller;
  readonly #store: Storage;
  readonly #counters: Counters;
  readonly #timers: Map<string, Timer>;

  constructor(
    workspace: string,
    caller: Caller,
    now: number,
    store: Storage,
    counters: Counters,
    timers: Map<string, Timer>,
  ) {
    this.#workspace = workspace;
    this.#caller = caller;
    this.now = now;
    this.#store = store;
    this.#counters = counters;
    this.#timers = timers;
  }

  get store(): Storage {
    return this.#store;
  }

  /** Appends to the journal; audited entries are linked into the chain. Returns the entry's seq. */
  journal(happening: Happening): number {
    const counters = this.#counters;
    counters.seq += 1;
    counters.last_micros = nextMicros(counters.last_micros, this.now);
    const entry = entryOf(
      happening,
      { workspace: this.#workspace, actor: counters.key, seq: counters.seq, micros: counters.last_micros },
      this.#caller,
    );
    const text = canonicalJson(entry);
    if (happening.audit === false) {
      this.#store.append(counters.seq, text, null, null);
      return counters.seq;
    }
    const hash = linkHash(counters.head_hash, text);
    this.#store.append(counters.seq, text, counters.head_hash, hash);
    counters.head_seq = counters.seq;
    counters.head_hash = hash;
    this.audited = true;
    return counters.seq;
  }

  /** Sends `body` to another actor: at least once, in order per target, after the commit. */
  effect(target: ActorKey, body: unknown): void {
    this.#counters.effects += 1;
    const { idempotency: _, ...caller } = this.#caller;
    const envelope: Envelope = { caller, body };
    this.#store.enqueue(this.#counters.effects, target, JSON.stringify(envelope));
    this.effectTargets.add(target);
  }

  /** Sets a named timer to `dueAt` (ms), or clears it. */
  timer(name: string, dueAt: number | undefined): void {
    const current = this.#timers.get(name);
    if (dueAt === undefined) {
      if (current === undefined) return;
      this.#timers.delete(name);
      this.#store.dropTimer(name);
    } else if (current?.due_at !== dueAt || current.attempts !== 0) {
      this.#put({ name, due_at: dueAt, attempts: 0 });
    }
  }

  /** Makes sure that the timer rings no later than `dueAt` (ms); an earlier one is left alone and re-checks. */
  timerBy(name: string, dueAt: number): void {
    const current = this.#timers.get(name);
    if (current === undefined || current.due_at > dueAt) this.#put({ name, due_at: dueAt, attempts: 0 });
  }

  /** After a failed run: the timer again later, its failures counted. */
  retry(name: string, dueAt: number, attempts: number): void {
    this.#put({ name, due_at: dueAt, attempts });
  }

  /** The next member for an id within this actor. */
  member(): number {
    this.#counters.members += 1;
    return this.#counters.members;
  }

  /** The ledger acknowledged everything up to `seq`. */
  shipped(seq: number): void {
    this.#counters.shipped = Math.max(this.#counters.shipped, seq);
  }

  /** Runs `work` once the commit stands: where memory follows storage. */
  afterwards(work: () => void): void {
    this.followUps.push(work);
  }

  /** Keeps the answer of this request for 24 h, if it came with an Idempotency-Key. */
  remember(value: unknown): void {
    const key = this.#caller.idempotency;
    if (key === undefined) return;
    this.#store.dropReplaysBefore(this.now - REPLAY_MS);
    this.#store.saveReplay(key.scope, key.hash, this.now);
    this.#store.write(`replay:${key.scope}`, value);
  }

  #put(timer: Timer): void {
    this.#timers.set(timer.name, timer);
    this.#store.saveTimer(timer);
  }
}

/** The caller of what an actor does by itself: acknowledgements, retries, timers. */
export function housekeeper(workspace: string): Caller {
  return systemCaller(workspace, "countersign", crypto.randomUUID());
}
