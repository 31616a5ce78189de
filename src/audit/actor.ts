/** The ledger of a workspace: takes journals in, brings them to D1 in order, and keeps the head of every chain. */
import { Actor } from "../actor/actor.ts";
import type { Caller } from "../actor/caller.ts";
import { type Commit, housekeeper } from "../actor/commit.ts";
import { type ChainedEntry, canonicalJson, GENESIS, linkHash } from "../actor/journal.ts";
import type { Shipment } from "../actor/ledger-api.ts";
import { fail, ok, type Result } from "../actor/result.ts";
import { backoffMs } from "../actor/timers.ts";
import { Turns } from "../actor/turns.ts";
import type { ConfigurationChange } from "../db/configuration.ts";
import { type Flush, flushStatements } from "../db/flush.ts";
import type { ReadModelChange } from "../db/read-model.ts";
import type { Env } from "../env.ts";
import { causeOf, log } from "../log.ts";
import { type ConfigurationCommand, planConfiguration } from "./configuration.ts";
import type { ChainHead, LedgerApi } from "./ledger-api.ts";
import type { News } from "./plan.ts";

/** What one accepted shipment or configuration change still owes to D1. */
interface Pending {
  readonly entries: readonly ChainedEntry[];
  readonly changes: readonly ReadModelChange[];
  readonly configuration: readonly ConfigurationChange[];
  /** to be told once D1 has it */
  readonly news?: readonly News[];
}

const FLUSH_TIMER = "flush";
/** After a crash between acceptance and flush nothing else would wake the ledger. */
const FLUSH_SWEEP_MS = 5_000;
/** JSON of one D1 batch; the platform takes 2 MB per parameter. */
const FLUSH_CHARS = 1_000_000;

export class LedgerActor extends Actor implements LedgerApi {
  readonly #flushes = new Turns();
  #failures = 0;
  #notBefore = 0;
  /** Tail of the queue of configuration changes: one at a time. */
  #configuring: Promise<unknown> = Promise.resolve();

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.identify("config");
  }

  protected override get migrations(): readonly string[] {
    return [
      `CREATE TABLE heads (source TEXT PRIMARY KEY, seq INTEGER NOT NULL, hash TEXT NOT NULL) STRICT, WITHOUT ROWID;
       CREATE TABLE pending (n INTEGER PRIMARY KEY AUTOINCREMENT, chars INTEGER NOT NULL, rows INTEGER NOT NULL) STRICT;`,
    ];
  }

  // --- intake

  async accept(shipment: Shipment): Promise<{ acknowledged: number }> {
    const head = this.headOf(shipment.source) ?? { seq: 0, hash: GENESIS };
    const fresh = shipment.entries.filter(({ entry }) => entry.seq > head.seq);
    const last = fresh.at(-1);
    if (last === undefined) return { acknowledged: head.seq };
    this.#assertContinues(shipment.source, head, fresh);
    this.commit(housekeeper(this.place.workspace), (tx) => {
      this.#owe(tx, { entries: fresh, changes: shipment.changes, configuration: [] });
      this.#advance(shipment.source, last);
    });
    this.ctx.waitUntil(this.#flush());
    return { acknowledged: last.entry.seq };
  }

  async flushed(): Promise<boolean> {
    this.#notBefore = 0;
    return this.#flush();
  }

  headOf(source: string): ChainHead | null {
    if (!this.exists) return null;
    return this.#rows<ChainHead>("SELECT source, seq, hash FROM heads WHERE source = ?", source)[0] ?? null;
  }

  heads(after: string, limit: number): ChainHead[] {
    if (!this.exists) return [];
    return this.#rows<ChainHead>(
      "SELECT source, seq, hash FROM heads WHERE source > ? ORDER BY source LIMIT ?",
      after,
      limit,
    );
  }

  backlog(): { readonly unshipped: number } {
    if (!this.exists) return { unshipped: 0 };
    return { unshipped: this.#rows<{ n: number }>("SELECT coalesce(sum(rows), 0) AS n FROM pending")[0]?.n ?? 0 };
  }

  // --- configuration

  configure(caller: Caller, command: ConfigurationCommand): Promise<Result<Record<string, unknown>>> {
    const turn = this.#configuring.then(() => this.#configure(caller, command));
    this.#configuring = turn.catch(() => undefined);
    return turn;
  }

  async #configure(caller: Caller, command: ConfigurationCommand): Promise<Result<Record<string, unknown>>> {
    const replay = this.replayed<Record<string, unknown>>(caller);
    if (replay !== undefined) return replay;
    // What an earlier change still owes to D1 must be there before this one reads.
    if (!(await this.flushed())) return unavailable();
    let planned: Awaited<ReturnType<typeof planConfiguration>>;
    try {
      planned = await planConfiguration(this.env.DB, this.place.workspace, command, new Date().toISOString());
    } catch (thrown) {
      log("error", "configuration.unreadable", { request_id: caller.request_id, cause: causeOf(thrown) });
      return unavailable();
    }
    if (!planned.ok) return planned;
    const plan = planned.value;
    this.commit(caller, (tx) => {
      for (const { target, body } of plan.effects ?? []) tx.effect(target, body);
      tx.remember(plan.answer);
      if (plan.happenings.length === 0) return;
      const before = this.headOf(this.key)?.seq ?? 0;
      for (const happening of plan.happenings) tx.journal(happening);
      const entries = tx.store.chain(before, plan.happenings.length);
      this.#owe(tx, { entries, changes: [], configuration: plan.changes, news: plan.news ?? [] });
      const last = entries.at(-1);
      if (last === undefined) throw new Error("a configuration change left no entry");
      this.#advance(this.key, last);
      tx.shipped(last.entry.seq);
    });
    // Durable from here on: if D1 fails now, the change waits in order and arrives when D1 is back.
    await this.#flush();
    await this.deliverEffects();
    return ok(plan.answer);
  }

  // --- flush

  /** Brings everything that waits to D1. True if nothing is left, false when D1 does not take it now. */
  #flush(): Promise<boolean> {
    return this.#flushes.take(() => this.#run());
  }

  async #run(): Promise<boolean> {
    if (Date.now() < this.#notBefore) return false;
    for (;;) {
      const batch = this.#nextBatch();
      if (batch === undefined) return true;
      try {
        await this.env.DB.batch(flushStatements(this.env.DB, this.place.workspace, batch.flush));
      } catch (thrown) {
        return this.#failed(thrown);
      }
      this.#failures = 0;
      this.#notBefore = 0;
      this.commit(housekeeper(this.place.workspace), (tx) => {
        for (const n of batch.numbers) tx.store.erase(`pending:${n}`);
        for (const { target, body } of batch.news) tx.effect(target, body);
        this.ctx.storage.sql.exec("DELETE FROM pending WHERE n <= ?", batch.numbers.at(-1) ?? 0);
        if (this.backlog().unshipped === 0) tx.timer(FLUSH_TIMER, undefined);
      });
    }
  }

  #nextBatch(): { numbers: number[]; flush: Flush; news: readonly News[] } | undefined {
    if (!this.exists) return undefined;
    const waiting = this.#rows<{ n: number; chars: number }>("SELECT n, chars FROM pending ORDER BY n LIMIT 1000");
    const numbers: number[] = [];
    let chars = 0;
    for (const row of waiting) {
      if (numbers.length > 0 && chars + row.chars > FLUSH_CHARS) break;
      numbers.push(row.n);
      chars += row.chars;
    }
    if (numbers.length === 0) return undefined;
    const owed = numbers.map((n) => {
      const pending = this.store.read<Pending>(`pending:${n}`);
      if (pending === undefined) throw new Error(`pending ${n} is gone`);
      return pending;
    });
    return {
      numbers,
      news: owed.flatMap(({ news = [] }) => news),
      flush: {
        entries: owed.flatMap((pending) => pending.entries),
        changes: owed.flatMap((pending) => pending.changes),
        configuration: owed.flatMap((pending) => pending.configuration),
      },
    };
  }

  #failed(thrown: unknown): false {
    this.#failures += 1;
    if (this.#failures === 1) log("error", "flush.failed", { actor: this.key, cause: causeOf(thrown) });
    this.#notBefore = Date.now() + backoffMs(this.#failures, Math.random());
    this.commit(housekeeper(this.place.workspace), (tx) => tx.timer(FLUSH_TIMER, this.#notBefore));
    return false;
  }

  // --- kit

  protected override async sendShipment(shipment: Shipment): Promise<{ acknowledged: number }> {
    return this.accept(shipment);
  }

  protected override receive(_tx: Commit, _caller: Caller, source: string): void {
    throw new Error(`the ledger takes no effects, one came from ${source}`);
  }

  protected override async onTimer(): Promise<void> {
    this.#notBefore = 0;
    if (!(await this.#flush())) return;
    // Something may have been accepted since the flush looked for the last time.
    this.commit(housekeeper(this.place.workspace), (tx) => {
      tx.timer(FLUSH_TIMER, this.backlog().unshipped === 0 ? undefined : tx.now + FLUSH_SWEEP_MS);
    });
  }

  #owe(tx: Commit, pending: Pending): void {
    const chars = JSON.stringify(pending).length;
    const [row] = this.#rows<{ n: number }>(
      "INSERT INTO pending (chars, rows) VALUES (?, ?) RETURNING n",
      chars,
      pending.entries.length,
    );
    if (row === undefined) throw new Error("pending got no number");
    tx.store.write(`pending:${row.n}`, pending);
    tx.timerBy(FLUSH_TIMER, tx.now + FLUSH_SWEEP_MS);
  }

  /** A shipment that does not continue its chain was altered or lost something on the way: never let it in. */
  #assertContinues(source: string, head: { seq: number; hash: string }, entries: readonly ChainedEntry[]): void {
    let { seq, hash: prev } = head;
    for (const { entry, prev_hash, hash } of entries) {
      const own = entry.actor === source && entry.workspace === this.place.workspace && entry.seq > seq;
      if (!own || prev_hash !== prev || linkHash(prev, canonicalJson(entry)) !== hash) {
        throw new Error(`${source} does not link at seq ${entry.seq}`);
      }
      seq = entry.seq;
      prev = hash;
    }
  }

  #advance(source: string, last: ChainedEntry): void {
    this.ctx.storage.sql.exec("INSERT OR REPLACE INTO heads VALUES (?, ?, ?)", source, last.entry.seq, last.hash);
  }

  #rows<Row extends object>(query: string, ...bindings: (string | number)[]): Row[] {
    return this.ctx.storage.sql.exec(query, ...bindings).toArray() as Row[];
  }
}

function unavailable(): Result<never> {
  return fail("UNAVAILABLE", "the database does not answer; nothing was changed, try again", {
    retry_after_seconds: 2,
  });
}
