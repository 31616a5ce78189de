/** One atomic change of an actor: state, journal, effects, timers and the stored answer, all or nothing. */

import type { EventBody } from "../realtime/channel-api.ts";
import { type Caller, systemCaller, withoutKey } from "./caller.ts";
import { canonicalJson, type Entry, entryOf, type Happening, linkHash, nextMicros } from "./journal.ts";
import type { EffectRow } from "./outbox.ts";
import { type ActorKey, addressOfKey } from "./remote.ts";
import type { Counters, Storage } from "./storage.ts";
import { stands, type Timer } from "./timers.ts";

/** An effect as stored and sent: what, and on whose behalf. */
export interface Envelope {
  readonly caller: Caller;
  readonly body: unknown;
}

/** What an actor lends to a commit: the storage in its transaction, and the memory that goes with it. */
export interface Transaction {
  readonly store: Storage;
  readonly counters: Counters;
  readonly timers: Map<string, Timer>;
  /** Timers whose handler runs right now, as they stood when they rang. */
  readonly ringing: ReadonlyMap<string, Timer>;
  readonly member: () => number;
  /** What the actor's channel says of an entry, if anything. */
  readonly eventOf: (entry: Entry) => EventBody | null;
}

/** An event that this commit made. */
export interface MadeEvent extends EventBody {
  readonly entry: Entry;
  /** seq of the event before */
  readonly prev: number;
}

export const REPLAY_MS = 24 * 60 * 60 * 1000;

export class Commit {
  readonly now: number;
  /** Whether the chain grew: there is something to ship. */
  audited = false;
  /** What was journaled, in order. */
  readonly entries: Entry[] = [];
  /** What of it the actor's channel tells. */
  readonly events: MadeEvent[] = [];
  /** By target: the effects for it, oldest first, as they stand in the outbox. */
  readonly effects = new Map<ActorKey, EffectRow[]>();
  /** What the actor runs once the commit stands. */
  readonly followUps: (() => void)[] = [];
  readonly #workspace: string;
  #caller: Caller;
  #transaction: Transaction | undefined;

  constructor(workspace: string, caller: Caller, now: number, transaction: Transaction) {
    this.#workspace = workspace;
    this.#caller = caller;
    this.now = now;
    this.#transaction = transaction;
  }

  get store(): Storage {
    return this.#open.store;
  }

  /** Appends to the journal; audited entries are linked into the chain. Returns the entry's seq. */
  journal(happening: Happening): number {
    const { counters, store, eventOf } = this.#open;
    counters.seq += 1;
    counters.last_micros = nextMicros(counters.last_micros, this.now);
    const entry = entryOf(
      happening,
      { workspace: this.#workspace, actor: counters.key, seq: counters.seq, micros: counters.last_micros },
      this.#caller,
    );
    this.entries.push(entry);
    const text = canonicalJson(entry);
    const told = eventOf(entry);
    const prev = told === null ? null : counters.event_seq;
    if (told !== null) {
      this.events.push({ ...told, entry, prev: counters.event_seq });
      counters.event_seq = counters.seq;
    }
    if (happening.audit === false) {
      store.append(counters.seq, text, null, prev);
      return counters.seq;
    }
    const link = { prev_hash: counters.head_hash, hash: linkHash(counters.head_hash, text) };
    store.append(counters.seq, text, link, prev);
    counters.head_seq = counters.seq;
    counters.head_hash = link.hash;
    this.audited = true;
    return counters.seq;
  }

  /** Sends `body` to another actor: at least once, in order per target, after the commit. Throws on what is no actor's key. */
  effect(target: ActorKey, body: unknown): void {
    const { counters, store } = this.#open;
    // Found out only when it is sent, a wrong key would be retried for ever.
    addressOfKey(target);
    counters.effects += 1;
    const envelope: Envelope = { caller: withoutKey(this.#caller), body };
    const row: EffectRow = { n: counters.effects, message: JSON.stringify(envelope) };
    store.enqueue(row.n, target, row.message);
    this.effects.set(target, [...(this.effects.get(target) ?? []), row]);
  }

  /** Sets a named timer to `dueAt` (ms), or clears it. */
  timer(name: string, dueAt: number | undefined): void {
    const { store, timers } = this.#open;
    const current = timers.get(name);
    if (dueAt === undefined) {
      if (current === undefined) return;
      timers.delete(name);
      store.dropTimer(name);
    } else if (current?.due_at !== dueAt || current.attempts !== 0) {
      this.#put({ name, due_at: dueAt, attempts: 0 });
    }
  }

  /** Makes sure that the timer rings (again) no later than `dueAt` (ms); an earlier one is left alone and re-checks. */
  timerBy(name: string, dueAt: number): void {
    const { ringing, timers } = this.#open;
    const current = timers.get(name);
    const rung = ringing.get(name);
    // One that rings right now is no earlier ring to come: it is cleared when its handler is done.
    const spent = rung !== undefined && stands(current, rung);
    if (current === undefined || current.due_at > dueAt || spent) this.#put({ name, due_at: dueAt, attempts: 0 });
  }

  /** After a failed run: the timer again later, its failures counted. */
  retry(name: string, dueAt: number, attempts: number): void {
    this.#put({ name, due_at: dueAt, attempts });
  }

  /** The next member for an id within this actor. */
  member(): number {
    return this.#open.member();
  }

  /** The ledger acknowledged everything up to `seq`. */
  shipped(seq: number): void {
    const { counters } = this.#open;
    counters.shipped = Math.max(counters.shipped, seq);
  }

  /** Keeps the answer of this request for 24 h, if it came with an Idempotency-Key. */
  remember(value: unknown): void {
    const { store } = this.#open;
    const key = this.#caller.idempotency;
    if (key === undefined) return;
    store.dropReplaysBefore(this.now - REPLAY_MS);
    store.saveReplay(key.scope, key.hash, this.now, value);
  }

  /** What follows is on behalf of this caller: effects of several may be taken in together. */
  actFor(caller: Caller): void {
    this.#caller = caller;
  }

  /** Runs `work` once the commit stands: where memory follows storage. */
  afterwards(work: () => void): void {
    this.followUps.push(work);
  }

  /** What would be done with a commit after its end would stand outside of every transaction: from here on it throws. */
  close(): void {
    this.#transaction = undefined;
  }

  get #open(): Transaction {
    if (this.#transaction === undefined) throw new Error("a commit was used after its end");
    return this.#transaction;
  }

  #put(timer: Timer): void {
    const { store, timers } = this.#open;
    timers.set(timer.name, timer);
    store.saveTimer(timer);
  }
}

/** The caller of what an actor does by itself: acknowledgements, retries, timers. */
export function housekeeper(workspace: string): Caller {
  return systemCaller(workspace, "countersign", crypto.randomUUID());
}
