/** The base of every actor: commit, journal, effects, timers (01-architecture, "The actor kit"), and nothing else. */
import { DurableObject } from "cloudflare:workers";
import type { ReadModelChange } from "../db/read-model.ts";
import type { Env } from "../env.ts";
import { causeOf, log } from "../log.ts";
import type { EventBody } from "../realtime/channel-api.ts";
import type { ActorApi } from "./actor-api.ts";
import { Alarm } from "./alarm.ts";
import type { Caller } from "./caller.ts";
import { Commit, housekeeper, type MadeEvent, REPLAY_MS } from "./commit.ts";
import { type ActorPlace, placeOf } from "./ids.ts";
import { Intake } from "./intake.ts";
import type { ChainedEntry, Entry } from "./journal.ts";
import type { LedgerIntake, Shipment } from "./ledger-api.ts";
import { EFFECTS_SWEEP_MS, EFFECTS_TIMER, type EffectRow, Outbox, type Receipt } from "./outbox.ts";
import { type ActorKey, actorOf } from "./remote.ts";
import { fail, type Result } from "./result.ts";
import { SHIP_SWEEP_MS, SHIP_TIMER, Shipping } from "./shipping.ts";
import { CALL_CHARS, type Counters, isSameCount, newCounters, Storage } from "./storage.ts";
import { backoffMs, stands, type Timer } from "./timers.ts";
import { atMost } from "./within.ts";

/** Marks of sources that have been silent this long are forgotten. */
const MARK_MS = 24 * 60 * 60 * 1000;
/** How long who changed something waits until others have heard of it: one who does not answer holds up nobody. */
const DELIVERY_MS = 2_000;
/** Entries at least kept by actors that do not keep their whole journal (05-realtime-and-audit). */
const KEPT_ENTRIES = 1_000;
/** Older ones are forgotten that many at a time: the journal is not scanned at every commit. */
const FORGET_EVERY = 100;

export abstract class Actor extends DurableObject<Env> implements ActorApi {
  protected readonly place: ActorPlace;
  protected readonly store: Storage;
  #key: ActorKey | undefined;
  #counters: Counters | undefined;
  readonly #alarm: Alarm;
  /** Timers whose handler runs right now, as they stood when they rang. */
  readonly #ringing = new Map<string, Timer>();
  /** What the ledger acknowledged; the next commit writes it down. Lost in a crash, it costs a shipment that the ledger drops. */
  #safe = 0;
  /** The last member that was handed out since this object woke, whether or not a commit has counted it yet. */
  #handedOut = 0;
  #committing = false;
  #intake: Intake | undefined;
  #outbox: Outbox | undefined;
  #shipping: Shipping | undefined;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.place = placeOf(ctx.id.name);
    this.store = new Storage(ctx.storage.sql);
    this.#alarm = new Alarm(ctx.storage);
    if (!this.store.exists()) return;
    ctx.storage.transactionSync(() => this.store.upgrade(this.migrations));
    this.#load();
    if (this.#alarm.timers.size > 0) void ctx.blockConcurrencyWhile(() => this.#alarm.recover(Date.now()));
  }

  // --- what an actor says of itself

  /** The actor's own tables: an append-only list, run once each. Read before the constructor is done. */
  protected abstract get migrations(): readonly string[];
  /** Applies one effect. Called in a commit, once per effect; a throw is a bug and holds up this source only. */
  protected abstract receive(tx: Commit, caller: Caller, source: ActorKey, body: unknown): void;
  /** Handles a due timer: moves or clears it in a commit of its own. A throw is retried with backoff. */
  protected abstract onTimer(name: string, now: number): Promise<void> | void;

  /** The read-model rows that these entries touched, from the state as it is now. */
  protected project(_entries: readonly ChainedEntry[]): readonly ReadModelChange[] {
    return [];
  }

  /** What the actor's channel says of an entry, if anything: always the same of the same entry. */
  protected eventOf(_entry: Entry): EventBody | null {
    return null;
  }

  /** Called with the events of a commit, once it stands. */
  protected publish(_events: readonly MadeEvent[]): void {}

  /** Rows that stand in the read models though no entry that is still kept may name them. */
  protected standing(): readonly ReadModelChange[] {
    return [];
  }

  /** Called some seconds after the last audited change, in the commit that clears up after it: for timers that nothing needs any more. */
  protected clearUp(_tx: Commit): void {}

  /** Whether acknowledged entries are ever forgotten. */
  protected get keepsWholeJournal(): boolean {
    return false;
  }

  protected sendShipment(shipment: Shipment): Promise<{ readonly acknowledged: number }> {
    return actorOf<LedgerIntake>(this.env, this.place.workspace, "config").accept(shipment);
  }

  /** Whether an effect asks nobody to do anything: it may wait for others to be applied in one commit, by storage alone. */
  protected mayWait(_body: unknown): boolean {
    return false;
  }

  // --- identity

  protected get exists(): boolean {
    return this.#counters !== undefined;
  }

  /** seq of the last event of the actor's channel; 0 before the first. */
  protected get lastEvent(): number {
    return this.#counters?.event_seq ?? 0;
  }

  /** The full key that this actor stands for; known from its first commit or from {@link identify}. */
  protected get key(): ActorKey {
    const key = this.#counters?.key ?? this.#key;
    if (key === undefined) throw new Error("an actor was used before it was told its key");
    return key;
  }

  /** Tells the actor its full key; false if it already stands for another one, whose state it must not show. */
  protected identify(key: ActorKey): boolean {
    const known = this.#counters?.key ?? this.#key;
    if (known !== undefined) return known === key;
    this.#key = key;
    return true;
  }

  /** The member that {@link member} will hand out next. */
  protected get nextMember(): number {
    return Math.max(this.#counters?.members ?? 0, this.#handedOut) + 1;
  }

  /** A member for an id within this actor; the next commit counts it, whoever's that is. One that is not used leaves a gap. */
  protected member(): number {
    this.#handedOut = this.nextMember;
    return this.#handedOut;
  }

  // --- commit

  /**
   * Runs `work` (never async, never nested) in one storage transaction; throws (a bug) leave nothing behind. Memory must be
   * changed after it, not in it.
   */
  protected commit<T>(caller: Caller, work: (tx: Commit) => T, now = Date.now()): T {
    if (this.#committing) throw new Error("a commit was begun within another");
    this.#committing = true;
    const handedOut = this.#handedOut;
    let done: { tx: Commit; value: T };
    try {
      done = this.ctx.storage.transactionSync(() => this.#transact(caller, work, now));
    } catch (thrown) {
      this.#handedOut = handedOut;
      this.#load();
      throw thrown;
    } finally {
      this.#committing = false;
    }
    for (const followUp of done.tx.followUps) followUp();
    this.#outbox?.settled();
    if (done.tx.audited) this.#ships().poke();
    if (done.tx.events.length > 0) this.publish(done.tx.events);
    if (done.tx.effects.size > 0) this.ctx.waitUntil(this.#effects().enqueued(now, done.tx.effects));
    return done.value;
  }

  #transact<T>(caller: Caller, work: (tx: Commit) => T, now: number): { tx: Commit; value: T } {
    const counters = this.#begin();
    counters.shipped = Math.max(counters.shipped, this.#safe);
    const tx = new Commit(this.place.workspace, caller, now, {
      store: this.store,
      counters,
      timers: this.#alarm.timers,
      ringing: this.#ringing,
      member: () => this.member(),
      eventOf: (entry) => this.eventOf(entry),
    });
    try {
      this.#outbox?.settle(this.store);
      const value = work(tx);
      // The transaction would end before the work does.
      if (value instanceof Promise) throw new Error("a commit takes no async work");
      if (counters.head_seq > counters.shipped) tx.timerBy(SHIP_TIMER, now + SHIP_SWEEP_MS);
      if (tx.effects.size > 0) tx.timerBy(EFFECTS_TIMER, now + EFFECTS_SWEEP_MS);
      this.#forget(counters);
      counters.members = this.nextMember - 1;
      // A heartbeat counts nothing.
      if (this.#counters === undefined || !isSameCount(counters, this.#counters)) this.store.saveCounters(counters);
      this.#counters = counters;
      this.#alarm.arm(now);
      return { tx, value };
    } finally {
      tx.close();
    }
  }

  /** The stored answer of a request that was served before, or undefined if it is new (02, "Idempotency"). */
  protected replayed<T>(caller: Caller): Result<T> | undefined {
    if (caller.idempotency === undefined || !this.exists) return undefined;
    const { scope, hash } = caller.idempotency;
    const stored = this.store.replay<T>(scope);
    if (stored === undefined || stored.at < Date.now() - REPLAY_MS) return undefined;
    if (stored.hash !== hash) {
      return fail("IDEMPOTENCY_KEY_REUSED", "this Idempotency-Key was used with another request body");
    }
    return { ok: true, value: stored.answer, replayed: true };
  }

  /** Delivers what is owed now (to `targets`, default all). False if they were not reached in time: then it goes on by itself. */
  protected async deliverEffects(targets?: Iterable<ActorKey>): Promise<boolean> {
    return (await atMost(DELIVERY_MS, this.#effects().drain(Date.now(), targets))) ?? false;
  }

  /** Applies the effects that wait for others: for whoever reads what they are about. */
  protected takeIn(): void {
    this.#intake?.flush();
  }

  // --- RPC of every actor

  async deliver(to: ActorKey, source: ActorKey, rows: readonly EffectRow[]): Promise<Receipt> {
    if (!this.identify(to)) return { acked: 0, failed: "the address belongs to another key" };
    return this.#takes().take(source, rows);
  }

  head(): { readonly seq: number; readonly hash: string } | null {
    const counters = this.#counters;
    return counters === undefined || counters.head_seq === 0
      ? null
      : { seq: counters.head_seq, hash: counters.head_hash };
  }

  chain(after: number, limit: number): ChainedEntry[] {
    return this.exists ? this.store.chain(after, limit, CALL_CHARS) : [];
  }

  async ship(): Promise<boolean> {
    return this.exists ? this.#ships().ship() : true;
  }

  recount(after: number, limit: number): Pick<Shipment, "entries" | "changes"> {
    if (!this.exists) return { entries: [], changes: [] };
    const entries = this.store.chain(after, limit, CALL_CHARS);
    const isLast = (entries.at(-1)?.entry.seq ?? after) >= (this.#counters?.head_seq ?? 0);
    return { entries, changes: [...this.project(entries), ...(isLast ? this.standing() : [])] };
  }

  // --- timers

  override async alarm(rung?: AlarmInvocationInfo): Promise<void> {
    const now = Date.now();
    await this.#alarm.handle(now, rung?.scheduledTime, callsOthers, (timer) => this.#ring(timer, now));
  }

  async #ring(timer: Timer, now: number): Promise<void> {
    const { name } = timer;
    // One that rang before it may have moved or cleared it.
    if (!stands(this.#alarm.timers.get(name), timer)) return;
    this.#ringing.set(name, timer);
    try {
      if (name === SHIP_TIMER) await this.#sweepShipping(now);
      else if (name === EFFECTS_TIMER) await this.#sweepEffects(now);
      else await this.onTimer(name, now);
      // A handler that neither moved nor cleared its timer is done with it.
      if (stands(this.#alarm.timers.get(name), timer)) this.#housekeep((tx) => tx.timer(name, undefined));
    } catch (thrown) {
      const attempts = timer.attempts + 1;
      if (attempts === 1)
        log("error", "timer.failed", { actor: this.#counters?.key, timer: name, cause: causeOf(thrown) });
      this.#housekeep((tx) => tx.retry(name, Date.now() + backoffMs(attempts, Math.random()), attempts));
    } finally {
      this.#ringing.delete(name);
    }
  }

  async #sweepShipping(now: number): Promise<void> {
    if (this.#waiting() > 0) {
      this.#housekeep((tx) => tx.timer(SHIP_TIMER, now + SHIP_SWEEP_MS));
      await this.#ships().ship();
    }
    // Most often all was acknowledged long ago, and this is the commit that writes it down.
    this.#housekeep((tx) => {
      if (this.#waiting() === 0) tx.timer(SHIP_TIMER, undefined);
      if (!tx.store.owes()) tx.timer(EFFECTS_TIMER, undefined);
      this.clearUp(tx);
    });
  }

  async #sweepEffects(now: number): Promise<void> {
    let owes = false;
    this.#housekeep((tx) => {
      owes = tx.store.owes();
      tx.timer(EFFECTS_TIMER, owes ? now + EFFECTS_SWEEP_MS : undefined);
    });
    if (!owes) return;
    await this.#effects().drain(now);
    this.#housekeep((tx) => tx.timer(EFFECTS_TIMER, this.#effects().nextTry(tx.store.targets(), tx.now)));
  }

  // --- internals

  #housekeep(work: (tx: Commit) => void): void {
    this.commit(housekeeper(this.place.workspace), work);
  }

  #begin(): Counters {
    if (this.#counters !== undefined) return { ...this.#counters };
    this.store.createTables(this.migrations);
    return newCounters(this.key, this.migrations.length);
  }

  /** Forgets the journal's oldest entries; what the ledger did not acknowledge is kept whatever its age. */
  #forget(counters: Counters): void {
    const before = this.#counters?.seq ?? 0;
    if (this.keepsWholeJournal || Math.trunc(counters.seq / FORGET_EVERY) === Math.trunc(before / FORGET_EVERY)) return;
    const safe = counters.head_seq > counters.shipped ? counters.shipped : counters.seq;
    if (safe > KEPT_ENTRIES) this.store.prune(safe - KEPT_ENTRIES);
  }

  #load(): void {
    this.#counters = this.store.exists() ? this.store.counters() : undefined;
    this.#alarm.load(this.exists ? this.store.timers() : []);
  }

  get #shipped(): number {
    return Math.max(this.#counters?.shipped ?? 0, this.#safe);
  }

  #waiting(): number {
    return this.#counters === undefined ? 0 : Math.max(0, this.#counters.head_seq - this.#shipped);
  }

  #takes(): Intake {
    this.#intake ??= new Intake({
      commit: (caller, work) => this.commit(caller, work),
      receive: (tx, caller, source, body) => this.receive(tx, caller, source, body),
      mayWait: (body) => this.mayWait(body),
      markOf: (source) => (this.exists ? this.store.markOf(source) : 0),
      keepMarksFor: MARK_MS,
    });
    return this.#intake;
  }

  #effects(): Outbox {
    this.#outbox ??= new Outbox({
      source: this.key,
      store: this.store,
      send: (target, rows) => actorOf<ActorApi>(this.env, this.place.workspace, target).deliver(target, this.key, rows),
      retryAt: (dueAt) => this.#housekeep((tx) => tx.timerBy(EFFECTS_TIMER, dueAt)),
      parked: (target, isParked) => this.ctx.waitUntil(this.#tellParked(target, isParked)),
    });
    return this.#outbox;
  }

  /** For operators to see; the log has it in any case. */
  async #tellParked(target: ActorKey, isParked: boolean): Promise<void> {
    try {
      await actorOf<LedgerIntake>(this.env, this.place.workspace, "config").noteParked(this.key, target, isParked);
    } catch (thrown) {
      log("warn", "effect.parked_untold", { source: this.key, target, cause: causeOf(thrown) });
    }
  }

  #ships(): Shipping {
    this.#shipping ??= new Shipping({
      source: this.key,
      waiting: () => this.#waiting(),
      next: (limit) => this.#nextShipment(limit),
      send: (shipment) => this.sendShipment(shipment),
      acknowledged: (seq) => {
        this.#safe = Math.max(this.#safe, seq);
      },
      retryAt: (dueAt) => this.#housekeep((tx) => tx.timerBy(SHIP_TIMER, dueAt)),
    });
    return this.#shipping;
  }

  #nextShipment(limit: number): Shipment | undefined {
    const entries = this.store.chain(this.#shipped, limit, CALL_CHARS);
    if (entries.length === 0) return undefined;
    return { source: this.key, entries, changes: this.project(entries) };
  }
}

/** The kit's own timers wait for other actors. */
function callsOthers({ name }: Timer): boolean {
  return name === SHIP_TIMER || name === EFFECTS_TIMER;
}
