/**
 * Delivery of effects: at least once, in order per target, at once after the commit and again until acknowledged. A target
 * that fails holds up its own queue, never any other. Which rows are owed is in storage; what is here only speeds it up.
 */
import { causeOf, log } from "../log.ts";
import type { Commit } from "./commit.ts";
import type { ActorKey } from "./remote.ts";
import type { Storage } from "./storage.ts";
import { backoffMs } from "./timers.ts";

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
  readonly source: ActorKey;
  readonly store: Storage;
  readonly send: (target: ActorKey, rows: readonly EffectRow[]) => Promise<Receipt>;
  readonly retryAt: (dueAt: number) => void;
}

interface Pair {
  /** everything up to this n was done by the target */
  acked: number;
  /** everything up to this n is deleted here */
  deleted: number;
  failures: number;
  notBefore: number;
  inFlight: Promise<boolean> | undefined;
}

export class Outbox {
  readonly #deps: Dependencies;
  readonly #pairs = new Map<ActorKey, Pair>();

  constructor(deps: Dependencies) {
    this.#deps = deps;
  }

  /** Deletes what was acknowledged since the last commit: an acknowledgement costs no commit of its own. */
  settle(tx: Commit): void {
    for (const [target, pair] of this.#pairs) {
      if (pair.acked > pair.deleted) tx.store.acknowledge(target, pair.acked);
    }
  }

  /** The commit that {@link settle} was part of stands. */
  settled(): void {
    for (const [target, pair] of this.#pairs) {
      pair.deleted = pair.acked;
      if (pair.failures === 0 && pair.inFlight === undefined) this.#pairs.delete(target);
    }
  }

  /** When the next attempt is due (ms), given that `targets` are owed something; undefined if none is. */
  nextTry(targets: readonly ActorKey[], now: number): number | undefined {
    if (targets.length === 0) return undefined;
    return Math.min(...targets.map((target) => Math.max(this.#pairs.get(target)?.notBefore ?? 0, now + FIRST_LOOK_MS)));
  }

  /** Delivers what is owed to `targets` and not waiting for a retry. True if nothing is owed to them afterwards. */
  async drain(now: number, targets: Iterable<ActorKey> = this.#deps.store.targets()): Promise<boolean> {
    const results = await Promise.all([...targets].map((target) => this.#drainPair(target, now)));
    return results.every(Boolean);
  }

  async #drainPair(target: ActorKey, now: number): Promise<boolean> {
    const pair = this.#pair(target);
    // The run under way may have looked for the last time already.
    while (pair.inFlight !== undefined) if (!(await pair.inFlight)) return false;
    const run = this.#run(target, pair, now);
    pair.inFlight = run;
    const done = await run;
    if (pair.inFlight === run) pair.inFlight = undefined;
    return done;
  }

  async #run(target: ActorKey, pair: Pair, now: number): Promise<boolean> {
    if (pair.notBefore > now) return false;
    for (;;) {
      const rows = this.#deps.store.owedTo(target, pair.acked, BATCH);
      if (rows.length === 0) return true;
      try {
        const receipt = await this.#deps.send(target, rows);
        if (receipt.acked > pair.acked) {
          pair.acked = receipt.acked;
          pair.failures = 0;
        }
        if (receipt.failed !== undefined) return this.#failed(target, pair, receipt.failed, PARK_AFTER);
        // Nothing acknowledged and nothing refused would loop for ever.
        if (receipt.acked < (rows[0]?.n ?? 0)) return this.#failed(target, pair, "no progress", PARK_AFTER);
      } catch (thrown) {
        // An unreachable target is no fault of the message: retried for ever, never parked.
        return this.#failed(target, pair, causeOf(thrown), Number.POSITIVE_INFINITY);
      }
    }
  }

  #failed(target: ActorKey, pair: Pair, cause: string, parkAfter: number): false {
    pair.failures += 1;
    const parked = pair.failures >= parkAfter;
    const wait = parked ? PARKED_RETRY_MS : backoffMs(pair.failures, Math.random());
    pair.notBefore = Date.now() + wait;
    if (pair.failures === 1 || pair.failures === parkAfter) {
      log("error", parked ? "effect.parked" : "effect.failed", { source: this.#deps.source, target, cause });
    }
    this.#deps.retryAt(pair.notBefore);
    return false;
  }

  #pair(target: ActorKey): Pair {
    let pair = this.#pairs.get(target);
    if (pair === undefined) {
      pair = { acked: 0, deleted: 0, failures: 0, notBefore: 0, inFlight: undefined };
      this.#pairs.set(target, pair);
    }
    return pair;
  }
}
