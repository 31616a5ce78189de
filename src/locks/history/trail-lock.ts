/**
 * One lock as its rows in the trail tell of it, held against the rules (04-locks-and-deadlocks, rules 1–4). It is written
 * from the rules alone and shares nothing with the lock book. For tests only.
 */
import type { AuditRow } from "../../audit/contract.ts";
import type { LockMode, Session } from "../lock-types.ts";
import { sessionName } from "./lock-history.ts";

/** ms since the epoch; `until` is Infinity for what goes on. */
export interface Stay {
  readonly from: number;
  until: number;
}

/** The wait of a claim, as long as it asks for one mode, or of an upgrade. */
export interface Wait extends Stay {
  readonly mode: LockMode;
  readonly isUpgrade: boolean;
}

/** A lease or claim, from the first row that names it to the last. */
export interface TrailEntry {
  readonly id: string;
  readonly lock: string;
  readonly session: string;
  /** Its place in the order of asking. */
  readonly turn: number;
  mode: LockMode;
  readonly there: Stay;
  held: Stay | undefined;
  readonly waits: Wait[];
  readonly exclusive: Stay[];
}

export type LockRow = Pick<AuditRow, "at" | "action" | "subject_type" | "subject_id" | "details">;

type Details = { readonly lock_id: string; readonly mode: LockMode; readonly fencing_token?: number } & Session & {
    readonly ended_reason?: string;
    readonly upgraded?: boolean;
  };

export class TrailLock {
  readonly name: string;
  /** null: shared/exclusive */
  readonly permits: number | null;
  readonly entries = new Map<string, TrailEntry>();
  readonly problems: string[] = [];
  grants = 0;
  #holders: TrailEntry[] = [];
  #queue: TrailEntry[] = [];
  #token = 0;
  #turns = 0;
  #now = 0;
  #letIn: string | undefined;

  constructor(name: string, permits: number | null) {
    this.name = name;
    this.permits = permits;
  }

  /** The next row of this lock. */
  apply({ at, action, details }: LockRow): void {
    const now = Date.parse(at);
    if (now > this.#now) this.checkRest();
    this.#now = now;
    if (action === "lock.queue_full") return;
    const told = details as unknown as Details;
    const known = this.entries.get(told.lock_id);
    if (action === "lock.acquired") this.#granted(told, known);
    else if (action === "lock.queued") this.#asked(told, known);
    else if (action === "lock.reordered") this.#letIn = told.lock_id;
    else if (known === undefined) this.#problem(`${action} of ${told.lock_id}, which was not there`);
    else if (action === "lock.downgraded") this.#becomes(known, "shared");
    else this.#ended(known, action !== "lock.aborted" && told.ended_reason !== undefined);
  }

  /** Between two moments nobody waits for what could be had. */
  checkRest(): void {
    const [head] = this.#queue;
    const upgrades = this.#holders.filter(isWaiting);
    if (upgrades.length > 0 && this.#holders.length === 1) this.#problem("the sole reader still waits to write");
    if (head === undefined || upgrades.length > 0) return;
    if (this.#hasRoomFor(head.mode)) this.#problem(`${head.id} is next, could be granted and waits`);
  }

  /** Sessions that have to go ahead of this waiting entry. */
  blockersOf(entry: TrailEntry): TrailEntry[] {
    const others = this.#holders.filter((holder) => holder !== entry);
    const mode = entry.waits.at(-1)?.mode ?? entry.mode;
    if (entry.held !== undefined) return others;
    const ahead = this.#queue.slice(0, this.#queue.indexOf(entry));
    return [
      ...others.filter((holder) => mode === "exclusive" || holder.mode === "exclusive" || isWaiting(holder)),
      ...ahead.filter((claim) => mode === "exclusive" || claim.mode === "exclusive"),
    ];
  }

  get waiting(): TrailEntry[] {
    return [...this.#holders.filter(isWaiting), ...this.#queue];
  }

  #granted(told: Details, known: TrailEntry | undefined): void {
    const { fencing_token = 0, mode, upgraded = false } = told;
    const wasNext = this.#isNext(told.lock_id, mode, known);
    if (fencing_token !== this.#token + 1) this.#problem(`token ${fencing_token} follows ${this.#token}`);
    this.#token = Math.max(this.#token, fencing_token);
    const entry = known ?? this.#newEntry(told);
    if (upgraded !== (entry.held !== undefined))
      this.#problem(`${entry.id} was ${upgraded ? "no" : "a"} holder before`);
    const others = this.#holders.filter((holder) => holder !== entry);
    this.#queue = this.#queue.filter((claim) => claim !== entry);
    if (!canJoin(others, mode, this.permits)) this.#problem(`${entry.id} is let in beside ${others.map(named).join()}`);
    if (!wasNext && this.#letIn !== entry.id) this.#problem(`${entry.id} is let in before those ahead of it`);
    this.#letIn = undefined;
    this.#holders = [...others, entry];
    entry.held ??= this.#begin();
    this.#endWait(entry);
    this.#becomes(entry, mode);
    this.grants += 1;
  }

  /** Whether nobody goes before it, by rule 1: an earlier conflicting waiter, or a reader that upgrades. */
  #isNext(id: string, mode: LockMode, known: TrailEntry | undefined): boolean {
    if (known?.held !== undefined) return true;
    const place = this.#queue.findIndex((claim) => claim.id === id);
    const ahead = place < 0 ? this.#queue : this.#queue.slice(0, place);
    if (this.permits !== null || mode === "exclusive") return ahead.length === 0;
    return !ahead.some((claim) => claim.mode === "exclusive") && !this.#holders.some(isWaiting);
  }

  #asked(told: Details, known: TrailEntry | undefined): void {
    const entry = known ?? this.#newEntry(told);
    if (known === undefined) this.#queue.push(entry);
    const isUpgrade = entry.held !== undefined;
    const mode = isUpgrade ? "exclusive" : told.mode;
    if (!isUpgrade) entry.mode = mode;
    this.#endWait(entry);
    entry.waits.push({ ...this.#begin(), mode, isUpgrade });
  }

  /** `waitOnly`: of an upgrade that is given up, its lease stays. */
  #ended(entry: TrailEntry, waitOnly: boolean): void {
    if (entry.there.until < Number.POSITIVE_INFINITY) this.#problem(`${entry.id} ended a second time`);
    this.#endWait(entry);
    if (waitOnly && entry.held !== undefined) return;
    this.#becomes(entry, "shared");
    if (entry.held !== undefined) entry.held.until = this.#now;
    entry.there.until = this.#now;
    this.#holders = this.#holders.filter((holder) => holder !== entry);
    this.#queue = this.#queue.filter((claim) => claim !== entry);
  }

  #becomes(entry: TrailEntry, mode: LockMode): void {
    const last = entry.exclusive.at(-1);
    const isExclusive = last !== undefined && last.until === Number.POSITIVE_INFINITY;
    if (isExclusive && mode === "shared") last.until = this.#now;
    if (!isExclusive && mode === "exclusive") entry.exclusive.push(this.#begin());
    entry.mode = mode;
  }

  #endWait(entry: TrailEntry): void {
    const wait = entry.waits.at(-1);
    if (wait !== undefined && wait.until === Number.POSITIVE_INFINITY) wait.until = this.#now;
  }

  #newEntry(told: Details): TrailEntry {
    this.#turns += 1;
    const entry: TrailEntry = {
      id: told.lock_id,
      lock: this.name,
      session: sessionName(told),
      turn: this.#turns,
      mode: told.mode,
      there: this.#begin(),
      held: undefined,
      waits: [],
      exclusive: [],
    };
    this.entries.set(entry.id, entry);
    return entry;
  }

  #hasRoomFor(mode: LockMode): boolean {
    return canJoin(this.#holders, mode, this.permits);
  }

  #begin(): Stay {
    return { from: this.#now, until: Number.POSITIVE_INFINITY };
  }

  #problem(what: string): void {
    this.problems.push(`${this.name} at ${new Date(this.#now).toISOString()}: ${what}`);
  }
}

export function isWaiting({ waits }: TrailEntry): boolean {
  return waits.at(-1)?.until === Number.POSITIVE_INFINITY;
}

function canJoin(holders: readonly TrailEntry[], mode: LockMode, permits: number | null): boolean {
  if (permits !== null) return holders.length < permits;
  return mode === "exclusive" ? holders.length === 0 : holders.every((holder) => holder.mode === "shared");
}

function named({ id, session, mode }: TrailEntry): string {
  return `${id} (${session}, ${mode})`;
}
