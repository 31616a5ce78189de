/**
 * Whether a suspected deadlock is one (04-locks-and-deadlocks, "Resolution" 2). The coordinator asks each lock on the cycle
 * about its own link. What is asked for was reported before the question was sent; if it still stands when the answer is
 * given, it stood at the moment of sending, for no id, token or time of asking ever comes back. So if all answers agree,
 * there was one moment at which the whole cycle stood, and a real cycle does not dissolve by itself.
 */
import { isUpgrading, type LockBook, waitersOf } from "../locks/lock-book.ts";
import { memberOf } from "../locks/lock-id.ts";
import type { Blocker, Link } from "./cycle.ts";
import { waitsSince } from "./lock-report.ts";
import type { Snapshot } from "./snapshot.ts";

/** Asked of `lock`: does this claim still wait, and does what it waits for still stand in its way? */
export interface Question {
  readonly lock: string;
  readonly claim: string;
  readonly since: number;
  readonly blocker: Blocker;
}

/** `soft`: it stands, but only the queue holds the claim up, so that it could be let in. */
export type Verdict = "hard" | "soft" | "gone";

export interface Answer {
  readonly lock: string;
  readonly claim: string;
  readonly verdict: Verdict;
  /** With "gone", the lock as it is: the coordinator was wrong about it. */
  readonly report?: Snapshot;
}

export function questionOf({ lock, claim, since, blocker }: Link): Question {
  return { lock, claim, since, blocker };
}

/** The lock's answer. The book is settled. When in doubt: gone. */
export function verdictOf(book: LockBook, { claim, since, blocker }: Question): Verdict {
  if (book.capacity !== null && book.capacity !== 1) return "gone";
  const member = memberOf(claim);
  const waiting = waitersOf(book).find((waiter) => waiter.member === member);
  if (waiting === undefined || waitsSince(waiting) !== since || !stands(book, waiting.member, blocker)) return "gone";
  const isReader = !isUpgrading(waiting) && waiting.mode === "shared";
  return isReader && book.holders[0]?.mode !== "exclusive" ? "soft" : "hard";
}

function stands(book: LockBook, waiting: number, blocker: Blocker): boolean {
  if (blocker.kind === "lease") {
    const holder = book.holders.find((lease) => lease.member === memberOf(blocker.lease));
    return holder?.token === blocker.token && holder.member !== waiting;
  }
  const [ahead, barrier] = [memberOf(blocker.claim), memberOf(blocker.writer)];
  const writer = book.queue.find((claim) => claim.member === barrier);
  const isQueued = book.queue.some((claim) => claim.member === ahead);
  // The queue is in the order of its members.
  return isQueued && writer?.mode === "exclusive" && ahead < waiting && ahead <= barrier && barrier <= waiting;
}

/**
 * `hard`: each link stands, somebody has to give way. `soft`: each stands, and this claim can be let in. `gone`: the links of
 * these claims are. `unknown`: a lock did not answer.
 */
export type Judgement =
  | { readonly kind: "hard" | "unknown" }
  | { readonly kind: "gone"; readonly claims: readonly string[] }
  | { readonly kind: "soft"; readonly link: Question };

/** What the answers say of a case. A claim waits for one lock, so it names its link. */
export function judged(questions: readonly Question[], answers: readonly Answer[]): Judgement {
  const verdictOn = new Map(answers.map(({ claim, verdict }) => [claim, verdict]));
  const verdicts = questions.map(({ claim }) => verdictOn.get(claim));
  if (verdicts.includes("gone")) {
    return { kind: "gone", claims: questions.flatMap(({ claim }, at) => (verdicts[at] === "gone" ? [claim] : [])) };
  }
  if (verdicts.includes(undefined)) return { kind: "unknown" };
  const link = questions[verdicts.indexOf("soft")];
  return link === undefined ? { kind: "hard" } : { kind: "soft", link };
}
