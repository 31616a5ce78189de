/**
 * All that the coordinator of a workspace decides: graph, search and cases tied together (04-locks-and-deadlocks,
 * "Deadlocks"). Pure but for its memory: reports, answers and the time come in, commands go out. The graph is soft state,
 * rebuilt from snapshots; only names of locks, doomed cases and past aborts need to be stored.
 *
 * Cases that share a session follow one another: the later one is searched for again when the first is over, because what
 * ends the one may end both.
 */
import type { Session } from "../locks/lock-types.ts";
import { type Answer, judged, questionOf } from "./confirmation.ts";
import { type Cycle, involvedIn, isSameLink, type Link, linksOf } from "./cycle.ts";
import { Detector, type Found, STEP_BUDGET } from "./detector.ts";
import { type SessionNode, sessionKey, type Wait } from "./graph-node.ts";
import { type Case, type Command, type DoomedCase, deadlockInfo, firstStep, type Resolved } from "./resolution.ts";
import type { Report } from "./snapshot.ts";
import {
  type Contender,
  type DeadlockStrategy,
  isRemembered,
  type PastAborts,
  retryAfterMs,
  victimOf,
  withAbort,
} from "./victim.ts";
import { WaitForGraph } from "./wait-for-graph.ts";

/** While locks are contended the coordinator looks after them this often at the latest. */
export const WATCH_MS = 5_000;

export interface Remembered {
  readonly locks: readonly string[];
  readonly doomed: readonly DoomedCase[];
  readonly past: readonly PastAborts[];
}

/** Links that their locks have just denied, by their claim: it waits for one lock, so it names its link. */
type Denied = ReadonlyMap<string, Link>;
const NOTHING: Denied = new Map();

/** A case as long as it is open. */
interface Open {
  readonly id: string;
  readonly cycle: Cycle;
  readonly involved: readonly string[];
  readonly again: Set<SessionNode>;
}

export class Coordination {
  readonly graph = new WaitForGraph();
  readonly #strategy: DeadlockStrategy;
  readonly #detector: Detector;
  readonly #open = new Map<string, Open>();
  /** Which case each session is involved in. */
  readonly #involved = new Map<string, Open>();
  readonly #names = new Set<string>();
  readonly #past = new Map<string, PastAborts>();
  /** Where to search again, but not at once: a lock did not answer, or denied what the graph goes on to say. */
  readonly #later = new Set<SessionNode>();
  #cases = 0;

  constructor(strategy: DeadlockStrategy, budget = STEP_BUDGET) {
    this.#strategy = strategy;
    this.#detector = new Detector(this.graph.order, budget);
  }

  /** Takes up the work of an earlier life; `tick` then asks the locks. Called first, if at all. */
  restore({ locks, doomed, past }: Remembered): Command[] {
    for (const lock of locks) {
      this.#names.add(lock);
      this.graph.expect(lock);
    }
    for (const one of past) this.#past.set(sessionKey(one), one);
    for (const { id, involved } of doomed) this.#opened({ id, cycle: [], involved, again: new Set() });
    return doomed.map((one) => ({ do: "abort", case: one }));
  }

  /** A report arrived, in whatever order. */
  report(report: Report, now: number): Command[] {
    return this.#taken([report], [], now);
  }

  /** What the locks on a case answered; those that could not be reached are left out. */
  answered(asked: Case, answers: readonly Answer[], now: number): Command[] {
    const open = this.#open.get(asked.id);
    if (open === undefined) return [];
    const reports = answers.flatMap(({ report }) => report ?? []);
    const judgement = judged(asked.links.map(questionOf), answers);
    switch (judgement.kind) {
      case "gone":
        return this.#over(open, reports, now, deniedOf(asked.links, judgement.claims));
      case "unknown":
        return this.#overUnanswered(open, reports, now);
      case "soft":
        return [{ do: "let_in", case: asked, lock: judgement.link.lock, claim: judgement.link.claim }];
      case "hard":
        return [{ do: "abort", case: this.#doomed(asked, open.cycle, now) }];
    }
  }

  /** Whether or not the reader could be let in; `report`: its lock afterwards, undefined if it could not be reached. */
  letIn({ id, links }: Case, claim: string, report: Report | undefined, now: number): Command[] {
    const open = this.#open.get(id);
    if (open === undefined) return [];
    if (report === undefined) return this.#overUnanswered(open, [], now);
    return this.#over(open, [report], now, deniedOf(links, [claim]));
  }

  /**
   * When the victim's wait was ended (ms, by the lock's clock; the same when asked a second time). undefined: it did not
   * wait any more; then the case is void and nothing else is released.
   */
  aborted(doomed: DoomedCase, ended_at: number | undefined, report: Report, now: number): Command[] {
    const open = this.#open.get(doomed.id);
    if (open === undefined) return [];
    if (ended_at === undefined) return this.#over(open, [report], now, deniedOf(doomed.links, [doomed.victim.claim]));
    return [...this.#taken([report], [], now), { do: "release", case: doomed, before: ended_at, heard_at: now }];
  }

  /**
   * All that the victim had was released: `released_locks` are the ids of leases and claims that ended, the abort's
   * included; `reports` the locks afterwards. `random` in [0, 1).
   */
  released(
    doomed: DoomedCase,
    released_locks: readonly string[],
    reports: readonly Report[],
    now: number,
    random: number,
  ): { readonly resolved: Resolved; readonly commands: Command[] } {
    const { victim } = doomed;
    const past = withAbort(victim, this.#past.get(sessionKey(victim)), now);
    this.#past.set(sessionKey(victim), past);
    const { agent_id, session_id } = victim;
    const resolved: Resolved = {
      deadlock: deadlockInfo(doomed, released_locks),
      victim: { agent_id, session_id },
      retry_after_ms: retryAfterMs(past, random),
      past,
    };
    const open = this.#open.get(doomed.id);
    return { resolved, commands: open === undefined ? [] : this.#over(open, reports, now) };
  }

  /** To be called when `nextTickAt` says so: goes on with long searches, asks silent locks, forgets what is over. */
  tick(now: number): Command[] {
    for (const [key, past] of this.#past) if (!isRemembered(past, now)) this.#past.delete(key);
    const later = [...this.#later];
    this.#later.clear();
    const commands = this.graph.toAsk(now).map((lock): Command => ({ do: "ask_snapshot", lock }));
    return [...commands, ...this.#deal(this.#detector.find(later), now), ...this.#deal(this.#detector.slice(), now)];
  }

  /** When `tick` is due (ms); undefined: not before something arrives. */
  nextTickAt(now: number): number | undefined {
    if (this.#detector.isBusy) return now;
    return this.graph.isEmpty && this.#later.size === 0 ? undefined : now + WATCH_MS;
  }

  /** Takes in reports, then searches from whatever they touched and from `again`; `denied` as in `#deal`. */
  #taken(reports: readonly Report[], again: Iterable<SessionNode>, now: number, denied: Denied = NOTHING): Command[] {
    const roots = new Set(again);
    const commands: Command[] = [];
    for (const report of reports) {
      const applied = this.graph.apply(report, now);
      for (const root of applied.roots) roots.add(root);
      if (applied.ask) commands.push({ do: "ask_snapshot", lock: report.lock });
      if (applied.worth === "news") commands.push(...this.#named(report.lock));
    }
    return [...commands, ...this.#deal(this.#detector.find(roots), now, denied)];
  }

  #named(lock: string): Command[] {
    if (this.graph.isContended(lock) === this.#names.has(lock)) return [];
    if (this.#names.delete(lock)) return [{ do: "forget_lock", lock }];
    this.#names.add(lock);
    return [{ do: "remember_lock", lock }];
  }

  /**
   * Opens a case for each cycle, or leaves it to the open case that shares a session with it. One with a link that its lock has
   * just `denied` is for later: asked again at once, the lock would deny it again, and the two would do nothing else.
   */
  #deal(found: readonly Found[], now: number, denied: Denied = NOTHING): Command[] {
    return found.flatMap(({ cycle, again }) => {
      const links = linksOf(cycle);
      // A long search may have put together edges of different times. A short one, within this turn, cannot.
      if (links === undefined) return this.#deal(this.#detector.find(again), now, denied);
      if (links.some((link) => isSameLink(link, denied.get(link.claim)))) {
        for (const root of again) this.#later.add(root);
        return [];
      }
      const involved = [...involvedIn(cycle)].map(sessionKey);
      const other = involved.flatMap((key) => this.#involved.get(key) ?? [])[0];
      if (other !== undefined) {
        for (const root of again) other.again.add(root);
        return [];
      }
      this.#cases += 1;
      const id = `${now}-${this.#cases}`;
      this.#opened({ id, cycle, involved, again: new Set(again) });
      return [firstStep({ id, detected_at: now, links, involved })];
    });
  }

  #opened(open: Open): void {
    this.#open.set(open.id, open);
    for (const key of open.involved) this.#involved.set(key, open);
  }

  /** Closes a case and searches again where it was found. */
  #over(open: Open, reports: readonly Report[], now: number, denied: Denied = NOTHING): Command[] {
    this.#closed(open);
    return this.#taken(reports, open.again, now, denied);
  }

  /** Closes a case of which a lock could not be reached, and searches there again later. */
  #overUnanswered(open: Open, reports: readonly Report[], now: number): Command[] {
    this.#closed(open);
    for (const root of open.again) this.#later.add(root);
    return this.#taken(reports, [], now);
  }

  #closed(open: Open): void {
    this.#open.delete(open.id);
    for (const key of open.involved) this.#involved.delete(key);
  }

  #doomed(confirmed: Case, cycle: Cycle, now: number): DoomedCase {
    const contenders = cycle.map(({ wait }) => contenderOf(wait, this.graph.session(wait.session)));
    const pastOf = (session: Session) => this.#past.get(sessionKey(session));
    const victim = victimOf(contenders, this.#strategy, pastOf, now);
    const node = this.graph.session(victim);
    const [holds, waits] = [[...(node?.holds.values() ?? [])], node?.waits ?? []];
    const names = new Set([victim.lock, ...[...holds, ...waits].map(({ lock }) => lock.name)]);
    const ids = [...holds.map(({ lease }) => lease), ...waits.map(({ claim }) => claim)];
    return { ...confirmed, victim, strategy: this.#strategy, locks: [...names], ids };
  }
}

function deniedOf(links: readonly Link[], claims: readonly string[]): Denied {
  const wanted = new Set(claims);
  return new Map(links.flatMap((link) => (wanted.has(link.claim) ? [[link.claim, link]] : [])));
}

function contenderOf({ session, claim, lock, since, priority }: Wait, node = session): Contender {
  const { agent_id, session_id } = session;
  const held_since = [...node.holds.values()].map((hold) => hold.since);
  return { agent_id, session_id, held_since, claim, lock: lock.name, waits_since: since, priority };
}
