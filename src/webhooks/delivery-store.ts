/** The deliveries of one webhook, those that wait and the log of those that ended, in its actor's storage. */
import type { Storage } from "../actor/storage.ts";
import type { Event } from "../realtime/contract.ts";
import type { DeliveryState } from "./delivery.ts";
import type { Waiting } from "./overflow.ts";
import type { DeliveriesRequest } from "./webhook-api.ts";

export const DELIVERY_TABLE = `
  CREATE TABLE deliveries (
    n INTEGER PRIMARY KEY, event TEXT NOT NULL, seq INTEGER NOT NULL, status TEXT NOT NULL, attempts INTEGER NOT NULL,
    next_at INTEGER, last_status INTEGER, last_error TEXT, created_at INTEGER NOT NULL, ended_at INTEGER
  ) STRICT;
  CREATE INDEX deliveries_due ON deliveries (status, next_at, n);
  CREATE INDEX deliveries_status ON deliveries (status, n);`;

/** Of those that ended, each kind: what is older is forgotten. The trail has every event. */
const KEPT_ENDED = 1_000;
/** Forgetting scans: not at every commit. */
const FORGET_EVERY = 100;

export interface StoredDelivery extends DeliveryState {
  readonly n: number;
  /** name of the event */
  readonly event: string;
  readonly seq: number;
}

type Row = Record<string, SqlStorageValue> & StoredDelivery;

/** Changes are part of a commit of the actor. */
export class DeliveryStore {
  readonly #sql: SqlStorage;
  readonly #documents: Storage;

  constructor(sql: SqlStorage, documents: Storage) {
    this.#sql = sql;
    this.#documents = documents;
  }

  add(delivery: StoredDelivery, event: Event): void {
    this.save(delivery);
    this.#documents.write(document(delivery.n), event);
    if (delivery.n % FORGET_EVERY === 0) for (const status of ["delivered", "parked"]) this.#forget(status, KEPT_ENDED);
  }

  save(delivery: StoredDelivery): void {
    const { n, event, seq, status, attempts, next_at, last_status, last_error, created_at, ended_at } = delivery;
    const row = [n, event, seq, status, attempts, next_at, last_status, last_error, created_at, ended_at];
    this.#sql.exec("INSERT OR REPLACE INTO deliveries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", ...row);
  }

  get(n: number): StoredDelivery | undefined {
    return this.#rows("SELECT * FROM deliveries WHERE n = ?", n)[0];
  }

  eventOf(n: number): Event | undefined {
    return this.#documents.read<Event>(document(n));
  }

  /** The next `limit` to be tried by `now`. */
  due(now: number, limit: number): StoredDelivery[] {
    return this.#rows(
      "SELECT * FROM deliveries WHERE status = 'waiting' AND next_at <= ? ORDER BY next_at, n LIMIT ?",
      now,
      limit,
    );
  }

  /** When the next one that waits is due (ms). */
  nextAt(): number | undefined {
    return (
      this.#rows("SELECT * FROM deliveries WHERE status = 'waiting' ORDER BY next_at LIMIT 1")[0]?.next_at ?? undefined
    );
  }

  /** Those that wait, oldest first. */
  readonly waiting: Waiting<StoredDelivery> = {
    count: () => this.count("waiting"),
    oldest: (limit) => this.#rows("SELECT * FROM deliveries WHERE status = 'waiting' ORDER BY n LIMIT ?", limit),
  };

  /** Newest first; one more than asked for, if there is. */
  page({ status = null, before = Number.MAX_SAFE_INTEGER, offset, limit }: Wanted): StoredDelivery[] {
    return this.#rows(
      "SELECT * FROM deliveries WHERE (?1 IS NULL OR status = ?1) AND n < ?2 ORDER BY n DESC LIMIT ?3 OFFSET ?4",
      status,
      before,
      limit + 1,
      offset,
    );
  }

  count(status: string | null): number {
    const query = "SELECT count(*) AS n FROM deliveries WHERE ?1 IS NULL OR status = ?1";
    return this.#sql.exec<{ n: number }>(query, status).one().n;
  }

  clear(): void {
    for (const status of ["waiting", "delivered", "parked"]) this.#forget(status, 0);
  }

  #forget(status: string, kept: number): void {
    const gone = this.#rows(
      "SELECT * FROM deliveries WHERE status = ? ORDER BY n DESC LIMIT -1 OFFSET ?",
      status,
      kept,
    );
    for (const { n } of gone) {
      this.#sql.exec("DELETE FROM deliveries WHERE n = ?", n);
      this.#documents.erase(document(n));
    }
  }

  #rows(query: string, ...bindings: SqlStorageValue[]): StoredDelivery[] {
    return this.#sql.exec<Row>(query, ...bindings).toArray();
  }
}

interface Wanted extends Omit<DeliveriesRequest, "status"> {
  readonly status?: DeliveriesRequest["status"] | null;
}

function document(n: number): string {
  return `delivery:${n}`;
}
