/** An agent that is heard of, or no longer: heartbeats, presence, and whether it takes work. */
import type { Caller } from "../actor/caller.ts";
import { type Commit, housekeeper } from "../actor/commit.ts";
import type { ChainedEntry, Entry } from "../actor/journal.ts";
import { fail, ok, type Result } from "../actor/result.ts";
import type { ReadModelChange } from "../db/read-model.ts";
import { LockActor } from "../locks/lock-actor.ts";
import type { LockName } from "../locks/lock-table.ts";
import type { EventBody } from "../realtime/channel-api.ts";
import { noted } from "../realtime/notes.ts";
import { drainingEffect } from "../tasks/dispatch-api.ts";
import type { AgentPresence, Beat, Beaten } from "./agent-api.ts";
import type { Command } from "./commands.ts";
import { isAskedToDrain } from "./drain-label.ts";
import { presenceEventOf } from "./events.ts";
import {
  changesThrough,
  nextChangeAt,
  type PresenceChange,
  presenceHappening,
  type Seen,
  seenStatus,
} from "./presence.ts";
import { isSameReport, type SelfReport, selfReport } from "./self-report.ts";

/** What the configuration says of an agent. */
export interface Settings {
  readonly max_tasks: number;
  readonly heartbeat_interval_seconds: number;
  /** an admin asked it to drain */
  readonly drain: boolean;
  readonly removed: boolean;
}

/** Presence as it was told last; `since` is RFC 3339. */
interface Told {
  readonly status: Seen;
  readonly since: string;
}

const PRESENCE_TIMER = "presence";
const NOBODY: Settings = { max_tasks: 0, heartbeat_interval_seconds: 1, drain: false, removed: true };

export abstract class SeenAgent extends LockActor {
  /** What the agent is to be told with its heartbeat. */
  protected abstract commandsDue(now: number): readonly Command[];

  async beat(caller: Caller, key: string, beat: Beat): Promise<Result<Beaten>> {
    const settings = this.identify(key) ? await this.settings() : undefined;
    if (settings === undefined) return fail("AGENT_NOT_FOUND", "there is no such agent");
    const now = Date.now();
    const before = this.#lastAt;
    const earlier = this.#report;
    const report = selfReport(earlier, beat, caller.where);
    const interval = settings.heartbeat_interval_seconds * 1000;
    const silence = before === undefined ? [] : [seenStatus(before, interval, now)];
    this.commit(
      caller,
      (tx) => {
        this.#tell(tx, changesThrough(this.#status, ...silence), before ?? now);
        tx.store.write("beat", { at: now });
        this.#tell(tx, changesThrough(this.#status, "online"), now);
        if (!isSameReport(earlier, report)) tx.store.write("report", report);
        if (report.draining && !earlier?.draining) this.tellDraining(tx);
        tx.timerBy(PRESENCE_TIMER, nextChangeAt(now, interval, now) ?? now);
      },
      now,
    );
    const drain: Command[] = settings.drain && !report.draining ? [{ command: "drain" }] : [];
    return ok({ presence: this.#presence(settings, now), commands: [...this.commandsDue(now), ...drain] });
  }

  async presence(key: string): Promise<AgentPresence> {
    const settings = this.identify(key) ? await this.settings() : undefined;
    const now = Date.now();
    if (settings !== undefined) this.#settlePresence(settings, now);
    return this.#presence(settings ?? NOBODY, now);
  }

  async takesWork(key: string): Promise<boolean> {
    const settings = this.identify(key) ? await this.settings() : undefined;
    return settings !== undefined && this.#takesWork(settings, Date.now());
  }

  async tellReady(key: string, notes: readonly EventBody[]): Promise<boolean> {
    const settings = this.identify(key) ? await this.settings() : undefined;
    if (settings === undefined) return false;
    const now = Date.now();
    this.#settlePresence(settings, now);
    const isThere = this.#status === "online" || this.isWatched(now);
    if (!isThere || !this.#takesWork(settings, now)) return false;
    this.commit(housekeeper(this.place.workspace), (tx) => {
      for (const note of notes) tx.journal(noted(note));
    });
    return true;
  }

  // --- for the agent's actor

  protected override get lockName(): LockName {
    return { resource_type: "agent", resource_id: this.key.slice("agent:".length) };
  }

  /** What the configuration says; read from D1 once if the ledger's word has not come yet. Undefined: no such agent. */
  protected async settings(): Promise<Settings | undefined> {
    const stored = this.exists ? this.store.read<Settings>("settings") : undefined;
    if (stored !== undefined) return stored.removed ? undefined : stored;
    const row = await this.env.DB.prepare(
      "SELECT max_tasks, heartbeat_interval_seconds, labels FROM agents WHERE workspace = ?1 AND id = ?2",
    )
      .bind(this.place.workspace, this.lockName.resource_id)
      .first<{ max_tasks: number; heartbeat_interval_seconds: number; labels: string }>();
    if (row === null) return undefined;
    const { labels, ...limits } = row;
    return { ...limits, drain: isAskedToDrain(JSON.parse(labels)), removed: false };
  }

  /** It takes nothing more: a claim that it holds open is over. */
  protected tellDraining(tx: Commit): void {
    const { target, body } = drainingEffect(this.lockName.resource_id);
    tx.effect(target, body);
  }

  /** A removed agent is gone, whenever it was heard of last; one that gets its id later was never seen. */
  protected forget(tx: Commit): void {
    const lastAt = this.#lastAt;
    if (lastAt !== undefined) this.#tell(tx, changesThrough(this.#status, "offline"), lastAt);
    for (const document of ["beat", "report", "presence"]) tx.store.erase(document);
    tx.timer(PRESENCE_TIMER, undefined);
  }

  // --- kit

  protected override async onOtherTimer(name: string): Promise<void> {
    if (name !== PRESENCE_TIMER) throw new Error(`an agent has no timer ${name}`);
    const settings = await this.settings();
    const now = Date.now();
    if (settings === undefined || this.#lastAt === undefined) return;
    this.#settlePresence(settings, now, true);
  }

  protected override eventOf(entry: Entry): EventBody | null {
    return presenceEventOf(entry) ?? super.eventOf(entry);
  }

  protected override project(entries: readonly ChainedEntry[]): readonly ReadModelChange[] {
    const changed = entries.some(({ entry }) => entry.action.startsWith("agent."));
    return [...super.project(entries), ...(changed ? [this.#row()] : [])];
  }

  protected override standing(): readonly ReadModelChange[] {
    return [...super.standing(), this.#row()];
  }

  // --- internals

  get #lastAt(): number | undefined {
    return this.exists ? this.store.read<{ at: number }>("beat")?.at : undefined;
  }

  get #report(): SelfReport | undefined {
    return this.exists ? this.store.read<SelfReport>("report") : undefined;
  }

  get #told(): Told | undefined {
    return this.exists ? this.store.read<Told>("presence") : undefined;
  }

  get #status(): AgentPresence["status"] {
    return this.#told?.status ?? "never_seen";
  }

  /** Tells what silence has changed, if it has; `rung`: and sets the timer anew. */
  #settlePresence(settings: Settings, now: number, rung = false): void {
    const lastAt = this.#lastAt;
    if (lastAt === undefined) return;
    const interval = settings.heartbeat_interval_seconds * 1000;
    const changes = changesThrough(this.#status, seenStatus(lastAt, interval, now));
    if (changes.length === 0 && !rung) return;
    this.commit(
      housekeeper(this.place.workspace),
      (tx) => {
        this.#tell(tx, changes, lastAt);
        tx.timer(PRESENCE_TIMER, nextChangeAt(lastAt, interval, now));
      },
      now,
    );
  }

  #tell(tx: Commit, changes: readonly PresenceChange[], lastAt: number): void {
    for (const change of changes) {
      tx.journal(presenceHappening(this.lockName.resource_id, change, lastAt));
      tx.store.write("presence", { status: change.to, since: new Date(tx.now).toISOString() } satisfies Told);
    }
  }

  #row(): ReadModelChange {
    const id = this.lockName.resource_id;
    const told = this.#told;
    return { table: "agent_presence", id, row: told === undefined ? null : { id, ...told } };
  }

  #takesWork({ max_tasks, heartbeat_interval_seconds, drain }: Settings, now: number): boolean {
    const lastAt = this.#lastAt;
    // Whoever said so and has gone since is not who comes next.
    const isHere = lastAt !== undefined && seenStatus(lastAt, heartbeat_interval_seconds * 1000, now) !== "offline";
    const isDraining = drain || (isHere && this.#report?.draining === true);
    return !isDraining && this.#activeTasks(now) < max_tasks;
  }

  #activeTasks(now: number): number {
    return this.book.holders.filter((lease) => lease.expires_at > now).length;
  }

  #presence({ max_tasks, heartbeat_interval_seconds }: Settings, now: number): AgentPresence {
    const lastAt = this.#lastAt;
    const { draining: _, ...report } = this.#report ?? { draining: false, location: {} };
    return {
      status: lastAt === undefined ? "never_seen" : seenStatus(lastAt, heartbeat_interval_seconds * 1000, now),
      last_heartbeat_at: lastAt === undefined ? null : new Date(lastAt).toISOString(),
      active_tasks: this.#activeTasks(now),
      max_tasks,
      ...report,
    };
  }
}
