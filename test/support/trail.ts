/** A trail of a test's own: what is written to it, what D1 holds of it, and what the API says of it. */
import { env } from "cloudflare:workers";
import { expect } from "vitest";
import type { ChainedEntry } from "../../src/actor/journal.ts";
import type { ChainVerdict, TrailVerdict } from "../../src/audit/contract.ts";
import { AUDIT_COLUMNS, type StoredAuditRow } from "../../src/audit/query.ts";
import { flushStatements } from "../../src/db/flush.ts";
import { root } from "./api.ts";

export type { TrailVerdict };

/** The workspace of the test that runs; see {@link freshWorkspace}. */
export let workspace = "";

/** Before each test: nobody wrote anything there. */
export function freshWorkspace(): void {
  workspace = `trail-${crypto.randomUUID()}`;
}

export function inWorkspace(): { readonly "X-Workspace": string } {
  return { "X-Workspace": workspace };
}

/** Two entries in the chain of a resource, as often as wanted. */
export async function lockAndRelease(resource_id: string, times = 1): Promise<void> {
  for (let n = 0; n < times; n += 1) {
    const wanted = { resource_type: "resource", resource_id };
    const { status, body } = await root.post<{ id: string }>("/locks/acquire", wanted, inWorkspace());
    expect(status, JSON.stringify(body)).toBe(201);
    const released = await root.post("/locks/release", { lock_id: body.id }, inWorkspace());
    expect(released.status).toBe(204);
  }
}

/** Puts rows into D1 past every actor. */
export async function write(entries: readonly ChainedEntry[]): Promise<void> {
  await env.DB.batch(flushStatements(env.DB, workspace, { entries, changes: [], configuration: [] }));
}

/** The rows that D1 holds of one chain, by seq. */
export async function stored(actor: string): Promise<StoredAuditRow[]> {
  const { results } = await env.DB.prepare(
    `SELECT ${AUDIT_COLUMNS} FROM audit_log WHERE workspace = ?1 AND actor = ?2 ORDER BY seq`,
  )
    .bind(workspace, actor)
    .all<StoredAuditRow>();
  return results;
}

/** The verdict on one chain. */
export async function verify(subject: string): Promise<ChainVerdict> {
  return verdict<ChainVerdict>(`subject=${encodeURIComponent(subject)}`);
}

/** The verdict on a page of all chains. */
export async function verifyAll(query = ""): Promise<TrailVerdict> {
  return verdict<TrailVerdict>(query);
}

async function verdict<Verdict>(query: string): Promise<Verdict> {
  const { status, body } = await root.get<Verdict>(`/audit/verify?${query}`, inWorkspace());
  expect(status, JSON.stringify(body)).toBe(200);
  return body;
}
