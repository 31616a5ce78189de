import type { Session } from "../locks/lock-types.ts";
import { isSoft, writerFor } from "./blockers.ts";
import type { Node, SessionNode, Wait } from "./graph-node.ts";

/** `wait` is held up by the session `next`: it holds that lock, or waits for it further ahead. */
export interface Hop {
  readonly wait: Wait;
  readonly next: SessionNode;
}

/** Hops from session to session; the last one leads to the session that waits in the first. Each session is there once. */
export type Cycle = readonly Hop[];

/** A node on a way, and by which of its waits the way leaves it if it is a session. */
export interface Leaving {
  readonly node: Node;
  readonly by: Wait | undefined;
}

/** A way around, from node to node, as hops from session to session. */
export function cycleOf(round: readonly Leaving[]): Cycle {
  const leaving = round.flatMap(({ node, by }) =>
    node.kind === "session" && by !== undefined ? [{ session: node, wait: by }] : [],
  );
  return leaving.flatMap(({ wait }, at) => {
    const next = leaving[(at + 1) % leaving.length]?.session;
    return next === undefined ? [] : [{ wait, next }];
  });
}

/** What a claim waits for: a lease, or a claim ahead of it, together with the exclusive claim that keeps the two apart. */
export type Blocker =
  | { readonly kind: "lease"; readonly lease: string; readonly token: number }
  | { readonly kind: "claim"; readonly claim: string; readonly writer: string };

/** A hop in plain words, to be asked about, stored and shown. Its session is the one that waits. */
export interface Link extends Session {
  readonly lock: string;
  readonly claim: string;
  /** Since when it waits (ms): tells an upgrade from a later one under the same id. */
  readonly since: number;
  readonly soft: boolean;
  readonly blocker: Blocker;
}

/** Whether the graph says the very same of the very same wait. */
export function isSameLink(one: Link, other: Link | undefined): boolean {
  const { claim, since, soft } = one;
  if (claim !== other?.claim || since !== other.since || soft !== other.soft) return false;
  return isSameBlocker(one.blocker, other.blocker);
}

function isSameBlocker(one: Blocker, other: Blocker): boolean {
  if (one.kind === "lease") return other.kind === "lease" && one.lease === other.lease && one.token === other.token;
  return other.kind === "claim" && one.claim === other.claim && one.writer === other.writer;
}

/** The cycle as it stands in the graph now; undefined if any hop of it is there no longer. */
export function linksOf(cycle: Cycle): readonly Link[] | undefined {
  const links: Link[] = [];
  for (const { wait, next } of cycle) {
    const { session, lock, claim, since } = wait;
    const blocker = lock.waits.get(claim) === wait ? blockerOf(wait, next) : undefined;
    if (blocker === undefined) return undefined;
    const { agent_id, session_id } = session;
    links.push({ agent_id, session_id, lock: lock.name, claim, since, soft: isSoft(wait), blocker });
  }
  return links;
}

/**
 * All sessions that this cycle depends on: those on it, and where a link lies within a queue also the writer that stands
 * between the two and the holders, without whom it might be gone or soft.
 */
export function involvedIn(cycle: Cycle): ReadonlySet<SessionNode> {
  const involved = new Set<SessionNode>();
  for (const { wait, next } of cycle) {
    involved.add(wait.session);
    if (next.holds.has(wait.lock)) continue;
    const writer = writerFor(wait);
    if (writer !== undefined) involved.add(writer.session);
    if (wait.mode === "shared") for (const { session } of wait.lock.holders.values()) involved.add(session);
  }
  return involved;
}

function blockerOf(wait: Wait, next: SessionNode): Blocker | undefined {
  const hold = next.holds.get(wait.lock);
  if (hold !== undefined) return { kind: "lease", lease: hold.lease, token: hold.token };
  const ahead = next.waits.find((one) => one.lock === wait.lock && !one.upgrade);
  const writer = writerFor(wait);
  if (ahead === undefined || writer === undefined || ahead.turn > writer.turn || ahead === wait) return undefined;
  return { kind: "claim", claim: ahead.claim, writer: writer.claim };
}
