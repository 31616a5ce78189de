/** The ledger of a workspace: takes journals in, brings them to D1 in order, and keeps the head of every chain. */
import type { Caller } from "../actor/caller.ts";
import { type Commit, housekeeper } from "../actor/commit.ts";
import { giveWay } from "../actor/give-way.ts";
import { GENESIS } from "../actor/journal.ts";
import type { Shipment } from "../actor/ledger-api.ts";
import type { ActorKey } from "../actor/remote.ts";
import { fail, ok, type Result } from "../actor/result.ts";
import { backoffMs } from "../actor/timers.ts";
import { Turns } from "../actor/turns.ts";
import { flushStatements } from "../db/flush.ts";
import type { Env } from "../env.ts";
import { causeOf, log } from "../log.ts";
import { hubShards } from "../realtime/hub-address.ts";
import { HUBS_TABLE, HubRegistry } from "../realtime/hub-registry.ts";
import { Arrivals, type Taken } from "./arrivals.ts";
import { type ConfigurationCommand, planConfiguration } from "./configuration.ts";
import { assertContinues } from "./continuity.ts";
import type { Backlog, ChainHead, LedgerApi } from "./ledger-api.ts";
import type { Pending } from "./ledger-core.ts";
import { OPERATIONS_MIGRATION, OperatedLedger } from "./operated-ledger.ts";
import { OWED_TABLE, OwedStore } from "./owed-store.ts";
import { withRestored } from "./restored.ts";

const FLUSH_TIMER = "flush";
/** After a crash between acceptance and flush nothing else would wake the ledger. */
const FLUSH_SWEEP_MS = 5_000;

export class LedgerActor extends OperatedLedger implements LedgerApi {
  readonly #flushes = new Turns();
  readonly #hubs: HubRegistry;
  readonly #owed = new OwedStore(this.ctx.storage.sql, this.store);
  readonly #arrivals = new Arrivals({
    commit: (work) => this.commit(housekeeper(this.place.workspace), work),
    take: (shipment) => this.#take(shipment),
    owe: (tx, pending) => this.owe(tx, ...pending),
    taken: () => this.ctx.waitUntil(this.flush()),
  });
  #failures = 0;
  #notBefore = 0;
  /** Tail of the queue of configuration changes: one at a time. */
  #configuring: Promise<unknown> = Promise.resolve();

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.identify("config");
    this.#hubs = new HubRegistry(ctx.storage.sql);
  }

  protected override get migrations(): readonly string[] {
    return [
      `CREATE TABLE heads (source TEXT PRIMARY KEY, seq INTEGER NOT NULL, hash TEXT NOT NULL) STRICT, WITHOUT ROWID;
       ${OWED_TABLE}`,
      HUBS_TABLE,
      OPERATIONS_MIGRATION,
    ];
  }

  // --- intake

  async accept(shipment: Shipment): Promise<{ acknowledged: number }> {
    const known = this.headOf(shipment.source)?.seq ?? 0;
    if ((shipment.entries.at(-1)?.entry.seq ?? 0) <= known) return { acknowledged: known };
    return this.#arrivals.accept(shipment);
  }

  async flushed(): Promise<boolean> {
    this.#notBefore = 0;
    // While D1 is rebuilt, it lacks what it had.
    return (await this.flush()) && !this.rebuild.underWay;
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

  backlog(): Backlog {
    if (!this.exists) return { unshipped: 0, parked: 0, hubs: [] };
    return { ...this.#owed.unshipped(), parked: this.parkedEffects, hubs: this.#hubs.keys() };
  }

  // --- configuration

  configure(caller: Caller, command: ConfigurationCommand): Promise<Result<Record<string, unknown>>> {
    const turn = this.#configuring.then(() => this.#configure(caller, command));
    this.#configuring = turn.catch(() => undefined);
    return turn;
  }

  async enrol(hub: ActorKey): Promise<boolean> {
    this.commit(housekeeper(this.place.workspace), () => this.#hubs.add(hub));
    return this.flushed();
  }

  async #configure(caller: Caller, command: ConfigurationCommand): Promise<Result<Record<string, unknown>>> {
    const replay = this.replayed<Record<string, unknown>>(caller);
    if (replay !== undefined) return replay;
    // What an earlier change still owes to D1 must be there before this one reads.
    this.#notBefore = 0;
    if (this.rebuild.restoresConfiguration || !(await this.flush())) return unavailable();
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
      const notices = this.#hubs.noticesOf(plan.changes, hubShards(this.env.HUB_SHARDS));
      for (const { target, body } of [...(plan.effects ?? []), ...notices]) tx.effect(target, body);
      tx.remember(plan.answer);
      if (plan.happenings.length > 0) this.record(tx, plan.happenings, plan.changes, plan.news);
    });
    // Durable from here on: if D1 fails now, the change waits in order and arrives when D1 is back.
    await this.flush();
    await this.deliverEffects();
    return ok(plan.answer);
  }

  /** Part of a commit. Throws on what does not continue its chain. */
  #take({ source, entries, changes }: Shipment): Taken {
    const head = this.headOf(source) ?? { seq: 0, hash: GENESIS };
    const fresh = entries.filter(({ entry }) => entry.seq > head.seq);
    const last = fresh.at(-1);
    if (last === undefined) return { acknowledged: head.seq };
    assertContinues(this.place.workspace, source, head, fresh);
    this.advance(source, { seq: last.entry.seq, hash: last.hash });
    return { acknowledged: last.entry.seq, pending: { entries: fresh, changes, configuration: [] } };
  }

  // --- flush

  protected override flush(): Promise<boolean> {
    return this.#flushes.take(() => this.#run());
  }

  async #run(): Promise<boolean> {
    if (Date.now() < this.#notBefore) return false;
    for (;;) {
      const batch = this.exists ? this.#owed.next() : undefined;
      if (batch === undefined) return true;
      try {
        const flush = await withRestored(this.env.DB, batch.flush, batch.lost);
        await this.env.DB.batch(flushStatements(this.env.DB, this.place.workspace, flush));
      } catch (thrown) {
        return this.#failed(thrown);
      }
      this.#failures = 0;
      this.#notBefore = 0;
      this.commit(housekeeper(this.place.workspace), (tx) => {
        this.#owed.drop(tx, batch.numbers);
        for (const { target, body } of batch.news) tx.effect(target, body);
        if (this.#owed.isEmpty) tx.timer(FLUSH_TIMER, undefined);
        this.keepPushed(tx);
      });
      this.publishFlushed(batch.flush.entries);
      if (batch.more) await giveWay();
    }
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

  protected override async onTimer(name: string, now: number): Promise<void> {
    if (await this.operate(name, now)) return;
    this.#notBefore = 0;
    if (!(await this.flush())) return;
    // Something may have been accepted since the flush looked for the last time.
    this.commit(housekeeper(this.place.workspace), (tx) => {
      tx.timer(FLUSH_TIMER, this.#owed.isEmpty ? undefined : tx.now + FLUSH_SWEEP_MS);
    });
  }

  protected override owe(tx: Commit, ...given: readonly Pending[]): void {
    if (this.#owed.add(tx, given)) tx.timerBy(FLUSH_TIMER, tx.now + FLUSH_SWEEP_MS);
  }

  protected override advance(source: string, { seq, hash }: { readonly seq: number; readonly hash: string }): void {
    this.ctx.storage.sql.exec("INSERT OR REPLACE INTO heads VALUES (?, ?, ?)", source, seq, hash);
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
