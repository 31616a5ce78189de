/** The hubs that the ledger tells of revoked tokens and changed roles (05-realtime-and-audit, "WebSocket"). Writes belong into a commit. */
import type { ActorKey } from "../actor/remote.ts";
import type { ConfigurationChange } from "../db/configuration.ts";
import { type HubNotice, noticesOf } from "./holder.ts";
import { hubsConcerned } from "./hub-address.ts";

export const HUBS_TABLE = "CREATE TABLE hubs (key TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;";

export class HubRegistry {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  add(hub: ActorKey): void {
    this.#sql.exec("INSERT OR IGNORE INTO hubs VALUES (?)", hub);
  }

  keys(): ActorKey[] {
    return this.#sql
      .exec<{ key: ActorKey }>("SELECT key FROM hubs")
      .toArray()
      .map(({ key }) => key);
  }

  /** What has to be told to whom about these changes. */
  noticesOf(
    changes: readonly ConfigurationChange[],
    shards: number,
  ): { readonly target: ActorKey; readonly body: HubNotice }[] {
    const notices = noticesOf(changes);
    if (notices.length === 0) return [];
    const hubs = this.keys();
    return notices.flatMap((body) => hubsConcerned(body, hubs, shards).map((target) => ({ target, body })));
  }
}
