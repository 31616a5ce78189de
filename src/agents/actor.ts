/** One agent: its permits (the agent lock, a counting lock of `max_tasks`), what it is commanded, its configuration. */
import { type Caller, hasRole } from "../actor/caller.ts";
import type { Commit } from "../actor/commit.ts";
import type { Entry } from "../actor/journal.ts";
import { fail, ok, type Result } from "../actor/result.ts";
import type { Lock } from "../locks/contract.ts";
import type { AcquireCommand } from "../locks/lock-api.ts";
import * as rules from "../locks/lock-book.ts";
import { taskOfSession } from "../locks/lock-table.ts";
import type { EventBody } from "../realtime/channel-api.ts";
import { type NotesEffect, noted, noteIn } from "../realtime/notes.ts";
import type { AgentApi, AgentEffect, CommandEffect } from "./agent-api.ts";
import { type Command, commanded, due, type Standing, understood } from "./commands.ts";
import { releaseLeases } from "./leases.ts";
import { SeenAgent, type Settings } from "./seen-actor.ts";

const LEASES_TIMER = "leases";
/** What an agent took just before it was removed, the read model may not know yet. */
const SECOND_LOOK_MS = 1_000;
const REMOVED: Settings = { max_tasks: 1, heartbeat_interval_seconds: 1, drain: false, removed: true };

/** By whom the agent was removed, and when (ms). */
interface Removal {
  readonly caller: Caller;
  readonly at: number;
}

export class AgentActor extends SeenAgent implements AgentApi {
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
    const settings = await this.settings();
    if (settings === undefined) return fail("AGENT_NOT_FOUND", `there is no agent ${id}`);
    if (this.book.capacity !== settings.max_tasks) this.#resize(caller, settings.max_tasks);
    return ok(null);
  }

  protected override eventOf(entry: Entry): EventBody | null {
    return noteIn(entry) ?? super.eventOf(entry);
  }

  protected override async present(): Promise<Result<null>> {
    const settings = await this.settings();
    return settings === undefined
      ? fail("AGENT_NOT_FOUND", `there is no agent ${this.lockName.resource_id}`)
      : ok(null);
  }

  protected override get ownMigrations(): readonly string[] {
    return [];
  }

  protected override receiveOther(tx: Commit, caller: Caller, source: string, body: unknown): void {
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
        const { max_tasks, heartbeat_interval_seconds, drain } = effect;
        if (drain && !this.store.read<Settings>("settings")?.drain) this.tellDraining(tx);
        const settings: Settings = { max_tasks, heartbeat_interval_seconds, drain, removed: false };
        tx.store.write("settings", settings);
        this.applyWithin(tx, rules.setCapacity(this.book, max_tasks, tx.now));
        return;
      }
      case "removed":
        tx.store.write("settings", REMOVED);
        this.forget(tx);
        this.#releaseAll(tx);
        if (effect.forced) this.#releaseElsewhere(tx, caller);
        return;
      default:
        throw new Error(`an agent knows no such effect of ${source}`);
    }
  }

  protected override commandsDue(now: number): readonly Command[] {
    return due(this.#standing(), this.#isOver(now));
  }

  protected override async onOtherTimer(name: string): Promise<void> {
    if (name !== LEASES_TIMER) return super.onOtherTimer(name);
    const owed = this.store.read<Removal>("removal");
    if (owed !== undefined) await releaseLeases(this.env, owed.caller, this.lockName.resource_id, owed.at);
  }

  /** Never what a new agent of the same id takes. */
  #releaseElsewhere(tx: Commit, caller: Caller): void {
    tx.store.write("removal", { caller, at: tx.now } satisfies Removal);
    tx.timer(LEASES_TIMER, tx.now + SECOND_LOOK_MS);
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
}
