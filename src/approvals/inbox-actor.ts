/** The inbox of one reviewer: the requests that tasks addressed to them, open and closed. The tasks decide; this remembers. */
import type { Caller } from "../actor/caller.ts";
import { ChannelActor } from "../actor/channel-actor.ts";
import { type Commit, housekeeper } from "../actor/commit.ts";
import type { Entry } from "../actor/journal.ts";
import { fail, type Result } from "../actor/result.ts";
import type { Env } from "../env.ts";
import type { EventBody } from "../realtime/channel-api.ts";
import { isNotes, type NotesEffect, noted, noteIn } from "../realtime/notes.ts";
import type { BatchAnswer, BatchInput } from "./batch-contract.ts";
import { BatchCoordinator } from "./batch-coordinator.ts";
import { type BatchOutcome, whenAsked } from "./batch-outcome.ts";
import { BATCH_MIGRATION, BatchStore } from "./batch-store.ts";
import type { ApprovalRequest } from "./contract.ts";
import { approvalEventOf } from "./events.ts";
import type { InboxApi, InboxEffect, InboxPage, InboxQuery, ReviewerEffect } from "./inbox-api.ts";
import { remindAt, reminded } from "./reminder.ts";

const RANK = { URGENT: 0, HIGH: 1, NORMAL: 2, LOW: 3 } as const;
/** Closed requests that an inbox remembers; the trail keeps them all. */
const KEPT_CLOSED = 1_000;
/** Older ones are forgotten that many at a time: to find them, all are looked through. */
const FORGET_EVERY = 100;
const REMINDER_TIMER = "reminder";
/** Between reading who can be asked and asking them a task takes a second at most; this is generous. */
const ON_ITS_WAY_MS = 60_000;

/** Of the reviewer, as of the last word on it. */
interface Standing {
  readonly active: boolean;
  /** ms */
  readonly changed_at: number;
}

export class InboxActor extends ChannelActor implements InboxApi {
  readonly #batches: BatchStore;
  readonly #coordinator: BatchCoordinator;
  /** Batches under way, by the scope of their Idempotency-Key. */
  readonly #underWay = new Map<string, Promise<unknown>>();
  /** How many requests were closed since old ones were looked for; a new life begins by looking. */
  #closed = FORGET_EVERY;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#batches = new BatchStore(ctx.storage.sql);
    this.#coordinator = new BatchCoordinator({
      env,
      workspace: this.place.workspace,
      key: () => this.key,
      commit: (caller, work) => this.commit(caller, work),
      recorded: (batchId) => this.#recorded(batchId),
      record: (...given) => this.#batches.record(...given),
      delivered: (targets) => this.deliverEffects(targets),
    });
  }

  async list(key: string, query: InboxQuery): Promise<InboxPage> {
    if (!this.identify(key)) return { approvals: [], total: 0 };
    this.takeIn();
    if (!this.exists) return { approvals: [], total: 0 };
    const { sql } = this.ctx.storage;
    const where = `status IN (SELECT value FROM json_each(?1)) AND (?2 IS NULL OR task_id = ?2)`;
    const bindings = [JSON.stringify(query.status), query.task_id ?? null];
    const total = sql.exec<{ n: number }>(`SELECT count(*) AS n FROM requests WHERE ${where}`, ...bindings).one().n;
    const rows = sql
      .exec<{ body: string }>(
        `SELECT body FROM requests WHERE ${where} ORDER BY rank, created_at, id LIMIT ?3 OFFSET ?4`,
        ...bindings,
        query.limit,
        query.offset,
      )
      .toArray();
    return { approvals: rows.map((row) => JSON.parse(row.body) as InboxPage["approvals"][number]), total };
  }

  async decideBatch(key: string, caller: Caller, input: BatchInput): Promise<Result<BatchAnswer>> {
    if (!this.identify(key)) return fail("NOT_FOUND", `there is no ${key}`);
    const scope = caller.idempotency?.scope ?? crypto.randomUUID();
    while (this.#underWay.has(scope)) await this.#underWay.get(scope);
    const replay = this.replayed<BatchAnswer>(caller);
    if (replay !== undefined) return replay;
    const run = this.#coordinator.run(caller, input).finally(() => this.#underWay.delete(scope));
    this.#underWay.set(
      scope,
      run.catch(() => undefined),
    );
    return run;
  }

  async batchOutcome(key: string, batchId: string): Promise<BatchOutcome> {
    if (!this.identify(key)) throw new Error(`${key} is not here`);
    const recorded = this.#recorded(batchId);
    const outcome = whenAsked(recorded);
    if (recorded === undefined) {
      this.commit(housekeeper(this.place.workspace), (tx) => this.#batches.record(batchId, outcome, [], tx.now));
    }
    return outcome;
  }

  protected override get migrations(): readonly string[] {
    return [
      `CREATE TABLE requests (
         id TEXT PRIMARY KEY, task_id TEXT NOT NULL, status TEXT NOT NULL, rank INTEGER NOT NULL, created_at TEXT NOT NULL,
         body TEXT NOT NULL
       ) STRICT;
       CREATE INDEX requests_status ON requests (status, rank, created_at, id);`,
      BATCH_MIGRATION,
      `ALTER TABLE requests ADD COLUMN remind_at INTEGER;
       CREATE INDEX requests_remind ON requests (remind_at) WHERE remind_at IS NOT NULL;`,
    ];
  }

  /** What a user's inbox notes is what `user:{id}` tells. */
  protected override get channel(): string {
    return `user:${this.key.slice("inbox:".length)}`;
  }

  protected override eventOf(entry: Entry): EventBody | null {
    return noteIn(entry) ?? approvalEventOf(entry);
  }

  protected override receive(tx: Commit, _caller: Caller, source: string, body: unknown): void {
    if (isNotes(body)) {
      for (const note of body.notes) tx.journal(noted(note));
      return;
    }
    const effect = body as InboxEffect | ReviewerEffect;
    if (effect.do === "request.changed") this.#keep(tx, effect);
    else if (effect.do === "reviewer.changed") this.#tellTasks(tx, effect);
    else throw new Error(`an inbox knows no such effect of ${source}`);
  }

  /** A request is for somebody to act on; that it is closed, or how their own change fares, is for whoever listens. */
  protected override mayWait(body: unknown): boolean {
    const effect = body as NotesEffect | InboxEffect | ReviewerEffect;
    const isOpen = effect.do === "request.changed" && effect.request.status === "PENDING";
    return effect.do !== "reviewer.changed" && !isOpen && !this.isHeard(Date.now());
  }

  #keep(tx: Commit, { request, task, notes = [] }: InboxEffect): void {
    for (const note of notes) tx.journal(noted(note));
    const { sql } = this.ctx.storage;
    const open = request.status === "PENDING";
    // Once per request: one that is known already was reminded of, or will be.
    sql.exec(
      `INSERT INTO requests VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET
         status = excluded.status, rank = excluded.rank, body = excluded.body,
         remind_at = CASE excluded.status WHEN 'PENDING' THEN remind_at END`,
      request.id,
      request.task_id,
      request.status,
      RANK[request.priority],
      request.created_at,
      JSON.stringify({ ...request, task }),
      open ? remindAt(request) : null,
    );
    if (open) {
      tx.timerBy(REMINDER_TIMER, Math.max(tx.now, remindAt(request)));
      this.#bounce(tx, request);
      return;
    }
    this.#forgetOld(tx);
  }

  #forgetOld(tx: Commit): void {
    const isDue = this.#closed >= FORGET_EVERY;
    tx.afterwards(() => {
      this.#closed = isDue ? 0 : this.#closed + 1;
    });
    if (!isDue) return;
    this.ctx.storage.sql.exec(
      `DELETE FROM requests WHERE id IN (
         SELECT id FROM requests WHERE status <> 'PENDING' ORDER BY created_at DESC LIMIT -1 OFFSET ?)`,
      KEPT_CLOSED,
    );
  }

  /** A request that was on its way when its reviewer left, or lost a role, goes back to its task for another look. */
  #bounce(tx: Commit, { task_id, reviewer_id, created_at }: ApprovalRequest): void {
    const known = tx.store.read<Standing>("standing");
    if (known === undefined) return;
    if (known.active && Date.parse(created_at) > known.changed_at + ON_ITS_WAY_MS) return;
    const effect: ReviewerEffect = { do: "reviewer.changed", reviewer_id, active: known.active };
    tx.effect(`task:${task_id}`, effect);
  }

  #tellTasks(tx: Commit, effect: ReviewerEffect): void {
    const standing: Standing = { active: effect.active, changed_at: tx.now };
    tx.store.write("standing", standing);
    const asking = this.ctx.storage.sql.exec<{ task_id: string }>(
      "SELECT DISTINCT task_id FROM requests WHERE status = 'PENDING'",
    );
    for (const { task_id } of asking.toArray()) tx.effect(`task:${task_id}`, effect);
  }

  protected override onTimer(name: string, now: number): void {
    if (name !== REMINDER_TIMER) throw new Error(`an inbox has no timer ${name}`);
    const { sql } = this.ctx.storage;
    this.commit(
      housekeeper(this.place.workspace),
      (tx) => {
        const due = sql.exec<{ body: string }>(
          "UPDATE requests SET remind_at = NULL WHERE remind_at <= ? RETURNING body",
          now,
        );
        for (const { body } of due.toArray()) tx.journal(reminded(JSON.parse(body) as ApprovalRequest));
        const next = sql.exec<{ at: number | null }>("SELECT min(remind_at) AS at FROM requests").one().at;
        tx.timer(REMINDER_TIMER, next ?? undefined);
      },
      now,
    );
  }

  #recorded(batchId: string): BatchOutcome | undefined {
    return this.exists ? this.#batches.outcome(batchId) : undefined;
  }
}
