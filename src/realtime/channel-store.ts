/** Channels that a hub follows and who listens, on disk. Writes belong into a commit. */
import type { Feed } from "./feed.ts";

export interface StoredChannel {
  readonly feed: Feed;
  /** sockets, live or not */
  readonly members: readonly number[];
}

export const CHANNEL_TABLES = `
  CREATE TABLE channels (name TEXT PRIMARY KEY, cursor INTEGER NOT NULL, known INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE subscriptions (
    channel TEXT NOT NULL, socket INTEGER NOT NULL, after INTEGER, PRIMARY KEY (channel, socket)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX subscriptions_socket ON subscriptions (socket);
  CREATE INDEX subscriptions_replaying ON subscriptions (channel) WHERE after IS NOT NULL;`;

export class ChannelStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  load(name: string): StoredChannel | undefined {
    const [row] = this.#rows<{ cursor: number; known: number }>(
      "SELECT cursor, known FROM channels WHERE name = ?",
      name,
    );
    if (row === undefined) return undefined;
    const members = this.#rows<{ socket: number; after: number | null }>(
      "SELECT socket, after FROM subscriptions WHERE channel = ?",
      name,
    );
    const replays = new Map(members.flatMap(({ socket, after }) => (after === null ? [] : [[socket, after] as const])));
    return { feed: { ...row, replays }, members: members.map(({ socket }) => socket) };
  }

  names(): string[] {
    return this.#rows<{ name: string }>("SELECT name FROM channels").map(({ name }) => name);
  }

  /** Channels of which somebody misses something. */
  lagging(): string[] {
    return this.#rows<{ name: string }>(
      "SELECT name FROM channels WHERE known > cursor UNION SELECT channel FROM subscriptions WHERE after IS NOT NULL",
    ).map(({ name }) => name);
  }

  /** Writes what differs from `before`; undefined: the channel is new. Sockets that replay have to be members. */
  save(name: string, before: Feed | undefined, feed: Feed): void {
    if (before === undefined || before.cursor !== feed.cursor || before.known !== feed.known) {
      this.#sql.exec("INSERT OR REPLACE INTO channels VALUES (?, ?, ?)", name, feed.cursor, feed.known);
    }
    for (const [socket, after] of feed.replays) {
      if (before?.replays.get(socket) !== after) this.#place(name, socket, after);
    }
    for (const socket of before?.replays.keys() ?? []) if (!feed.replays.has(socket)) this.#place(name, socket, null);
  }

  addMember(name: string, socket: number): void {
    this.#sql.exec("INSERT OR IGNORE INTO subscriptions VALUES (?, ?, NULL)", name, socket);
  }

  removeMember(name: string, socket: number): void {
    this.#sql.exec("DELETE FROM subscriptions WHERE channel = ? AND socket = ?", name, socket);
  }

  remove(name: string): void {
    this.#sql.exec("DELETE FROM subscriptions WHERE channel = ?", name);
    this.#sql.exec("DELETE FROM channels WHERE name = ?", name);
  }

  /** Channels of a socket. */
  of(socket: number): string[] {
    return this.#rows<{ channel: string }>("SELECT channel FROM subscriptions WHERE socket = ?", socket).map(
      ({ channel }) => channel,
    );
  }

  #place(name: string, socket: number, after: number | null): void {
    this.#sql.exec("UPDATE subscriptions SET after = ? WHERE channel = ? AND socket = ?", after, name, socket);
  }

  #rows<Row extends object>(query: string, ...bindings: (string | number)[]): Row[] {
    return this.#sql.exec(query, ...bindings).toArray() as Row[];
  }
}
