/** The workspace's dispatch: the APPROVED tasks that wait for an agent, and which agent was offered which. */
import { Actor } from "../actor/actor.ts";
import type { Caller } from "../actor/caller.ts";
import type { Commit } from "../actor/commit.ts";
import { ok, type Result } from "../actor/result.ts";
import { agentOf } from "../agents/agent-api.ts";
import { activeAgents } from "../agents/stored-agent.ts";
import type { Env } from "../env.ts";
import type { ClaimCommand, DispatchApi, DispatchEffect, Offered, ReadyTask } from "./dispatch-api.ts";
import { nextChangeAt, nextFor, OFFER_MS, type Offer } from "./dispatch-queue.ts";
import { ReadyNews } from "./ready-news.ts";
import type { ApplyAnswer } from "./task-api.ts";

/** An execution takes an hour at most: whatever was granted longer ago is over, whether or not it was ever claimed. */
const GRANTED_MS = 60 * 60 * 1000;

interface Waiting {
  readonly command: ClaimCommand;
  readonly give: (taskId: string | null) => void;
}

/** Locks that came after a wait; `at` in ms. */
interface Granted {
  readonly agent_id: string;
  readonly at: number;
}

export class DispatchActor extends Actor implements DispatchApi {
  readonly #ready = new Map<string, ReadyTask>();
  /** Memory only: after a crash an offer is as good as lapsed, and the task itself refuses a second agent. */
  readonly #offers = new Map<string, Offer>();
  /** Tasks whose locks came after a wait, by the agent that will find them with its next claim. */
  readonly #granted = new Map<string, Granted>();
  /** Claims held open, longest waiting first. */
  readonly #waiting = new Set<Waiting>();
  readonly #news: ReadyNews;
  #alarm: ReturnType<typeof setTimeout> | undefined;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.identify("dispatch");
    this.#news = new ReadyNews({
      waiting: (taskId) => (this.#isOffered(taskId) ? undefined : this.#ready.get(taskId)),
      candidates: () => activeAgents(env.DB, this.place.workspace),
      tell: (id, notes) => agentOf(env, this.place.workspace, id).tellReady(`agent:${id}`, notes),
    });
    if (!this.exists) return;
    for (const row of ctx.storage.sql.exec<{ body: string }>("SELECT body FROM ready")) {
      const task = JSON.parse(row.body) as ReadyTask;
      this.#ready.set(task.task_id, task);
      // Those before may have died before they told.
      this.#news.add(task);
    }
    for (const row of ctx.storage.sql.exec<{ task_id: string; agent_id: string; at: number }>(
      "SELECT * FROM granted",
    )) {
      const { task_id, ...granted } = row;
      this.#granted.set(task_id, granted);
    }
  }

  async claim(caller: Caller, command: ClaimCommand): Promise<Result<Offered | null>> {
    const replay = this.replayed<Offered>(caller);
    this.takeIn();
    const passedBy = replay?.ok && replay.value.task_id === command.after;
    if (replay !== undefined && !passedBy) return replay;
    const task_id = this.#offer(command, Date.now()) ?? (await this.#wait(command));
    if (task_id === null) return ok(null);
    const granted = this.#granted.has(task_id);
    if (granted || caller.idempotency !== undefined) {
      this.commit(caller, (tx) => {
        // Handed over: after an eviction it must not be handed over again.
        if (granted) this.#forget(tx, task_id);
        tx.remember({ task_id } satisfies Offered);
      });
    }
    return ok({ task_id });
  }

  async claimed(caller: Caller, answer: ApplyAnswer): Promise<void> {
    this.commit(caller, (tx) => tx.remember({ task_id: answer.task.id, answer } satisfies Offered));
  }

  protected override get migrations(): readonly string[] {
    return [
      `CREATE TABLE ready (task_id TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT, WITHOUT ROWID;
       CREATE TABLE granted (task_id TEXT PRIMARY KEY, agent_id TEXT NOT NULL) STRICT, WITHOUT ROWID;`,
      "ALTER TABLE granted ADD COLUMN at INTEGER NOT NULL DEFAULT 0;",
    ];
  }

  protected override receive(tx: Commit, _caller: Caller, source: string, body: unknown): void {
    const effect = body as DispatchEffect;
    const { sql } = this.ctx.storage;
    switch (effect.do) {
      case "task.ready": {
        const { task } = effect;
        this.#forget(tx, task.task_id);
        sql.exec("INSERT INTO ready VALUES (?, ?)", task.task_id, JSON.stringify(task));
        tx.afterwards(() => {
          this.#ready.set(task.task_id, task);
          this.#serve();
          if (!this.#isOffered(task.task_id)) this.#news.add(task);
        });
        return;
      }
      case "task.gone":
        this.#forget(tx, effect.task_id);
        return;
      case "task.granted": {
        const { task_id, agent_id } = effect;
        for (const [old, { at }] of this.#granted) if (at < tx.now - GRANTED_MS) this.#forget(tx, old);
        this.#forget(tx, task_id);
        sql.exec("INSERT INTO granted (task_id, agent_id, at) VALUES (?, ?, ?)", task_id, agent_id, tx.now);
        tx.afterwards(() => {
          this.#granted.set(task_id, { agent_id, at: tx.now });
          this.#serve();
        });
        return;
      }
      case "agent.draining":
        tx.afterwards(() => {
          for (const waiting of [...this.#waiting]) {
            if (waiting.command.agent_id === effect.agent_id) waiting.give(null);
          }
        });
        return;
      default:
        throw new Error(`the dispatch knows no such effect of ${source}`);
    }
  }

  /** Whoever claims takes in what waits; one that is gone refuses whoever comes before the dispatch knows. */
  protected override mayWait(body: unknown): boolean {
    const effect = body as DispatchEffect;
    return effect.do === "task.gone" || (effect.do === "task.ready" && this.#waiting.size === 0);
  }

  protected override onTimer(name: string): void {
    throw new Error(`the dispatch has no timer ${name}`);
  }

  #forget(tx: Commit, taskId: string): void {
    const { sql } = this.ctx.storage;
    sql.exec("DELETE FROM ready WHERE task_id = ?", taskId);
    sql.exec("DELETE FROM granted WHERE task_id = ?", taskId);
    tx.afterwards(() => {
      this.#ready.delete(taskId);
      this.#offers.delete(taskId);
      this.#granted.delete(taskId);
    });
  }

  /** What this agent gets now: first what its own waiting applies were granted, then the queue. */
  #offer(command: ClaimCommand, now: number): string | null {
    for (const [taskId, { agent_id }] of this.#granted) {
      if (agent_id === command.agent_id && !this.#offers.has(taskId)) return this.#reserve(taskId, command, now);
    }
    if (command.granted_only) return null;
    const next = nextFor({ ready: this.#ready, offers: this.#offers }, command, now);
    return next === undefined ? null : this.#reserve(next.task_id, command, now);
  }

  #isOffered(taskId: string): boolean {
    return (this.#offers.get(taskId)?.until ?? 0) > Date.now();
  }

  #reserve(taskId: string, { agent_id }: ClaimCommand, now: number): string {
    this.#offers.set(taskId, { agent_id, until: now + OFFER_MS });
    return taskId;
  }

  #wait(command: ClaimCommand): Promise<string | null> {
    if (command.wait_ms <= 0) return Promise.resolve(null);
    return new Promise((resolve) => {
      const waiting: Waiting = {
        command,
        give: (taskId) => {
          clearTimeout(timeout);
          this.#waiting.delete(waiting);
          resolve(taskId);
        },
      };
      const timeout = setTimeout(() => waiting.give(null), command.wait_ms);
      this.#waiting.add(waiting);
      this.#wakeLater();
    });
  }

  /** Gives open claims what there is, longest waiting first. */
  #serve(): void {
    const now = Date.now();
    for (const waiting of [...this.#waiting]) {
      const taskId = this.#offer(waiting.command, now);
      if (taskId !== null) waiting.give(taskId);
    }
    this.#wakeLater();
  }

  /** Only while somebody waits: a task whose pause ends, or whose offer lapses, is theirs at once. */
  #wakeLater(): void {
    clearTimeout(this.#alarm);
    if (this.#waiting.size === 0) return;
    const now = Date.now();
    const at = nextChangeAt({ ready: this.#ready, offers: this.#offers }, now);
    if (at !== undefined) this.#alarm = setTimeout(() => this.#serve(), at - now);
  }
}
