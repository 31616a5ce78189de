import type { Caller } from "../actor/caller.ts";
import { type ChainedEntry, canonicalJson, entryOf, GENESIS, type Happening, linkHash } from "../actor/journal.ts";
import type { StoredAuditRow } from "./query.ts";

/** Somebody who acts, for tests. */
export function caller(workspace: string, id = "ann"): Caller {
  return {
    workspace,
    who: { id, kind: "user", roles: ["admin"] },
    name: id,
    where: { service: "api", ip: "192.0.2.1", user_agent: 'curl "8"' },
    request_id: "6f2b1f6e-6a34-4c56-9a53-d3c1b0f3f2a1",
  };
}

/** What an actor would have journalled, linked, for tests; `seqs` may have gaps. */
export function chain(
  workspace: string,
  actor: string,
  seqs: readonly number[],
  happening: (seq: number) => Partial<Happening> = () => ({}),
  after: { readonly hash: string } = { hash: GENESIS },
): ChainedEntry[] {
  let prev_hash = after.hash;
  return seqs.map((seq) => {
    const what: Happening = {
      action: "lock.released",
      subject_type: "resource",
      subject_id: "database:prod/orders",
      from_state: "held",
      to_state: "free",
      why: { reason: "done" },
      details: { lock_id: "l", n: seq },
      ...happening(seq),
    };
    const micros = 1_795_000_000_000_000 + seq;
    const entry = JSON.parse(canonicalJson(entryOf(what, { workspace, actor, seq, micros }, caller(workspace))));
    const link = { entry, prev_hash, hash: linkHash(prev_hash, canonicalJson(entry)) };
    prev_hash = link.hash;
    return link;
  });
}

/** An entry as D1 holds it, for tests. */
export function storedRow({ entry, prev_hash, hash }: ChainedEntry): StoredAuditRow {
  const { who, where, why, details, from_state = null, to_state = null, ...plain } = entry;
  return {
    ...plain,
    id: 1000 + entry.seq,
    from_state,
    to_state,
    who: JSON.stringify(who),
    where: JSON.stringify(where),
    why: why === undefined ? null : JSON.stringify(why),
    details: details === undefined ? null : JSON.stringify(details),
    prev_hash,
    hash,
  };
}
