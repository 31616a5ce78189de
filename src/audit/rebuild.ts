/**
 * `POST /admin/rebuild` (05-realtime-and-audit; docs/design/rebuild.md): after a loss of D1, configuration from the ledger's copy,
 * then chain by chain what the actors' journals still hold. One small batch at a time, each with its place in one commit, so
 * that it resumes where a crash left it and may be repeated.
 */
import type { ActorApi } from "../actor/actor-api.ts";
import type { Caller } from "../actor/caller.ts";
import { type Commit, housekeeper } from "../actor/commit.ts";
import { giveWay } from "../actor/give-way.ts";
import { type ChainedEntry, canonicalJson, GENESIS, type Happening, linkHash } from "../actor/journal.ts";
import type { Shipment } from "../actor/ledger-api.ts";
import { actorOf } from "../actor/remote.ts";
import { CALL_CHARS } from "../actor/storage.ts";
import { recounts } from "../db/totals.ts";
import { causeOf, log } from "../log.ts";
import { beginAt, beginningOf, beginnings } from "./beginnings.ts";
import { copiedConfiguration, countCopies } from "./configuration-copy.ts";
import { numberAbove } from "./feed.ts";
import type { ChainHead } from "./ledger-api.ts";
import { type LedgerCore, rowsOf } from "./ledger-core.ts";
import { retireRows } from "./retire-rows.ts";

export const REBUILD_TIMER = "rebuild";
const STATE = "rebuild";
/** How soon it goes on after a crash, or when D1 does not take more. */
const RESUME_MS = 5_000;
/** Entries of one chain in one batch. */
const PAGE = 500;
/** Retired chains in one statement. */
const RETIRED = 200;
/** Chains between two notes on how far it is. */
const NOTE_EVERY = 1_000;
/** An actor that fails this often in a row is passed over and named. */
const TRIES = 5;
const MAX_NAMED = 20;

interface Progress {
  readonly chains: number;
  /** The id up to which followers of the feeds had been told when D1 was lost. */
  readonly told: number;
  readonly done: number;
  readonly entries: number;
  /** Place in the copy of the configuration; null once all of it is back. */
  readonly copied: number | null;
  /** The chain last finished, by name, and the seq up to which the next one is done. */
  readonly after: string;
  readonly seq: number;
  readonly tries: number;
  /** Chains that begin later than they did: D1 lost entries that their actors no longer kept. */
  readonly shortened: number;
  readonly failed: number;
  /** the first of them, by name */
  readonly failed_chains: readonly string[];
}

export class Rebuild {
  readonly #core: LedgerCore;
  readonly #own: string;

  /** `own` is the ledger's own chain. */
  constructor(core: LedgerCore, own: string) {
    this.#core = core;
    this.#own = own;
  }

  get underWay(): boolean {
    return this.#progress !== undefined;
  }

  /** While it is, what D1 says of the configuration is no ground to plan on. */
  get restoresConfiguration(): boolean {
    return (this.#progress?.copied ?? null) !== null;
  }

  /** Begins; one that is under way goes on as it is. Answers the number of chains. */
  begin(caller: Caller): { readonly chains: number } {
    const running = this.#progress;
    if (running !== undefined) return { chains: running.chains };
    const { sql } = this.#core;
    return this.#core.commit(caller, (tx) => {
      this.#core.record(tx, [this.#note("started", { configuration: countCopies(sql) })]);
      // Counted with the chain that this note stands in.
      const chains = rowsOf<{ n: number }>(sql, "SELECT count(*) AS n FROM heads")[0]?.n ?? 0;
      const none = { done: 0, entries: 0, seq: 0, tries: 0, shortened: 0, failed: 0, failed_chains: [] };
      this.#save(tx, { chains, told: this.#core.told(), copied: 0, after: "", ...none });
      tx.remember({ chains });
      return { chains };
    });
  }

  /** Goes on until all is back or D1 takes no more; then the timer brings it here again. */
  async run(): Promise<void> {
    for (let state = this.#progress; state !== undefined; state = this.#progress) {
      try {
        if (state.copied === 0) await this.#prepareDatabase(state);
        if (!(await this.#core.flush())) return this.#later();
        if (state.copied === null) await this.#nextPage(state);
        else await this.#nextCopies(state, state.copied);
        await giveWay();
      } catch (thrown) {
        log("error", "rebuild.held_up", { cause: causeOf(thrown) });
        return this.#later();
      }
    }
    await this.#core.flush();
  }

  /** New rows are numbered above what followers of the feeds know, and what is there already is counted. */
  async #prepareDatabase({ told }: Progress): Promise<void> {
    const { env, workspace } = this.#core;
    if (told > 0) await numberAbove(env.DB, told);
    await env.DB.batch(recounts(workspace).map(({ text, binds }) => env.DB.prepare(text).bind(...binds)));
  }

  async #nextCopies(state: Progress, copied: number): Promise<void> {
    if (copied === 0) await this.#retireAgain();
    const { puts, last } = copiedConfiguration(this.#core.sql, copied);
    this.#step((tx) => {
      this.#core.owe(tx, { entries: [], changes: [], configuration: puts, again: { told: state.told } });
      this.#save(tx, { ...state, copied: puts.length > 0 ? last : null });
    });
  }

  /** D1 brought back from a backup may hold rows that were retired since. */
  async #retireAgain(): Promise<void> {
    const { env, sql, workspace } = this.#core;
    for (let after = ""; ; ) {
      const chains = beginnings(sql, after, RETIRED);
      const last = chains.at(-1);
      if (last === undefined) return;
      while (await retireRows(env.DB, workspace, chains));
      after = last.source;
    }
  }

  async #nextPage(state: Progress): Promise<void> {
    const head = this.#core.heads(state.after, 1)[0];
    if (head === undefined) return this.#finish(state);
    const begins = beginningOf(this.#core.sql, head.source);
    const from = Math.max(state.seq, begins?.seq ?? 0);
    let page: ChainedEntry[];
    let changes: Shipment["changes"];
    try {
      const kept = await this.#kept(head.source, from);
      page = kept.entries.filter(({ entry }) => entry.seq <= head.seq);
      changes = kept.changes;
      assertLinked(page, head);
      if (page.length === 0 && from < head.seq) throw new Error("its journal ends before its head");
    } catch (thrown) {
      return this.#failed(state, head.source, thrown);
    }
    const first = page[0];
    const expected = state.seq === 0 ? (begins?.hash ?? GENESIS) : undefined;
    const lost =
      first !== undefined && expected !== undefined && first.prev_hash !== expected
        ? !(await this.#standsBefore(head.source, first))
        : false;
    // It went on meanwhile, and its newer rows are owed already: older ones must not come after them.
    if (this.#core.headOf(head.source)?.seq !== head.seq) return;
    this.#step((tx) => {
      if (first !== undefined && lost) {
        beginAt(this.#core.sql, head.source, { seq: first.entry.seq - 1, hash: first.prev_hash });
      }
      this.#core.owe(tx, { entries: page, changes, configuration: [], again: { told: state.told } });
      const reached = page.at(-1)?.entry.seq ?? head.seq;
      const whole = reached >= head.seq;
      const done = state.done + Number(whole);
      const next = {
        ...state,
        done,
        entries: state.entries + page.length,
        shortened: state.shortened + Number(lost),
        tries: 0,
        ...(whole ? { after: head.source, seq: 0 } : { seq: reached }),
      };
      this.#save(tx, next);
      if (whole && done % NOTE_EVERY === 0) this.#core.record(tx, [this.#note("progress", told(next))]);
    });
  }

  async #kept(source: string, after: number): Promise<Pick<Shipment, "entries" | "changes">> {
    if (source === this.#own) return { entries: this.#core.store.chain(after, PAGE, CALL_CHARS), changes: [] };
    return actorOf<ActorApi>(this.#core.env, this.#core.workspace, source).recount(after, PAGE);
  }

  /** Whether D1 still has what came before the oldest entry that the actor kept. */
  async #standsBefore(source: string, { entry, prev_hash }: ChainedEntry): Promise<boolean> {
    const row = await this.#core.env.DB.prepare(
      "SELECT hash FROM audit_log WHERE workspace = ?1 AND actor = ?2 AND seq < ?3 ORDER BY seq DESC LIMIT 1",
    )
      .bind(this.#core.workspace, source, entry.seq)
      .first<{ hash: string }>();
    return row?.hash === prev_hash;
  }

  #failed(state: Progress, source: string, thrown: unknown): void {
    const tries = state.tries + 1;
    if (tries === 1) log("error", "rebuild.chain_failed", { source, cause: causeOf(thrown) });
    const givenUp = tries >= TRIES;
    this.#step((tx) => {
      if (!givenUp) return this.#save(tx, { ...state, tries });
      const failed_chains = [...state.failed_chains, source].slice(0, MAX_NAMED);
      this.#save(tx, { ...state, tries: 0, after: source, seq: 0, failed: state.failed + 1, failed_chains });
    });
  }

  #finish(state: Progress): void {
    this.#step((tx) => {
      this.#core.record(tx, [this.#note("completed", told(state))]);
      tx.store.erase(STATE);
      tx.timer(REBUILD_TIMER, undefined);
    });
  }

  #later(): void {
    this.#step((tx) => tx.timerBy(REBUILD_TIMER, tx.now + RESUME_MS));
  }

  #step(work: (tx: Commit) => void): void {
    this.#core.commit(housekeeper(this.#core.workspace), work);
  }

  #save(tx: Commit, progress: Progress): void {
    tx.store.write(STATE, progress);
    tx.timerBy(REBUILD_TIMER, tx.now + RESUME_MS);
  }

  get #progress(): Progress | undefined {
    return this.#core.store.exists() ? this.#core.store.read<Progress>(STATE) : undefined;
  }

  #note(what: "started" | "progress" | "completed", details: Readonly<Record<string, unknown>>): Happening {
    return { action: `rebuild.${what}`, subject_type: "workspace", subject_id: this.#core.workspace, details };
  }
}

function told({
  chains,
  done,
  entries,
  shortened,
  failed,
  failed_chains,
}: Progress): Readonly<Record<string, unknown>> {
  return { chains, done, entries, shortened, failed, ...(failed > 0 && { failed_chains }) };
}

/** Proves that the page is of this very chain: each entry follows the one before, and the head is reached with its hash. */
function assertLinked(page: readonly ChainedEntry[], head: ChainHead): void {
  let prev = page[0]?.prev_hash;
  for (const { entry, prev_hash, hash } of page) {
    const own = entry.actor === head.source && prev_hash === prev && linkHash(prev, canonicalJson(entry)) === hash;
    if (!own || (entry.seq === head.seq && hash !== head.hash)) throw new Error(`does not link at seq ${entry.seq}`);
    prev = hash;
  }
}
