/** Sockets and tickets of a hub with their holders, and what the ledger said of holders, on disk. Writes belong into a commit. */
import { type Holder, type HubNotice, noticed } from "./holder.ts";

/** Nobody comes with something that was read this long ago; and D1 knows by then whatever a notice said. */
const NOTICE_MS = 24 * 60 * 60 * 1000;

export const HOLDER_TABLES = `
  CREATE TABLE sockets (
    id INTEGER PRIMARY KEY AUTOINCREMENT, holder TEXT NOT NULL, expires_at INTEGER, strikes INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE tickets (hash TEXT PRIMARY KEY, holder TEXT NOT NULL, expires_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE INDEX tickets_expire ON tickets (expires_at);
  CREATE TABLE notices (about TEXT PRIMARY KEY, notice TEXT NOT NULL, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;`;

export interface HeldSocket {
  readonly id: number;
  readonly holder: Holder;
}

export class HolderStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  // --- sockets

  sockets(): HeldSocket[] {
    return this.#rows<{ id: number; holder: string }>("SELECT id, holder FROM sockets ORDER BY id").map(socketOf);
  }

  socket(id: number): HeldSocket | undefined {
    return this.#rows<{ id: number; holder: string }>("SELECT id, holder FROM sockets WHERE id = ?", id).map(
      socketOf,
    )[0];
  }

  /** Its id is never given out again. */
  addSocket(holder: Holder): number {
    const [row] = this.#rows<{ id: number }>(
      "INSERT INTO sockets (holder, expires_at, strikes) VALUES (?, ?, 0) RETURNING id",
      JSON.stringify(holder),
      holder.expires_at ?? null,
    );
    if (row === undefined) throw new Error("a socket got no id");
    return row.id;
  }

  setHolder(id: number, holder: Holder): void {
    this.#sql.exec("UPDATE sockets SET holder = ? WHERE id = ?", JSON.stringify(holder), id);
  }

  removeSocket(id: number): void {
    this.#sql.exec("DELETE FROM sockets WHERE id = ?", id);
  }

  /** Counts one more malformed message; answers how many there were. */
  strike(id: number): number {
    return (
      this.#rows<{ strikes: number }>("UPDATE sockets SET strikes = strikes + 1 WHERE id = ? RETURNING strikes", id)[0]
        ?.strikes ?? 0
    );
  }

  /** Sockets whose token ended by `now` (ms). */
  expired(now: number): number[] {
    return this.#rows<{ id: number }>("SELECT id FROM sockets WHERE expires_at <= ?", now).map(({ id }) => id);
  }

  /** When the next token of a socket ends (ms). */
  nextExpiry(): number | undefined {
    return this.#rows<{ at: number | null }>("SELECT min(expires_at) AS at FROM sockets")[0]?.at ?? undefined;
  }

  // --- tickets

  /** Whom a ticket that still holds good was made for. */
  ticket(hash: string, now: number): Holder | undefined {
    const [row] = this.#rows<{ holder: string }>(
      "SELECT holder FROM tickets WHERE hash = ? AND expires_at > ?",
      hash,
      now,
    );
    return row === undefined ? undefined : (JSON.parse(row.holder) as Holder);
  }

  addTicket(hash: string, holder: Holder, expiresAt: number, now: number): void {
    this.#sql.exec("DELETE FROM tickets WHERE expires_at <= ?", now);
    this.#sql.exec("INSERT INTO tickets VALUES (?, ?, ?)", hash, JSON.stringify(holder), expiresAt);
  }

  removeTicket(hash: string): void {
    this.#sql.exec("DELETE FROM tickets WHERE hash = ?", hash);
  }

  // --- what the ledger said

  note(notice: HubNotice, now: number): void {
    this.#sql.exec("DELETE FROM notices WHERE at < ?", now - NOTICE_MS);
    this.#sql.exec("INSERT OR REPLACE INTO notices VALUES (?, ?, ?)", subjectOf(notice), JSON.stringify(notice), now);
  }

  /** A holder as they stand after everything that the ledger said; null if they hold nothing any more. */
  present(holder: Holder): Holder | null {
    const about = [principalSubject(holder), ...(holder.token_id === undefined ? [] : [tokenSubject(holder.token_id)])];
    return this.#rows<{ notice: string }>(
      "SELECT notice FROM notices WHERE about IN (SELECT value FROM json_each(?))",
      JSON.stringify(about),
    ).reduce<Holder | null>((then, { notice }) => then && noticed(then, JSON.parse(notice) as HubNotice), holder);
  }

  #rows<Row extends object>(query: string, ...bindings: (string | number | null)[]): Row[] {
    return this.#sql.exec(query, ...bindings).toArray() as Row[];
  }
}

function socketOf({ id, holder }: { id: number; holder: string }): HeldSocket {
  return { id, holder: JSON.parse(holder) as Holder };
}

function subjectOf(notice: HubNotice): string {
  return notice.do === "token.revoked" ? tokenSubject(notice.token_id) : principalSubject(notice.principal);
}

function principalSubject({ kind, id }: Pick<Holder, "kind" | "id">): string {
  return `${kind}:${id}`;
}

function tokenSubject(tokenId: string): string {
  return `token:${tokenId}`;
}
