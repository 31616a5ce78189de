/** Verifying chains: what D1 holds against what the actors, or the ledger for all of them, say (05, "Audit"). */
import type { ActorApi } from "../actor/actor-api.ts";
import { parseId } from "../actor/ids.ts";
import { actorOf } from "../actor/remote.ts";
import { fail, ok, type Result } from "../actor/result.ts";
import type { Env } from "../env.ts";
import { condition } from "../http/pagination.ts";
import type { ChainVerdict, TrailVerdict } from "./contract.ts";
import { type Beginning, ledgerOf } from "./ledger-api.ts";
import { auditPages } from "./pages.ts";
import { type ChainCheck, type Link, startOf, UNCHECKED, verifyChain, verifyEnd } from "./verify.ts";

/**
 * Recomputes one chain from D1 and compares its end with the actor's own. `subject` is `task:{id}`, `resource:{key}`,
 * `agent:{id}` or `config`. `NOT_FOUND` when it has no chain, `UNAVAILABLE` when what it still owes does not reach D1 now.
 */
export async function verifySubject(env: Env, workspace: string, subject: string): Promise<Result<ChainVerdict>> {
  const key = actorKey(subject);
  if (key === undefined) return unknown(subject);
  const ledger = ledgerOf(env, workspace);
  const actor = key === "config" ? ledger : actorOf<ActorApi>(env, workspace, key);
  const head = await actor.head();
  if (head === null) return unknown(subject);
  if (!(await actor.ship()) || !(await ledger.flushed())) return behind();
  const [standing] = await ledger.standings([key]);
  const check = await checkStored(env.DB, workspace, key, { head, beginning: standing?.beginning ?? null }, () =>
    actor.head(),
  );
  return ok({
    valid: check.first_bad === undefined,
    checked: check.checked,
    head,
    ...(check.first_bad !== undefined && { first_bad: check.first_bad }),
  });
}

/**
 * Verifies the next `limit` chains above `after`, by name: those whose heads the ledger keeps, so that a chain deleted as a
 * whole is found, and those that stand in D1 alone, which nobody wrote. No actor but the ledger is touched.
 */
export async function verifyTrail(
  env: Env,
  workspace: string,
  after: string,
  limit: number,
): Promise<Result<{ readonly verdict: TrailVerdict; readonly last?: string }>> {
  const ledger = ledgerOf(env, workspace);
  const heads = new Map((await ledger.heads(after, limit)).map((head) => [head.source, head]));
  if (!(await ledger.flushed())) return behind();
  // The first of both lists together are among the first of each.
  const stored = await storedChains(env.DB, workspace, after, limit);
  const chains = [...new Set([...heads.keys(), ...stored])].sort(byCodePoint).slice(0, limit);
  const bad: TrailVerdict["bad"] = [];
  let checked = 0;
  for (const { source: chain, beginning } of await ledger.standings(chains)) {
    const head = heads.get(chain) ?? NOWHERE;
    const check = await checkStored(env.DB, workspace, chain, { head, beginning }, () => ledger.headOf(chain));
    checked += check.checked;
    if (check.first_bad !== undefined) bad.push({ subject: chain, first_bad: check.first_bad });
  }
  const last = chains.length === limit ? chains.at(-1) : undefined;
  const verdict = { valid: bad.length === 0, chains: chains.length, checked, bad };
  return ok({ verdict, ...(last !== undefined && { last }) });
}

/** The head of a chain of which its keeper knows nothing. */
const NOWHERE: Link = UNCHECKED.last;

async function checkStored(
  db: D1Database,
  workspace: string,
  actor: string,
  { head, beginning }: { readonly head: Link; readonly beginning: Beginning | null },
  now: () => Promise<Link | null>,
): Promise<ChainCheck> {
  const passed = beginning?.forgetting ? [condition("seq > ?", beginning.seq)] : [];
  const where = [condition("workspace = ?", workspace), condition("actor = ?", actor), ...passed];
  let check = startOf(beginning);
  for await (const rows of auditPages({ db, where, order: ["seq"], index: "audit_chain" })) {
    check = verifyChain(rows, head, check);
    if (check.first_bad !== undefined) break;
  }
  return verifyEnd(check, head, check.beyond === undefined ? head : ((await now()) ?? NOWHERE));
}

/** Names of chains in D1 above `after`: one look at the index for each, however long they are. */
async function storedChains(db: D1Database, workspace: string, after: string, limit: number): Promise<string[]> {
  const { results } = await db
    .prepare(
      `WITH RECURSIVE chains (actor) AS (
         SELECT min(actor) FROM audit_log WHERE workspace = ?1 AND actor > ?2
         UNION ALL
         SELECT (SELECT min(actor) FROM audit_log WHERE workspace = ?1 AND actor > chains.actor)
         FROM chains WHERE chains.actor IS NOT NULL
         LIMIT ?3
       )
       SELECT actor FROM chains WHERE actor IS NOT NULL`,
    )
    .bind(workspace, after, limit)
    .all<{ actor: string }>();
  return results.map(({ actor }) => actor);
}

/** The subject as its actor is called by, or undefined for an id that cannot be a task's. */
function actorKey(subject: string): string | undefined {
  if (!subject.startsWith("task:")) return subject;
  const parsed = parseId(subject.slice("task:".length));
  return parsed?.kind === "task" && parsed.member === 0 ? `task:${parsed.id}` : undefined;
}

/** SQLite's order of text, which is that of UTF-8; `<` on strings is that of UTF-16. */
function byCodePoint(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function unknown(subject: string): Result<never> {
  return fail("NOT_FOUND", `nothing was ever written about ${subject}`);
}

function behind(): Result<never> {
  return fail("UNAVAILABLE", "the trail in the database is behind and cannot be brought up to date now", {
    retry_after_seconds: 2,
  });
}
