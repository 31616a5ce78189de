/** The tables that every actor has, and typed access to them. Nothing here runs before the first commit creates them. */
import { type ChainedEntry, type Entry, GENESIS } from "./journal.ts";
import type { Timer } from "./timers.ts";

/** Those of the first version that are still as they were; one that a migration alters moves back to where it is used. */
const NEVER_ALTERED = `
  CREATE TABLE outbox (n INTEGER PRIMARY KEY, target TEXT NOT NULL, message TEXT NOT NULL) STRICT;
  CREATE INDEX outbox_target ON outbox (target);
  CREATE TABLE marks (source TEXT PRIMARY KEY, n INTEGER NOT NULL, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE INDEX marks_at ON marks (at);
  CREATE TABLE timers (name TEXT PRIMARY KEY, due_at INTEGER NOT NULL, attempts INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE documents (
    key TEXT NOT NULL, part INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (key, part)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE replays (scope TEXT PRIMARY KEY, hash TEXT NOT NULL, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE INDEX replays_at ON replays (at);`;

/** Append-only list: an actor that exists runs what it has not run yet when it wakes, a new one gets what all come to. */
export const KIT_MIGRATIONS: readonly string[] = [
  `CREATE TABLE actor (
     id INTEGER PRIMARY KEY CHECK (id = 0), key TEXT NOT NULL, kit_version INTEGER NOT NULL, own_version INTEGER NOT NULL,
     seq INTEGER NOT NULL, head_seq INTEGER NOT NULL, head_hash TEXT NOT NULL, last_micros INTEGER NOT NULL,
     members INTEGER NOT NULL, effects INTEGER NOT NULL, shipped INTEGER NOT NULL
   ) STRICT;
   CREATE TABLE journal (
     seq INTEGER PRIMARY KEY, entry TEXT NOT NULL, prev_hash TEXT, hash TEXT
   ) STRICT;
   ${NEVER_ALTERED}`,
  // An entry that is an event of the actor's channel knows the seq of the event before it (05-realtime-and-audit).
  `ALTER TABLE actor ADD COLUMN event_seq INTEGER NOT NULL DEFAULT 0;
   ALTER TABLE journal ADD COLUMN event_prev INTEGER;`,
];

/** What {@link KIT_MIGRATIONS} come to: making tables is most of a new actor's first commit, and altering one costs as much again. */
export const KIT_TABLES = `
  CREATE TABLE actor (
    id INTEGER PRIMARY KEY CHECK (id = 0), key TEXT NOT NULL, kit_version INTEGER NOT NULL, own_version INTEGER NOT NULL,
    seq INTEGER NOT NULL, head_seq INTEGER NOT NULL, head_hash TEXT NOT NULL, last_micros INTEGER NOT NULL,
    members INTEGER NOT NULL, effects INTEGER NOT NULL, shipped INTEGER NOT NULL, event_seq INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE TABLE journal (
    seq INTEGER PRIMARY KEY, entry TEXT NOT NULL, prev_hash TEXT, hash TEXT, event_prev INTEGER
  ) STRICT;
  ${NEVER_ALTERED}`;

/** The one row of counters and heads that each commit rewrites. */
export interface Counters {
  /** the actor's full key, e.g. `resource:database:prod/orders` */
  key: string;
  kit_version: number;
  own_version: number;
  /** last seq of the journal, audited or not */
  seq: number;
  /** seq and hash of the last audited entry: the chain's head */
  head_seq: number;
  head_hash: string;
  last_micros: number;
  /** last member handed out in an id */
  members: number;
  /** last number given to an effect */
  effects: number;
  /** last seq that the ledger acknowledged */
  shipped: number;
  /** seq of the last entry that is an event of the actor's channel */
  event_seq: number;
}

/** The counters of an actor that does not exist yet. */
export function newCounters(key: string, ownVersion: number): Counters {
  return {
    key,
    kit_version: KIT_MIGRATIONS.length,
    own_version: ownVersion,
    seq: 0,
    head_seq: 0,
    head_hash: GENESIS,
    last_micros: 0,
    members: 0,
    effects: 0,
    shipped: 0,
    event_seq: 0,
  };
}

export function isSameCount(one: Counters, other: Counters): boolean {
  return COUNTED.every((column) => one[column] === other[column]);
}

const COUNTED = Object.keys(newCounters("", 0)) as (keyof Counters)[];

/** A journal entry that is an event; `prev` is the seq of the event before. */
export interface EventRow {
  readonly entry: Entry;
  readonly prev: number;
}

/** RPC takes 32 MB a call and D1 2 MB a parameter: what goes out together stays well below, one row at least. */
export const CALL_CHARS = 500_000;

/** A row may hold 2 MB; a character takes up to 3 bytes of UTF-8. */
const PART_CHARS = 500_000;

type Link = Pick<ChainedEntry, "prev_hash" | "hash">;

export class Storage {
  readonly #sql: SqlStorage;
  /** Whether no document can have a second part: known of an actor that was made in this life. */
  #hasOnlyShort = false;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  exists(): boolean {
    return this.#sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'actor'").toArray().length > 0;
  }

  /** Everything that a new actor needs; `own` are the tables of its kind. */
  createTables(own: readonly string[]): void {
    this.#sql.exec(KIT_TABLES);
    for (const script of own) this.#sql.exec(script);
    this.#hasOnlyShort = true;
  }

  /** Brings an actor that exists to the tables that this code knows. */
  upgrade(own: readonly string[]): void {
    const known = this.counters();
    if (known === undefined) return;
    const missing = [...KIT_MIGRATIONS.slice(known.kit_version), ...own.slice(known.own_version)];
    if (missing.length === 0) return;
    for (const script of missing) this.#sql.exec(script);
    this.#saveVersions(KIT_MIGRATIONS.length, own.length);
  }

  counters(): Counters | undefined {
    return this.#sql.exec<Record<string, SqlStorageValue> & Counters>("SELECT * FROM actor").toArray()[0];
  }

  /** Never lowers a version: while a deploy rolls out, older code meets newer tables. */
  #saveVersions(kit: number, own: number): void {
    this.#sql.exec("UPDATE actor SET kit_version = max(kit_version, ?), own_version = max(own_version, ?)", kit, own);
  }

  saveCounters(row: Counters): void {
    this.#sql.exec(
      `INSERT OR REPLACE INTO actor
         (id, key, kit_version, own_version, seq, head_seq, head_hash, last_micros, members, effects, shipped, event_seq)
       VALUES (0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      row.key,
      row.kit_version,
      row.own_version,
      row.seq,
      row.head_seq,
      row.head_hash,
      row.last_micros,
      row.members,
      row.effects,
      row.shipped,
      row.event_seq,
    );
  }

  // --- journal

  append(seq: number, entry: string, link: Link | null, eventPrev: number | null): void {
    const { prev_hash, hash } = link ?? { prev_hash: null, hash: null };
    this.#sql.exec("INSERT INTO journal VALUES (?, ?, ?, ?, ?)", seq, entry, prev_hash, hash, eventPrev);
  }

  /** Audited entries above `after`, oldest first: at most `limit`, and of `chars` of JSON (one entry at least). */
  chain(after: number, limit: number, chars = Number.POSITIVE_INFINITY): ChainedEntry[] {
    const rows = this.#sql.exec<{ entry: string; prev_hash: string; hash: string }>(
      "SELECT entry, prev_hash, hash FROM journal WHERE seq > ? AND hash IS NOT NULL ORDER BY seq LIMIT ?",
      after,
      limit,
    );
    return fitting(rows, chars, (row) => row.entry.length).map((row) => ({
      entry: JSON.parse(row.entry) as Entry,
      prev_hash: row.prev_hash,
      hash: row.hash,
    }));
  }

  /** Entries above `after` that are events, oldest first: at most `limit`, and no more than fit one call. */
  events(after: number, limit: number): EventRow[] {
    const rows = this.#sql.exec<{ entry: string; event_prev: number }>(
      "SELECT entry, event_prev FROM journal WHERE seq > ? AND event_prev IS NOT NULL ORDER BY seq LIMIT ?",
      after,
      limit,
    );
    return fitting(rows, CALL_CHARS, (row) => row.entry.length).map((row) => ({
      entry: JSON.parse(row.entry) as Entry,
      prev: row.event_prev,
    }));
  }

  /** Whether more than `most` entries above `after` are events. */
  hasMoreEvents(after: number, most: number): boolean {
    const query = "SELECT 1 FROM journal WHERE seq > ? AND event_prev IS NOT NULL LIMIT 1 OFFSET ?";
    return this.#sql.exec(query, after, most).toArray().length > 0;
  }

  /** Forgets what is at or below `seq`. */
  prune(seq: number): void {
    this.#sql.exec("DELETE FROM journal WHERE seq <= ?", seq);
  }

  // --- effects

  enqueue(n: number, target: string, message: string): void {
    this.#sql.exec("INSERT INTO outbox VALUES (?, ?, ?)", n, target, message);
  }

  /** Effects for `target` above `above`, oldest first: at most `limit`, and no more than fit one call. */
  owedTo(target: string, above: number, limit: number): { n: number; message: string }[] {
    const rows = this.#sql.exec<{ n: number; message: string }>(
      "SELECT n, message FROM outbox WHERE target = ? AND n > ? ORDER BY n LIMIT ?",
      target,
      above,
      limit,
    );
    return fitting(rows, CALL_CHARS, (row) => row.message.length);
  }

  targets(): string[] {
    return this.#sql
      .exec<{ target: string }>("SELECT target FROM outbox GROUP BY target ORDER BY min(n)")
      .toArray()
      .map((row) => row.target);
  }

  /** Whether any effect is owed; or any whose number is below `n`. */
  owes(n = Number.MAX_SAFE_INTEGER): boolean {
    return this.#sql.exec("SELECT 1 FROM outbox WHERE n < ? LIMIT 1", n).toArray().length > 0;
  }

  acknowledge(target: string, upTo: number): void {
    this.#sql.exec("DELETE FROM outbox WHERE target = ? AND n <= ?", target, upTo);
  }

  markOf(source: string): number {
    const row = this.#sql.exec<{ n: number }>("SELECT n FROM marks WHERE source = ?", source).toArray()[0];
    return row?.n ?? 0;
  }

  saveMark(source: string, n: number, now: number): void {
    this.#sql.exec("INSERT OR REPLACE INTO marks VALUES (?, ?, ?)", source, n, now);
  }

  dropMarksBefore(at: number): void {
    this.#sql.exec("DELETE FROM marks WHERE at < ?", at);
  }

  // --- timers

  timers(): Timer[] {
    return this.#sql
      .exec<Record<string, SqlStorageValue> & Timer>("SELECT name, due_at, attempts FROM timers")
      .toArray();
  }

  saveTimer(timer: Timer): void {
    this.#sql.exec("INSERT OR REPLACE INTO timers VALUES (?, ?, ?)", timer.name, timer.due_at, timer.attempts);
  }

  dropTimer(name: string): void {
    this.#sql.exec("DELETE FROM timers WHERE name = ?", name);
  }

  // --- documents: JSON values of any size under a key

  read<T>(key: string): T | undefined {
    const parts = this.#sql
      .exec<{ body: string }>("SELECT body FROM documents WHERE key = ? ORDER BY part", key)
      .toArray()
      .map((row) => row.body);
    return parts.length === 0 ? undefined : (JSON.parse(parts.join("")) as T);
  }

  write(key: string, value: unknown): void {
    const text: string | undefined = JSON.stringify(value);
    if (text === undefined) throw new Error(`document ${key} is no JSON value`);
    this.writeJson(key, text);
  }

  /** Writes a document that is JSON text already. */
  writeJson(key: string, text: string): void {
    const parts = partsOf(text, PART_CHARS);
    if (parts.length > 1) this.#hasOnlyShort = false;
    parts.forEach((body, part) => {
      this.#sql.exec("INSERT OR REPLACE INTO documents VALUES (?, ?, ?)", key, part, body);
    });
    if (!this.#hasOnlyShort) this.#sql.exec("DELETE FROM documents WHERE key = ? AND part >= ?", key, parts.length);
  }

  erase(key: string): void {
    this.#sql.exec("DELETE FROM documents WHERE key = ?", key);
  }

  // --- answers kept under an Idempotency-Key

  /** The answer stands in a wrapper: that there was none to give is an answer, too. */
  replay<T>(scope: string): { hash: string; at: number; answer: T } | undefined {
    const row = this.#sql
      .exec<{ hash: string; at: number }>("SELECT hash, at FROM replays WHERE scope = ?", scope)
      .toArray()[0];
    const document = this.read<{ answer: T }>(`replay:${scope}`);
    return row === undefined || document === undefined ? undefined : { ...row, answer: document.answer };
  }

  saveReplay(scope: string, hash: string, now: number, answer: unknown): void {
    this.#sql.exec("INSERT OR REPLACE INTO replays VALUES (?, ?, ?)", scope, hash, now);
    this.write(`replay:${scope}`, { answer });
  }

  dropReplaysBefore(at: number): void {
    this.#sql.exec("DELETE FROM documents WHERE key IN (SELECT 'replay:' || scope FROM replays WHERE at < ?)", at);
    this.#sql.exec("DELETE FROM replays WHERE at < ?", at);
  }
}

/** The first of `rows` that together stay within `chars`; the very first whatever its size. */
export function fitting<Row>(rows: Iterable<Row>, chars: number, charsOf: (row: Row) => number): Row[] {
  const taken: Row[] = [];
  let total = 0;
  for (const row of rows) {
    total += charsOf(row);
    if (taken.length > 0 && total > chars) break;
    taken.push(row);
  }
  return taken;
}

/** Cuts `text` into pieces of at most `size` (≥ 2) characters, never through a surrogate pair (half of one cannot be stored). */
export function partsOf(text: string, size: number): string[] {
  const parts: string[] = [];
  for (let from = 0; from < text.length; ) {
    let to = Math.min(from + size, text.length);
    const last = text.charCodeAt(to - 1);
    if (to < text.length && last >= 0xd800 && last <= 0xdbff) to -= 1;
    parts.push(text.slice(from, to));
    from = to;
  }
  return parts;
}
