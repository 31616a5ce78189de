/** What a coordinator has to remember over its lives: names, cases under way, past victims, and the history. Not the graph. */
import type { NumberedRequest } from "../actor/numbered-page.ts";
import type { Storage } from "../actor/storage.ts";
import type { DeadlockInfo } from "./contract.ts";
import type { Remembered } from "./coordination.ts";
import type { HistoryPage } from "./coordinator-api.ts";
import type { DeadlockNotice } from "./notice.ts";
import type { DoomedCase, GaveWay } from "./resolution.ts";
import { isRemembered, type PastAborts } from "./victim.ts";

/** Cases are documents of their own: a large ring is more than a row holds. */
export const COORDINATOR_MIGRATION = `
  CREATE TABLE contended (lock TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
  CREATE TABLE doomed (id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
  CREATE TABLE sweeps (id TEXT PRIMARY KEY, due_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE past (agent_id TEXT NOT NULL, session_id TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (agent_id, session_id)) STRICT, WITHOUT ROWID;
  CREATE TABLE deadlocks (n INTEGER PRIMARY KEY) STRICT;`;

/** GET /locks/deadlocks shows at most these; the trail keeps them all. */
const DEADLOCKS_KEPT = 1_000;

/** A second look for what the victim held when it was aborted: the read model may not have known it yet. */
export interface Sweep extends GaveWay {
  readonly case: DoomedCase;
  readonly notice: DeadlockNotice;
}

export class CoordinatorStore {
  readonly #sql: SqlStorage;
  readonly #documents: Storage;

  constructor(sql: SqlStorage, documents: Storage) {
    this.#sql = sql;
    this.#documents = documents;
  }

  remembered(now: number): Remembered {
    const past = this.#texts("SELECT body AS text FROM past").map((body) => JSON.parse(body) as PastAborts);
    return {
      locks: this.#texts("SELECT lock AS text FROM contended"),
      doomed: this.#texts("SELECT id AS text FROM doomed").flatMap(
        (id) => this.#documents.read<DoomedCase>(`doomed:${id}`) ?? [],
      ),
      past: past.filter((one) => isRemembered(one, now)),
    };
  }

  addLock(lock: string): void {
    this.#sql.exec("INSERT OR IGNORE INTO contended VALUES (?)", lock);
  }

  dropLock(lock: string): void {
    this.#sql.exec("DELETE FROM contended WHERE lock = ?", lock);
  }

  // --- cases under way

  get isUnderWay(): boolean {
    return this.#texts("SELECT id AS text FROM doomed LIMIT 1").length > 0;
  }

  addDoomed(doomed: DoomedCase): void {
    this.#sql.exec("INSERT OR IGNORE INTO doomed VALUES (?)", doomed.id);
    this.#documents.write(`doomed:${doomed.id}`, doomed);
  }

  dropDoomed({ id }: DoomedCase): void {
    this.#sql.exec("DELETE FROM doomed WHERE id = ?", id);
    this.#documents.erase(`doomed:${id}`);
  }

  addSweep(sweep: Sweep, dueAt: number): void {
    const { id } = sweep.case;
    this.#sql.exec("INSERT OR REPLACE INTO sweeps VALUES (?, ?)", id, dueAt);
    this.#documents.write(`sweep:${id}`, sweep);
  }

  dropSweep({ case: { id } }: Sweep): void {
    this.#sql.exec("DELETE FROM sweeps WHERE id = ?", id);
    this.#documents.erase(`sweep:${id}`);
  }

  sweeps(now: number): Sweep[] {
    return this.#texts("SELECT id AS text FROM sweeps WHERE due_at <= ?", now).flatMap(
      (id) => this.#documents.read<Sweep>(`sweep:${id}`) ?? [],
    );
  }

  /** When the next one not due before `now` is due (ms). */
  nextSweepAt(now: number): number | undefined {
    const row = this.#sql
      .exec<{ at: number | null }>("SELECT min(due_at) AS at FROM sweeps WHERE due_at > ?", now)
      .toArray()[0];
    return row?.at ?? undefined;
  }

  // --- what is over

  savePast(past: PastAborts, now: number): void {
    const { agent_id, session_id } = past;
    for (const body of this.#texts("SELECT body AS text FROM past")) {
      const other = JSON.parse(body) as PastAborts;
      if (isRemembered(other, now)) continue;
      this.#sql.exec("DELETE FROM past WHERE agent_id = ? AND session_id = ?", other.agent_id, other.session_id);
    }
    this.#sql.exec("INSERT OR REPLACE INTO past VALUES (?, ?, ?)", agent_id, session_id, JSON.stringify(past));
  }

  addDeadlock(deadlock: DeadlockInfo): void {
    const n = this.#number("SELECT coalesce(max(n), 0) AS number FROM deadlocks") + 1;
    this.#sql.exec("INSERT INTO deadlocks VALUES (?)", n);
    this.#documents.write(`deadlock:${n}`, deadlock);
    const forgotten = n - DEADLOCKS_KEPT;
    this.#sql.exec("DELETE FROM deadlocks WHERE n = ?", forgotten);
    this.#documents.erase(`deadlock:${forgotten}`);
  }

  history({ before = Number.MAX_SAFE_INTEGER, offset, limit }: NumberedRequest): HistoryPage {
    const found = this.#texts(
      "SELECT CAST(n AS TEXT) AS text FROM deadlocks WHERE n < ? ORDER BY n DESC LIMIT ? OFFSET ?",
      before,
      limit + 1,
      offset,
    );
    const rows = found.slice(0, limit).flatMap((n) => {
      const deadlock = this.#documents.read<DeadlockInfo>(`deadlock:${n}`);
      return deadlock === undefined ? [] : [{ n: Number(n), deadlock }];
    });
    return {
      rows,
      total: this.#number("SELECT count(*) AS number FROM deadlocks"),
      more: found.length > limit,
    };
  }

  #texts(query: string, ...binds: SqlStorageValue[]): string[] {
    return this.#sql
      .exec<{ text: string }>(query, ...binds)
      .toArray()
      .map(({ text }) => text);
  }

  #number(query: string): number {
    return this.#sql.exec<{ number: number }>(query).one().number;
  }
}
