/**
 * The wait-for graph of a workspace (04-locks-and-deadlocks, "Deadlocks"; docs/design/deadlocks.md), put together from the
 * reports of contended locks. No edge is stored: who waits for a lock waits for its holders, so the lock itself is a node
 * between them, and a wait costs one entry however many hold the lock or queue for it.
 *
 * A session goes on when all its claims are granted (AND): each of its waits counts.
 */
import type { Session } from "../locks/lock-types.ts";
import { type Hold, LockNode, SessionNode, sessionKey, Wait } from "./graph-node.ts";
import { type Delta, type Holder, type Report, type Snapshot, type Waiter, worthOf } from "./snapshot.ts";
import { WaitOrder } from "./wait-order.ts";

export interface Applied {
  readonly worth: ReturnType<typeof worthOf>;
  /** Every cycle that this report closed goes through one of them. */
  readonly roots: ReadonlySet<SessionNode>;
  /** Reports are missing: ask this lock for a snapshot now. */
  readonly ask: boolean;
}

/** A lock sends a snapshot every 30 s while contended: two may be lost, then it has to be asked. */
export const SILENT_AFTER_MS = 65_000;
const ASK_AGAIN_MS = 5_000;
const NOBODY: ReadonlySet<SessionNode> = new Set();

export class WaitForGraph {
  /** Right but for the roots of what was applied, which have to be searched from. */
  readonly order = new WaitOrder();
  readonly #locks = new Map<string, LockNode>();
  readonly #sessions = new Map<string, SessionNode>();

  /** Takes in a report that arrived at `now` (ms). After a `gap` the lock stands as it was and has to be asked. */
  apply(report: Report, now: number): Applied {
    const worth = worthOf(report, this.#locks.get(report.lock)?.version);
    const lock = this.#lock(report.lock);
    if (worth !== "old") lock.heard_at = now;
    if (worth === "gap") lock.wanting = true;
    if (worth !== "news") return { worth, roots: NOBODY, ask: worth === "gap" && isAskedNow(lock, now) };
    const roots = this.#change(lock, report.kind === "delta" ? report : changesTo(lock, report));
    lock.version = { epoch: report.epoch, seq: report.seq };
    if (report.kind === "snapshot") lock.wanting = false;
    return { worth, roots, ask: false };
  }

  /** A lock that was contended when last heard of, in an earlier life of the coordinator: it will be asked. */
  expect(name: string): void {
    this.#lock(name).wanting = true;
  }

  /**
   * Locks to ask for a snapshot now: those with missing reports, and contended ones that fell silent. Each is named at most
   * every 5 s. Uncontended ones are forgotten when no old report of theirs can be under way any more.
   */
  toAsk(now: number): string[] {
    const asked: string[] = [];
    for (const lock of this.#locks.values()) {
      const isSilent = now - lock.heard_at >= SILENT_AFTER_MS;
      if (isSilent && !lock.wanting && lock.waits.size === 0) {
        this.#locks.delete(lock.name);
      } else if ((isSilent || lock.wanting) && isAskedNow(lock, now)) {
        asked.push(lock.name);
      }
    }
    return asked;
  }

  isContended(name: string): boolean {
    return (this.#locks.get(name)?.waits.size ?? 0) > 0;
  }

  /** Whether there is anything to watch over. */
  get isEmpty(): boolean {
    return this.#locks.size === 0;
  }

  session(session: Session): SessionNode | undefined {
    return this.#sessions.get(sessionKey(session));
  }

  sessions(): Iterable<SessionNode> {
    return this.#sessions.values();
  }

  #change(lock: LockNode, changes: Changes): Set<SessionNode> {
    for (const claim of changes.gone_claims) this.#endWait(lock.waits.get(claim));
    for (const lease of changes.gone_leases) this.#endHold(lock.holders.get(lease));
    // All that waits here waits then for those who entered: closing a cycle takes that they wait themselves.
    const entered = lock.waits.size > 0 ? new Set<SessionNode>() : sessionsOf(lock);
    for (const holder of changes.holders) this.#hold(lock, holder, entered);
    const touched = changes.queue.map((waiter) => this.#wait(lock, waiter));
    const roots = new Set<SessionNode>();
    for (const session of entered) if (session.waits.length > 0) roots.add(session);
    for (const sessions of touched) for (const session of sessions) roots.add(session);
    return roots;
  }

  /** Adds the session to those who `entered`, if it did not hold this lock before. */
  #hold(lock: LockNode, holder: Holder, entered: Set<SessionNode>): void {
    const session = this.#sessionOf(holder);
    if (!session.holds.has(lock)) entered.add(session);
    const { lease, token, mode, since } = holder;
    const hold: Hold = { session, lock, lease, token, mode, since };
    lock.holders.set(lease, hold);
    session.holds.set(lock, hold);
  }

  /** The sessions through which this wait may have closed a cycle. */
  #wait(lock: LockNode, waiter: Waiter): readonly SessionNode[] {
    const earlier = lock.waits.get(waiter.claim);
    const session = this.#sessionOf(waiter);
    const upgrade = session.holds.has(lock);
    const turn = upgrade ? -1 : earlier === undefined || earlier.upgrade ? lock.next_turn++ : earlier.turn;
    this.#endWait(earlier);
    // It may have been forgotten in between, as a session without leases and claims is.
    this.#sessions.set(sessionKey(session), session);
    const { claim, mode, since, priority } = waiter;
    const wait = new Wait({ session, lock, claim, mode, since, priority, upgrade, turn });
    if (lock.waits.size === 0) this.order.addLock(lock, session);
    lock.waits.set(claim, wait);
    session.waits.push(wait);
    if (upgrade) lock.upgrades = [...lock.upgrades, wait];
    else this.#queue(wait);
    if (!upgrade && mode === "exclusive") lock.writers.add(wait);
    // A reader in the queue became a writer: those behind it now wait for the readers before it, too.
    const joined = upgrade || earlier === undefined || mode === "shared" ? [] : lock.elsewhere.allBefore(turn);
    for (const ahead of joined) this.order.addWait(ahead);
    if (session.waits.length === 2) for (const one of session.waits) this.#enter(one);
    else if (session.waits.length > 2) this.#enter(wait);
    return joined.length === 0 ? [session] : [session, ...joined.map((ahead) => ahead.session)];
  }

  #queue(wait: Wait): void {
    const { queue } = wait.lock;
    const ahead = queue.before(wait.turn);
    const isElsewhere = ahead !== undefined && ahead.session.waits.length > 1;
    if (isElsewhere && ahead.rank < 0) this.order.addWait(ahead);
    queue.add(wait);
  }

  /** Its session waits elsewhere, too. */
  #enter(wait: Wait): void {
    if (wait.upgrade) return;
    const { elsewhere, queue } = wait.lock;
    elsewhere.add(wait);
    // As long as it is the last, nothing leads to it.
    if (queue.from(wait.turn + 1) !== undefined) this.order.addWait(wait);
  }

  #leave(wait: Wait): void {
    wait.lock.elsewhere.delete(wait);
    this.order.remove(wait);
  }

  #endHold(hold: Hold | undefined): void {
    if (hold === undefined) return;
    hold.lock.holders.delete(hold.lease);
    hold.session.holds.delete(hold.lock);
    this.#forgetIfIdle(hold.session);
  }

  #endWait(wait: Wait | undefined): void {
    if (wait === undefined) return;
    const { lock, session } = wait;
    lock.waits.delete(wait.claim);
    session.waits.splice(session.waits.indexOf(wait), 1);
    lock.queue.delete(wait);
    lock.writers.delete(wait);
    if (wait.upgrade) lock.upgrades = lock.upgrades.filter((one) => one !== wait);
    this.#leave(wait);
    if (session.waits.length === 1) for (const last of session.waits) this.#leave(last);
    if (session.waits.length === 0) this.order.remove(session);
    if (lock.waits.size === 0) this.order.remove(lock);
    this.#forgetIfIdle(session);
  }

  #forgetIfIdle(session: SessionNode): void {
    if (session.holds.size === 0 && session.waits.length === 0) this.#sessions.delete(sessionKey(session));
  }

  #sessionOf({ agent: agent_id, session: session_id }: Pick<Waiter, "agent" | "session">): SessionNode {
    const key = sessionKey({ agent_id, session_id });
    const known = this.#sessions.get(key);
    if (known !== undefined) return known;
    const session = new SessionNode({ agent_id, session_id });
    this.#sessions.set(key, session);
    return session;
  }

  #lock(name: string): LockNode {
    const known = this.#locks.get(name);
    if (known !== undefined) return known;
    const lock = new LockNode(name);
    this.#locks.set(name, lock);
    return lock;
  }
}

function sessionsOf(lock: LockNode): Set<SessionNode> {
  const sessions = new Set<SessionNode>();
  for (const { session } of lock.holders.values()) sessions.add(session);
  return sessions;
}

function isAskedNow(lock: LockNode, now: number): boolean {
  if (now - lock.asked_at < ASK_AGAIN_MS) return false;
  lock.asked_at = now;
  return true;
}

type Changes = Pick<Delta, "gone_leases" | "gone_claims" | "holders" | "queue">;

/** New claims always follow those known: a lock hands out ids in the order of its queue. So the order needs no repair. */
function changesTo(lock: LockNode, { holders, queue }: Snapshot): Changes {
  const leases = new Set(holders.map(({ lease }) => lease));
  const claims = new Set(queue.map(({ claim }) => claim));
  return {
    gone_leases: [...lock.holders.keys()].filter((lease) => !leases.has(lease)),
    gone_claims: [...lock.waits.keys()].filter((claim) => !claims.has(claim)),
    holders: holders.filter(({ lease, token, mode }) => {
      const known = lock.holders.get(lease);
      return known?.token !== token || known.mode !== mode;
    }),
    queue: queue.filter(({ claim, mode, since }) => {
      const known = lock.waits.get(claim);
      return known?.since !== since || known.mode !== mode || known.upgrade !== leases.has(claim);
    }),
  };
}
