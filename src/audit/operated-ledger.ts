/** What is asked of a ledger besides its daily work (actor.ts): login failures, a rebuild of D1, retention. */
import type { Caller } from "../actor/caller.ts";
import { type Commit, housekeeper } from "../actor/commit.ts";
import type { Happening } from "../actor/journal.ts";
import type { ActorKey } from "../actor/remote.ts";
import { ok, type Result } from "../actor/result.ts";
import type { ConfigurationChange } from "../db/configuration.ts";
import type { TokenHolder } from "../users/token-holder.ts";
import { BEGINNINGS_MIGRATION, beginningOf } from "./beginnings.ts";
import { COPY_MIGRATION, copiedHolder, copyConfiguration } from "./configuration-copy.ts";
import { authFailed, closed, type FailedLogins, nextClosing, tallied } from "./failed-logins.ts";
import { FeedingActor } from "./feeding-actor.ts";
import type { ChainHead, LedgerOperations, Standing } from "./ledger-api.ts";
import type { LedgerCore, Pending } from "./ledger-core.ts";
import { type ParkedEffects, stillParked, withParked } from "./parked-effects.ts";
import type { News } from "./plan.ts";
import { REBUILD_TIMER, Rebuild } from "./rebuild.ts";
import { RETENTION_MIGRATION, RETENTION_TIMER, Retention } from "./retention.ts";
import type { Contents, RetentionState, Retention as RetentionView, RetiredHead, Seal } from "./retention-contract.ts";

export const OPERATIONS_MIGRATION = [COPY_MIGRATION, BEGINNINGS_MIGRATION, RETENTION_MIGRATION].join("\n");

const PARKED = "parked_effects";
const LOGINS = "failed_logins";
const LOGINS_TIMER = "failed_logins";

export abstract class OperatedLedger extends FeedingActor implements LedgerOperations {
  // --- what the ledger itself does

  protected abstract owe(tx: Commit, pending: Pending): void;
  protected abstract advance(source: string, to: { readonly seq: number; readonly hash: string }): void;
  /** Brings everything that waits to D1; false when D1 does not take it now. */
  protected abstract flush(): Promise<boolean>;
  abstract headOf(source: string): ChainHead | null;
  abstract heads(after: string, limit: number): ChainHead[];

  /** Where it stands is in storage alone. */
  protected get rebuild(): Rebuild {
    return new Rebuild(this.#core, this.key);
  }

  protected get retention(): Retention {
    return new Retention(this.#core);
  }

  /** The configuration's chain is the only one that knows who had which rights when: it is never cut short. */
  protected override get keepsWholeJournal(): boolean {
    return true;
  }

  /** Journals in the ledger's own chain, keeps its copy of the configuration, and owes both to D1. */
  protected record(
    tx: Commit,
    happenings: readonly Happening[],
    configuration: readonly ConfigurationChange[] = [],
    news: readonly News[] = [],
  ): void {
    const before = this.headOf(this.key)?.seq ?? 0;
    for (const happening of happenings) tx.journal(happening);
    const entries = tx.store.chain(before, happenings.length);
    const last = entries.at(-1);
    if (last === undefined) throw new Error("a change left no entry");
    copyConfiguration(this.ctx.storage.sql, configuration);
    this.owe(tx, { entries, changes: [], configuration, news });
    this.advance(this.key, { seq: last.entry.seq, hash: last.hash });
    tx.shipped(last.entry.seq);
  }

  // --- login failures

  noteFailedLogins(more: readonly FailedLogins[]): void {
    const now = Date.now();
    this.#housekeep((tx) => this.#keepTallies(tx, tallied(this.#tallies(), more, now)));
  }

  #writeFailedLogins(now: number): void {
    const { over, open } = closed(this.#tallies(), now);
    this.#housekeep((tx) => {
      if (over.length > 0) this.record(tx, over.map(authFailed));
      this.#keepTallies(tx, open);
    });
  }

  #tallies(): readonly FailedLogins[] {
    return this.exists ? (this.store.read<readonly FailedLogins[]>(LOGINS) ?? []) : [];
  }

  #keepTallies(tx: Commit, tallies: readonly FailedLogins[]): void {
    tx.store.write(LOGINS, tallies);
    tx.timer(LOGINS_TIMER, nextClosing(tallies));
  }

  // --- what the edge asks while D1 fails

  tokenHolder(tokenId: string, hash: string): TokenHolder | null {
    return this.exists ? copiedHolder(this.ctx.storage.sql, this.place.workspace, tokenId, hash) : null;
  }

  // --- what operators look at

  noteParked(source: ActorKey, target: ActorKey, isParked: boolean): void {
    const pair = `${source} ${target}`;
    this.#housekeep((tx) => tx.store.write(PARKED, withParked(this.#parked(), pair, isParked, tx.now)));
  }

  protected get parkedEffects(): number {
    return Object.keys(stillParked(this.#parked(), Date.now())).length;
  }

  #parked(): ParkedEffects {
    return this.exists ? (this.store.read<ParkedEffects>(PARKED) ?? {}) : {};
  }

  // --- rebuild

  async rebuildAll(caller: Caller): Promise<Result<{ readonly chains: number }>> {
    const replay = this.replayed<{ readonly chains: number }>(caller);
    if (replay !== undefined) return replay;
    const begun = this.rebuild.begin(caller);
    this.ctx.waitUntil(this.rebuild.run());
    return ok(begun);
  }

  standings(sources: readonly string[]): Standing[] {
    return sources.map((source) => ({
      source,
      head: this.headOf(source),
      beginning: this.exists ? beginningOf(this.ctx.storage.sql, source) : null,
    }));
  }

  // --- retention

  async retentionState(): Promise<RetentionState> {
    const public_key = await this.retention.publicKey();
    const { current } = this.retention;
    return { public_key, ...(current !== undefined && { retention: current }) };
  }

  async prepareRetention(caller: Caller, before: string): Promise<Result<RetentionView>> {
    return this.replayed<RetentionView>(caller) ?? this.retention.prepare(caller, before, this.rebuild.underWay);
  }

  noteRetired(id: string, heads: readonly RetiredHead[]): boolean {
    return this.retention.note(id, heads);
  }

  sealRetention(id: string, contents: Contents): Promise<Seal | null> {
    return this.retention.seal(id, contents);
  }

  retentionSealed(id: string, contents: Contents): void {
    this.retention.sealed(id, contents);
  }

  spoilRetention(id: string, problem: NonNullable<RetentionView["problem"]>): void {
    this.retention.spoil(id, problem);
  }

  async confirmRetention(caller: Caller, id: string, sha256: string): Promise<Result<RetentionView>> {
    const replay = this.replayed<RetentionView>(caller);
    if (replay !== undefined) return replay;
    const confirmed = this.retention.confirm(caller, id, sha256);
    if (confirmed.ok) this.ctx.waitUntil(this.flush());
    return confirmed;
  }

  // --- timers

  /** The timers of operations; false: it is none of them. */
  protected async operate(name: string, now: number): Promise<boolean> {
    if (name === LOGINS_TIMER) this.#writeFailedLogins(now);
    else if (name === REBUILD_TIMER) await this.rebuild.run();
    else if (name === RETENTION_TIMER) await this.retention.forget();
    else return false;
    await this.flush();
    return true;
  }

  // --- internals

  get #core(): LedgerCore {
    return {
      env: this.env,
      workspace: this.place.workspace,
      sql: this.ctx.storage.sql,
      store: this.store,
      commit: (caller, work) => this.commit(caller, work),
      record: (tx, happenings, changes) => this.record(tx, happenings, changes),
      owe: (tx, pending) => this.owe(tx, pending),
      told: () => this.told,
      flush: () => this.flush(),
      headOf: (source) => this.headOf(source),
      heads: (after, limit) => this.heads(after, limit),
    };
  }

  #housekeep(work: (tx: Commit) => void): void {
    this.commit(housekeeper(this.place.workspace), work);
  }
}
