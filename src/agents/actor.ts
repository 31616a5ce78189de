/** One agent: when it was last heard of, and its permits (the agent lock, a counting lock of `max_tasks`). */
import { type Caller, hasRole } from "../actor/caller.ts";
import { type Commit, housekeeper } from "../actor/commit.ts";
import type { Entry } from "../actor/journal.ts";
import { fail, ok, type Result } from "../actor/result.ts";
import type { Lock } from "../locks/contract.ts";
import { LockActor } from "../locks/lock-actor.ts";
import type { AcquireCommand } from "../locks/lock-api.ts";
import * as rules from "../locks/lock-book.ts";
import { type LockName, taskOfSession } from "../locks/lock-table.ts";
import type { EventBody } from "../realtime/channel-api.ts";
import { type NotesEffect, noted, noteIn } from "../realtime/notes.ts";
import type { AgentApi, AgentEffect, AgentPresence, Beat, Beaten, CommandEffect } from "./agent-api.ts";
import { commanded, due, type Standing, understood } from "./commands.ts";
import { presenceEventOf } from "./events.ts";
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
  async beat(caller: Caller, key: string, beat: Beat): Promise<Result<Beaten>> {
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
    return ok({ presence: this.#presence(settings, last, now), commands: due(this.#standing(), this.#isOver(now)) });
  }

  async presence(key: string): Promise<AgentPresence> {
    const now = Date.now();
    const nobody = { max_tasks: 0, heartbeat_interval_seconds: 1, removed: true };
    if (!this.identify(key)) return this.#presence(nobody, undefined, now);
    const last = this.#lastBeat();
    return this.#presence((await this.#settings()) ?? nobody, last, now);
  }

  async activeTasks(key: string): Promise<readonly string[]> {
    if (!this.identify(key)) return [];
    this.settleLock(Date.now());
    return this.book.holders.flatMap((lease) => taskOfSession(lease.session_id) ?? []);
  }

  /** Whoever keeps a permit alive knows what it is for. */
  override async heartbeat(caller: Caller, member: number, extensionMs: number): Promise<Result<Lock>> {
    const beaten = await super.heartbeat(caller, member, extensionMs);
    const session = this.book.holders.find((lease) => lease.member === member)?.session_id;
    const standing = this.#standing();
    const left = session === undefined ? standing : understood(standing, session);
    if (beaten.ok && left.length < standing.length) this.commit(caller, (tx) => tx.store.write("commands", left));
    return beaten;
  }

  async tellReady(key: string, notes: readonly EventBody[]): Promise<boolean> {
    if (!this.identify(key)) return false;
    const settings = await this.#settings();
    if (settings === undefined) return false;
    const now = Date.now();
    const last = this.#lastBeat();
    const { status, active_tasks, max_tasks } = this.#presence(settings, last, now);
    const isThere = status === "online" || this.isWatched(now);
    const isIdle = active_tasks < max_tasks && last?.status !== "draining";
    if (isThere && isIdle) {
      this.commit(housekeeper(this.place.workspace), (tx) => {
        for (const note of notes) tx.journal(noted(note));
      });
    }
    return isThere && isIdle;
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

  protected override eventOf(entry: Entry): EventBody | null {
    return noteIn(entry) ?? presenceEventOf(entry) ?? super.eventOf(entry);
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
    const effect = body as AgentEffect | CommandEffect | NotesEffect;
    switch (effect.do) {
      case "notes":
        for (const note of effect.notes) tx.journal(noted(note));
        return;
      case "command": {
        const { session_id, command, notes } = effect;
        // Over already: nobody has to begin any more.
        if (this.#isOver(tx.now)(session_id)) return;
        tx.store.write("commands", commanded(this.#standing(), { session_id, command }, this.#isOver(tx.now)));
        for (const note of notes) tx.journal(noted(note));
        return;
      }
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

  #lastBeat(): LastBeat | undefined {
    return this.exists ? this.store.read<LastBeat>("beat") : undefined;
  }

  #standing(): readonly Standing[] {
    return (this.exists ? this.store.read<readonly Standing[]>("commands") : undefined) ?? [];
  }

  /** Whether a session's permit has ended, and with it what it was commanded. */
  #isOver(now: number): (sessionId: string) => boolean {
    const held = this.book.holders.filter((lease) => lease.expires_at > now).map(({ session_id }) => session_id);
    return (sessionId) => !held.includes(sessionId);
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
