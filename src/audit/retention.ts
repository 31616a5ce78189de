/**
 * Retiring old rows (docs/design/retention.md): a signed file first, then, once its receipt is confirmed, the deletion. This is
 * the ledger's side: which retention there is, where chains begin from now on, and the deletion in small batches.
 */
import type { Caller } from "../actor/caller.ts";
import { type Commit, housekeeper } from "../actor/commit.ts";
import { fail, invalid, ok, type Result } from "../actor/result.ts";
import { beginnings } from "./beginnings.ts";
import type { LedgerCore } from "./ledger-core.ts";
import type { Certificate, Contents, Retention as RetentionView, RetiredHead, Seal } from "./retention-contract.ts";
import { retireRows } from "./retire-rows.ts";
import { newSigningKey, type SigningKey, signed } from "./signature.ts";

export const RETENTION_TIMER = "retention";
export const RETENTION_MIGRATION = `
  CREATE TABLE retiring (source TEXT PRIMARY KEY, seq INTEGER NOT NULL, hash TEXT NOT NULL) STRICT, WITHOUT ROWID;`;

const STATE = "retention";
const KEY = "signing_key";
/** Chains whose rows are deleted together. */
const CHAINS = 200;
const RESUME_MS = 5_000;

export class Retention {
  readonly #core: LedgerCore;

  constructor(core: LedgerCore) {
    this.#core = core;
  }

  get current(): RetentionView | undefined {
    return this.#core.store.exists() ? this.#core.store.read<RetentionView>(STATE) : undefined;
  }

  /** Made when it is first asked for. */
  async publicKey(): Promise<string> {
    return (await this.#signingKey()).x;
  }

  /** Replaces one that was not confirmed. */
  prepare(caller: Caller, before: string, busy: boolean): Result<RetentionView> {
    const { current } = this;
    if (current?.status === "forgetting" || busy) {
      const state = busy ? "rebuilding" : "forgetting";
      return fail("INVALID_STATE", "the trail is being changed by another operation", { state, allowed: [] });
    }
    const now = Date.now();
    if (Date.parse(before) > now) return invalid({ field: "before", issue: "must be in the past", value: before });
    const prepared_at = new Date(now).toISOString();
    const retention: RetentionView = { id: crypto.randomUUID(), before, status: "prepared", prepared_at };
    this.#core.commit(caller, (tx) => {
      this.#core.sql.exec("DELETE FROM retiring");
      tx.store.write(STATE, retention);
      tx.remember(retention);
    });
    return ok(retention);
  }

  /** Where these chains' rows in the file end. The file may be fetched again: it always says the same. */
  note(id: string, heads: readonly RetiredHead[]): boolean {
    const { current } = this;
    if (current?.id !== id || !isOpen(current)) return false;
    this.#step(() => {
      for (const { source, seq, hash } of heads) {
        this.#core.sql.exec("INSERT OR REPLACE INTO retiring VALUES (?, ?, ?)", source, seq, hash);
      }
    });
    return true;
  }

  /** The file was broken off at a chain that does not verify. */
  spoil(id: string, problem: NonNullable<RetentionView["problem"]>): void {
    const { current } = this;
    if (current?.id !== id || !isOpen(current)) return;
    this.#step((tx) => tx.store.write(STATE, { ...current, status: "prepared", problem }));
  }

  /** The last line of the file; null if this retention is no longer the one. */
  async seal(id: string, contents: Contents): Promise<Seal | null> {
    const key = await this.#signingKey();
    const { current } = this;
    if (current?.id !== id || !isOpen(current)) return null;
    const { workspace } = this.#core;
    const { before, prepared_at } = current;
    const format = "countersign-retention-1";
    const retention: Certificate = { format, workspace, id, before, ...contents, prepared_at };
    return { retention, public_key: key.x, signature: await signed(key, retention) };
  }

  /** The file was written to its end, and this is the digest of it all. */
  sealed(id: string, { rows, chains, sha256 }: Contents): void {
    const { current } = this;
    if (current?.id !== id || !isOpen(current)) return;
    const { problem: _, ...rest } = current;
    this.#step((tx) => tx.store.write(STATE, { ...rest, status: "sealed", rows, chains, sha256 }));
  }

  /** Whoever names the digest has the file: from here on its rows are forgotten. */
  confirm(caller: Caller, id: string, sha256: string): Result<RetentionView> {
    const { current } = this;
    if (current?.id !== id) return fail("NOT_FOUND", "there is no such retention");
    if (current.sha256 === sha256 && !isOpen(current)) return ok(current);
    if (current.status !== "sealed") {
      return fail("INVALID_STATE", "fetch the file first", { state: current.status, allowed: ["sealed"] });
    }
    if (current.sha256 !== sha256)
      return invalid({ field: "sha256", issue: "is not the digest of the file", value: sha256 });
    const { before, rows = 0, chains = 0 } = current;
    const retention: RetentionView = { ...current, status: "forgetting" };
    this.#core.commit(caller, (tx) => {
      this.#core.sql.exec("INSERT OR REPLACE INTO beginnings SELECT source, seq, hash, 1 FROM retiring");
      this.#core.sql.exec("DELETE FROM retiring");
      this.#core.record(tx, [
        {
          action: "audit.retired",
          subject_type: "workspace",
          subject_id: this.#core.workspace,
          details: { retention_id: id, before, rows, chains, sha256 },
        },
      ]);
      tx.store.write(STATE, retention);
      tx.timerBy(RETENTION_TIMER, tx.now + RESUME_MS);
      tx.remember(retention);
    });
    return ok(retention);
  }

  /** Deletes what was retired; resumes after a crash, since each step may be repeated. Throws while D1 fails. */
  async forget(): Promise<void> {
    if (this.current?.status !== "forgetting") return;
    const { env, workspace } = this.#core;
    for (let after = ""; ; ) {
      const chains = beginnings(this.#core.sql, after, CHAINS, true);
      const last = chains.at(-1);
      if (last === undefined) break;
      while (await retireRows(env.DB, workspace, chains))
        this.#step((tx) => tx.timerBy(RETENTION_TIMER, tx.now + RESUME_MS));
      after = last.source;
    }
    this.#step((tx) => {
      this.#core.sql.exec("UPDATE beginnings SET forgetting = 0 WHERE forgetting = 1");
      const { current } = this;
      if (current !== undefined) tx.store.write(STATE, { ...current, status: "done" });
      tx.timer(RETENTION_TIMER, undefined);
    });
  }

  async #signingKey(): Promise<SigningKey> {
    const known = this.#storedKey();
    if (known !== undefined) return known;
    const made = await newSigningKey();
    // Somebody else may have made one meanwhile.
    const other = this.#storedKey();
    if (other !== undefined) return other;
    this.#step((tx) => tx.store.write(KEY, made));
    return made;
  }

  #storedKey(): SigningKey | undefined {
    return this.#core.store.exists() ? this.#core.store.read<SigningKey>(KEY) : undefined;
  }

  #step(work: (tx: Commit) => void): void {
    this.#core.commit(housekeeper(this.#core.workspace), work);
  }
}

function isOpen({ status }: RetentionView): boolean {
  return status === "prepared" || status === "sealed";
}
