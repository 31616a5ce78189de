/** One agent: when it was last heard of, and its permits (the agent lock, a counting lock of `max_tasks`). */
import { type Caller, hasRole } from "../actor/caller.ts";
import type { Commit } from "../actor/commit.ts";
import { fail, ok, type Result } from "../actor/result.ts";
import { LockActor } from "../locks/lock-actor.ts";
import type { AcquireCommand } from "../locks/lock-api.ts";
import * as rules from "../locks/lock-book.ts";
import { type LockName, taskOfSession } from "../locks/lock-table.ts";
import type { AgentApi, AgentEffect, AgentPresence, Beat } from "./agent-api.ts";
import { presenceStatus } from "./presence.ts";

interface Settings {
  readonly max_tasks: number;
  readonly heartbeat_interval_seconds: number;
  readonly removed: boolean;
}

interface LastBeat extends Beat {
  /** ms */
  readonly at: number;
  readonly location?: { readonly colo?: string; readonly country?: string };
}

export class AgentActor extends LockActor implements AgentApi {
  async beat(caller: Caller, key: string, beat: Beat): Promise<Result<AgentPresence>> {
    if (!this.identify(key)) return fail("AGENT_NOT_FOUND", "there is no such agent");
    const settings = await this.#settings();
    if (settings === undefined) return fail("AGENT_NOT_FOUND", "there is no such agent");
    const { colo, country } = caller.where;
    const now = Date.now();
    const last: LastBeat = {
      at: now,
      ...(beat.status !== undefined && { status: beat.status }),
      ...(beat.metrics !== undefined && { metrics: beat.metrics }),
      location: { ...(colo !== undefined && { colo }), ...(country !== undefined && { country }) },
    };
    this.commit(caller, (tx) => tx.store.write("beat", last), now);
    return ok(this.#presence(settings, last, now));
  }

  async presence(key: string): Promise<AgentPresence> {
    const now = Date.now();
    const nobody = { max_tasks: 0, heartbeat_interval_seconds: 1, removed: true };
    if (!this.identify(key)) return this.#presence(nobody, undefined, now);
    const last = this.exists ? this.store.read<LastBeat>("beat") : undefined;
    return this.#presence((await this.#settings()) ?? nobody, last, now);
  }

  async activeTasks(key: string): Promise<readonly string[]> {
    if (!this.identify(key)) return [];
    this.settleLock(Date.now());
    return this.book.holders.flatMap((lease) => taskOfSession(lease.session_id) ?? []);
  }

  protected override get lockName(): LockName {
    return { resource_type: "agent", resource_id: this.key.slice("agent:".length) };
  }

  protected override get initialCapacity(): number {
    return 1;
  }

  protected override async admit(caller: Caller, command: AcquireCommand): Promise<Result<null>> {
    const id = this.lockName.resource_id;
    const { who } = caller;
    // A permit stands for work that this agent takes on: nobody else may use them up (02, roles).
    const own = (who.kind === "agent" && who.id === id) || hasRole(who, "admin");
    const forTask = taskOfSession(command.session_id) !== undefined;
    if (!own && !forTask) return fail("FORBIDDEN", "only that agent or an admin may take its permits");
    const settings = await this.#settings();
    if (settings === undefined) return fail("AGENT_NOT_FOUND", `there is no agent ${id}`);
    if (this.book.capacity !== settings.max_tasks) this.#resize(caller, settings.max_tasks);
    return ok(null);
  }

  protected override async present(): Promise<Result<null>> {
    const settings = await this.#settings();
    return settings === undefined
      ? fail("AGENT_NOT_FOUND", `there is no agent ${this.lockName.resource_id}`)
      : ok(null);
  }

  protected override get ownMigrations(): readonly string[] {
    return [];
  }

  protected override receiveOther(tx: Commit, _caller: Caller, source: string, body: unknown): void {
    const effect = body as AgentEffect;
    switch (effect.do) {
      case "configured": {
        const { max_tasks, heartbeat_interval_seconds } = effect;
        tx.store.write("settings", { max_tasks, heartbeat_interval_seconds, removed: false } satisfies Settings);
        this.applyWithin(tx, rules.setCapacity(this.book, max_tasks, tx.now));
        return;
      }
      case "removed":
        tx.store.write("settings", { max_tasks: 1, heartbeat_interval_seconds: 1, removed: true } satisfies Settings);
        tx.store.erase("beat");
        this.#releaseAll(tx);
        return;
      default:
        throw new Error(`an agent knows no such effect of ${source}`);
    }
  }

  protected override onOtherTimer(name: string): void {
    throw new Error(`an agent has no timer ${name}`);
  }

  /** What the configuration says; read from D1 once if the ledger's word has not come yet. Undefined: no such agent. */
  async #settings(): Promise<Settings | undefined> {
    const stored = this.exists ? this.store.read<Settings>("settings") : undefined;
    if (stored !== undefined) return stored.removed ? undefined : stored;
    const row = await this.env.DB.prepare(
      "SELECT max_tasks, heartbeat_interval_seconds FROM agents WHERE workspace = ?1 AND id = ?2",
    )
      .bind(this.place.workspace, this.lockName.resource_id)
      .first<{ max_tasks: number; heartbeat_interval_seconds: number }>();
    return row === null ? undefined : { ...row, removed: false };
  }

  #resize(caller: Caller, capacity: number): void {
    const now = Date.now();
    const step = rules.setCapacity(this.book, capacity, now);
    this.commit(caller, (tx) => this.applyWithin(tx, step), now);
  }

  /** A removed agent works on nothing: each holder and waiter loses its permit, and tasks are told. */
  #releaseAll(tx: Commit): void {
    let book = this.book;
    const events: rules.LockEvent[] = [];
    const touched: number[] = [];
    for (const { member } of [...book.queue, ...book.holders]) {
      const step = rules.release(book, member, tx.now, { forced: true });
      book = step.book;
      events.push(...step.events);
      touched.push(...step.touched);
    }
    this.applyWithin(tx, { book, events, touched, value: undefined });
  }

  #presence(settings: Settings, last: LastBeat | undefined, now: number): AgentPresence {
    const version = last?.metrics?.version;
    return {
      status: presenceStatus(last?.at, settings.heartbeat_interval_seconds * 1000, now),
      ...(last !== undefined && { last_heartbeat_at: new Date(last.at).toISOString() }),
      ...(last?.location !== undefined && { location: last.location }),
      active_tasks: this.book.holders.filter((lease) => lease.expires_at > now).length,
      max_tasks: settings.max_tasks,
      ...(typeof version === "string" && { version }),
    };
  }
}
