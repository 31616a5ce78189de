/**
 * Delivery of effects: at least once, in order per target, at once after the commit and again until acknowledged. A target
 * that fails holds up its own queue, never any other. Which rows are owed is in storage; what is here only speeds it up.
 */
import { causeOf, log } from "../log.ts";
import type { ActorKey } from "./remote.ts";
import { CALL_CHARS, type Storage } from "./storage.ts";
import { backoffMs } from "./timers.ts";
import { Turns } from "./turns.ts";

export interface EffectRow {
  readonly n: number;
  readonly message: string;
}

/** What a receiver answers: everything up to `acked` is done; `failed` says why the next one was refused. */
export interface Receipt {
  readonly acked: number;
  readonly failed?: string;
}

export const EFFECTS_TIMER = "$effects";
/** After a crash nothing else would wake an actor that still owes effects. */
export const EFFECTS_SWEEP_MS = 5_000;

/** A target that never failed is looked at again after this. */
const FIRST_LOOK_MS = 1_000;
/** Effects per call: enough to catch up fast, few enough for one turn of the receiver. */
const BATCH = 50;
/** A receiver that refuses one message this often has a bug: the pair is parked, reported, and tried rarely from then on. */
const PARK_AFTER = 10;
const PARKED_RETRY_MS = 60 * 60 * 1000;

interface Dependencies {
  readonly source: string;
  readonly store: Pick<Storage, "owedTo" | "owes" | "targets">;
  readonly send: (target: ActorKey, rows: readonly EffectRow[]) => Promise<Receipt>;
  readonly retryAt: (dueAt: number) => void;
  /** Tells whoever watches that this target is parked (said again at every try), or no more. */
  readonly parked: (target: ActorKey, isParked: boolean) => void;
}

interface Pair {
  /** everything that is owed above `acked`; undefined if only storage has all of it */
  recent: readonly EffectRow[] | undefined;
  /** the last effect that this life of the actor made for the target; undefined if it made none */
  last: number | undefined;
  /** everything up to this n was done by the target */
  acked: number;
  /** everything up to this n is deleted here */
  deleted: number;
  /** attempts in a row that got nothing across */
  failures: number;
  /** how many of them the receiver refused, rather than being out of reach */
  refusals: number;
  notBefore: number;
  readonly turns: Turns;
}

export class Outbox {
  readonly #deps: Dependencies;
  readonly #pairs = new Map<ActorKey, Pair>();
  /** The number of the last effect that this was told of. */
  #last: number | undefined;
  /** Whether this was told of everything that is owed: then a target without a pair is owed nothing. */
  #knowsAll = false;

  constructor(deps: Dependencies) {
    this.#deps = deps;
  }

  /** Deletes what was acknowledged since the last commit: an acknowledgement costs no commit of its own. */
  settle(store: Pick<Storage, "acknowledge">): void {
    for (const [target, pair] of this.#pairs) {
      if (pair.acked > pair.deleted) store.acknowledge(target, pair.acked);
    }
  }

  /** The commit that {@link settle} was part of stands. */
  settled(): void {
    for (const [target, pair] of this.#pairs) {
      pair.deleted = pair.acked;
      if (pair.failures === 0 && pair.turns.idle) this.#pairs.delete(target);
    }
  }

  /** When the next attempt is due (ms), given that `targets` are owed something; undefined if none is. */
  nextTry(targets: readonly ActorKey[], now: number): number | undefined {
    if (targets.length === 0) return undefined;
    return Math.min(...targets.map((target) => Math.max(this.#pairs.get(target)?.notBefore ?? 0, now + FIRST_LOOK_MS)));
  }

  /** Delivers what a commit has just added, after what else is owed to the same targets; `made` by target, oldest first. */
  enqueued(now: number, made: ReadonlyMap<ActorKey, readonly EffectRow[]>): Promise<boolean> {
    const numbers = [...made.values()].flatMap((rows) => rows.map(({ n }) => n));
    this.#follow(Math.min(...numbers), Math.max(...numbers));
    for (const [target, rows] of made) {
      const pair = this.#pair(target);
      pair.last = rows.at(-1)?.n;
      pair.recent = pair.recent && oneCall([...pair.recent, ...rows]);
    }
    return this.drain(now, made.keys());
  }

  /** Delivers what is owed to `targets` and not waiting for a retry. True if nothing is owed to them afterwards. */
  async drain(now: number, targets: Iterable<ActorKey> = this.#allTargets()): Promise<boolean> {
    const results = await Promise.all(
      [...targets].map((target) => {
        const pair = this.#pair(target);
        return pair.turns.take(() => this.#run(target, pair, now));
      }),
    );
    return results.every(Boolean);
  }

  /** A life before this one may have left something owed; a commit within a commit's follow-ups is told of before that one. */
  #follow(first: number, last: number): void {
    if (this.#last === undefined) this.#knowsAll = !this.#deps.store.owes(first);
    else if (first !== this.#last + 1) this.#askStorage();
    this.#last = last;
  }

  #askStorage(): void {
    this.#knowsAll = false;
    for (const pair of this.#pairs.values()) {
      pair.recent = undefined;
      pair.last = undefined;
    }
  }

  /** Of a sweep: what is owed for so long may be what this was never told of. */
  #allTargets(): ActorKey[] {
    this.#askStorage();
    return this.#deps.store.targets();
  }

  async #run(target: ActorKey, pair: Pair, now: number): Promise<boolean> {
    if (pair.notBefore > now) return false;
    for (;;) {
      if (pair.last !== undefined && pair.acked >= pair.last) return true;
      const rows = pair.recent ?? this.#deps.store.owedTo(target, pair.acked, BATCH);
      const first = rows[0];
      if (first === undefined) return true;
      let receipt: Receipt;
      try {
        receipt = await this.#deps.send(target, rows);
      } catch (thrown) {
        // An unreachable target is no fault of the message: retried for ever, never parked.
        return this.#failed(target, pair, causeOf(thrown), false);
      }
      if (receipt.acked >= first.n) {
        pair.acked = receipt.acked;
        pair.recent = pair.recent?.filter(({ n }) => n > receipt.acked);
        if (pair.refusals >= PARK_AFTER) this.#deps.parked(target, false);
        pair.failures = 0;
        pair.refusals = 0;
      }
      // Nothing done and nothing refused would loop for ever.
      const refused = receipt.failed ?? (receipt.acked < first.n ? "no progress" : undefined);
      if (refused === undefined) continue;
      pair.refusals += 1;
      return this.#failed(target, pair, refused, pair.refusals >= PARK_AFTER);
    }
  }

  #failed(target: ActorKey, pair: Pair, cause: string, parked: boolean): false {
    pair.failures += 1;
    const wait = parked ? PARKED_RETRY_MS : backoffMs(pair.failures, Math.random());
    pair.notBefore = Date.now() + wait;
    if (pair.failures === 1 || (parked && pair.refusals === PARK_AFTER)) {
      log("error", parked ? "effect.parked" : "effect.failed", { source: this.#deps.source, target, cause });
    }
    if (parked) this.#deps.parked(target, true);
    this.#deps.retryAt(pair.notBefore);
    return false;
  }

  #pair(target: ActorKey): Pair {
    const known = this.#pairs.get(target);
    if (known !== undefined) return known;
    const recent = this.#knowsAll ? [] : undefined;
    const turns = new Turns();
    const pair = { recent, last: undefined, acked: 0, deleted: 0, failures: 0, refusals: 0, notBefore: 0, turns };
    this.#pairs.set(target, pair);
    return pair;
  }
}

/** What fits one call; more of it is not kept in memory. */
function oneCall(rows: readonly EffectRow[]): Pair["recent"] {
  const chars = rows.reduce((sum, { message }) => sum + message.length, 0);
  return rows.length <= BATCH && chars <= CALL_CHARS ? rows : undefined;
}
