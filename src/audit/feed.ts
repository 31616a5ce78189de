/** The feeds `locks` and `system` as D1's audit trail has them: seq is the row's id (05-realtime-and-audit, "Channels"). */
import { CALL_CHARS, fitting } from "../actor/storage.ts";
import type { EventsPage, EventsQuery } from "../realtime/channel-api.ts";
import type { Event } from "../realtime/contract.ts";
import { type Feed, feedEventOf, LOCK_ACTIONS } from "./feed-events.ts";
import { AUDIT_COLUMNS, auditRowOf, type StoredAuditRow } from "./query.ts";

/** The feed after `after`, at most `limit` events. What it reads is bounded by `limit` and `most`, however long the trail. */
export async function readFeed(
  db: D1Database,
  workspace: string,
  channel: Feed,
  { after = 0, limit, most }: Pick<EventsQuery, "after" | "limit" | "most">,
): Promise<EventsPage> {
  const last = (upTo: number) => lastStatement(db, workspace, channel, upTo);
  const rows = rowStatements(db, workspace, channel, after, limit);
  const bounds = most === undefined ? [] : [beyondStatement(db, workspace, channel, after, most)];
  const heads = [last(after), last(Number.MAX_SAFE_INTEGER)];
  const [before, head, ...read] = await db.batch([...heads, ...rows, ...bounds]);
  const found = read.slice(0, rows.length);
  const isBeyond = read.slice(rows.length).some(({ results }) => results.length > 0);
  const known = idIn(head);
  if (after > known || isBeyond) return { events: [], head: known, reset: true };
  const inOrder = found.flatMap(({ results }) => results as StoredAuditRow[]).sort((a, b) => a.id - b.id);
  const page = fitting(inOrder.slice(0, limit), CALL_CHARS, (row) => row.details?.length ?? 0);
  let prev = idIn(before);
  const events = page.map((row): Event => {
    const event = eventOf(row, channel, prev);
    prev = row.id;
    return event;
  });
  return { events, head: known, reset: false };
}

/** Id of the feed's last row; 0 if there is none. */
export async function headOfFeed(db: D1Database, workspace: string, channel: Feed): Promise<number> {
  const [head] = await db.batch([lastStatement(db, workspace, channel, Number.MAX_SAFE_INTEGER)]);
  return idIn(head);
}

/** Has D1 number new rows above `id`: one in place of a lost one would begin at 1, and who follows a feed wait for what was. */
export async function numberAbove(db: D1Database, id: number): Promise<void> {
  const known = "SELECT 1 FROM sqlite_sequence WHERE name = 'audit_log'";
  await db.batch([
    db.prepare(`INSERT INTO sqlite_sequence (name, seq) SELECT 'audit_log', 0 WHERE NOT EXISTS (${known})`),
    db.prepare("UPDATE sqlite_sequence SET seq = max(seq, ?1) WHERE name = 'audit_log'").bind(id),
  ]);
}

/** The highest id up to `id` that D1 has given out; 0 if there is none. */
export async function lastUpTo(db: D1Database, id: number): Promise<number> {
  const row = await db
    .prepare("SELECT max(id) AS id FROM audit_log WHERE id <= ?1")
    .bind(id)
    .first<{ id: number | null }>();
  return row?.id ?? 0;
}

function eventOf(row: StoredAuditRow, channel: Feed, prev: number): Event {
  const { id, prev_hash: _p, hash: _h, ...entry } = auditRowOf(row);
  return { ...feedEventOf(entry as Parameters<typeof feedEventOf>[0]), timestamp: row.at, channel, seq: id, prev };
}

function idIn(result: D1Result | undefined): number {
  return (result as D1Result<{ id: number | null }> | undefined)?.results[0]?.id ?? 0;
}

/** By the index of actions a seek each: among a million other rows one lock's is found at once. */
function lastStatement(db: D1Database, workspace: string, channel: Feed, upTo: number): D1PreparedStatement {
  if (channel === "system") {
    const query = "SELECT max(id) AS id FROM audit_log WHERE workspace = ?1 AND id <= ?2";
    return db.prepare(query).bind(workspace, upTo);
  }
  return db
    .prepare(
      `SELECT max((SELECT max(id) FROM audit_log WHERE workspace = ?1 AND action = wanted.value AND id <= ?2)) AS id
       FROM json_each(?3) AS wanted`,
    )
    .bind(workspace, upTo, JSON.stringify(LOCK_ACTIONS));
}

/** A row if more than `most` events follow `after`; that many steps of an index at most. */
function beyondStatement(
  db: D1Database,
  workspace: string,
  channel: Feed,
  after: number,
  most: number,
): D1PreparedStatement {
  if (channel === "system") {
    const query = "SELECT 1 FROM audit_log WHERE workspace = ?1 AND id > ?2 LIMIT 1 OFFSET ?3";
    return db.prepare(query).bind(workspace, after, most);
  }
  return db
    .prepare(
      `SELECT 1 FROM json_each(?4) AS wanted
       CROSS JOIN audit_log ON workspace = ?1 AND action = wanted.value AND audit_log.id > ?2 LIMIT 1 OFFSET ?3`,
    )
    .bind(workspace, after, most, JSON.stringify(LOCK_ACTIONS));
}

function rowStatements(
  db: D1Database,
  workspace: string,
  channel: Feed,
  after: number,
  limit: number,
): D1PreparedStatement[] {
  const select = `SELECT ${AUDIT_COLUMNS} FROM audit_log WHERE workspace = ?1 AND id > ?2`;
  if (channel === "system") return [db.prepare(`${select} ORDER BY id LIMIT ?3`).bind(workspace, after, limit)];
  const ofAction = db.prepare(`${select} AND action = ?4 ORDER BY id LIMIT ?3`);
  return LOCK_ACTIONS.map((action) => ofAction.bind(workspace, after, limit, action));
}
