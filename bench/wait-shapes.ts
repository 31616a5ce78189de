/** Shapes of wait-for graphs with 50,000 locks and 10,000 waiters, and what a wait costs in each (06-performance). */
import { ReportedLocks, type Waited } from "./reported-locks.ts";

export const LOCKS = 50_000;
export const WAITERS = 10_000;
const HELD_EACH = LOCKS / WAITERS;
const SAMPLES = 10_000;
const READERS = 10;

export interface Shape {
  readonly name: string;
  /** Measures in a new graph, in each run the same. */
  readonly run: () => readonly Waited[];
}

export const SHAPES: readonly Shape[] = [
  { name: "spread: each holds five locks, waits for one of somebody's", run: spread },
  { name: "hot: 10,000 waiters of one lock with ten holders", run: hot },
  { name: "awaited: hot, and for each of the 10,000 somebody else waits", run: awaited },
  { name: "chain: 10,000 one behind the other, joined anywhere", run: chain },
  { name: "readers: each lock of the 10,000 has ten holders", run: readers },
  { name: "tangle: spread, and each waits for a second lock, too", run: tangle },
  { name: "flip: two chains of 5,000, each before the other in turns", run: flip },
];

/** Two chains, and the last of each waits for the first of the other, in turns. What is parked is counted, too. */
function flip(): readonly Waited[] {
  const locks = new ReportedLocks();
  const half = WAITERS / 2;
  for (const name of ["left", "right"]) {
    for (let at = 0; at < half; at += 1) locks.hold(`${name}-${at}`, `resource:${name}-${at}`);
    for (let at = 1; at < half; at += 1) locks.wait(`${name}-${at}`, `resource:${name}-${at - 1}`);
  }
  return Array.from({ length: 100 }, (_, sample) => {
    const [one, other] = sample % 2 === 0 ? ["left", "right"] : ["right", "left"];
    const waited = locks.wait(`${one}-0`, `resource:${other}-${half - 1}`);
    const us = locks.slices().reduce((sum, slice) => sum + slice, waited.us);
    locks.end(`resource:${other}-${half - 1}`, waited.claim);
    return { ...waited, us };
  });
}

/** A chain that its head closes. µs from the wait until the questions are ready. */
export function ring(): number {
  const locks = chained();
  const { us } = locks.wait(nameOf(0), lockOf(WAITERS - 1, 0));
  return locks.slices().reduce((sum, slice) => sum + slice, us);
}

/** A reproducible source of chance (mulberry32). */
function chance(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

export function lockOf(session: number, n: number): string {
  return `resource:database:prod/table-${session}-${n}`;
}

export function nameOf(session: number): string {
  return `agent-${session}`;
}

interface Standing {
  readonly session: number;
  lock: string;
  claim: string;
}

/** Everybody holds five locks and waits for one of somebody of a lower number, so that nothing ever locks up. */
function spreadOut(): { locks: ReportedLocks; waits: Standing[] } {
  const random = chance(1);
  const locks = new ReportedLocks();
  for (let session = 0; session <= WAITERS; session += 1) {
    for (let n = 0; n < HELD_EACH; n += 1) locks.hold(nameOf(session), lockOf(session, n));
  }
  const waits = [];
  for (let session = 1; session <= WAITERS; session += 1) {
    const lock = lockOf(random(session), random(HELD_EACH));
    waits.push({ session, lock, claim: locks.wait(nameOf(session), lock).claim });
  }
  return { locks, waits };
}

/** One after the other, at random, gives up its wait and begins another one. */
function moved(locks: ReportedLocks, waits: Standing[], lockFor: (session: number) => string): readonly Waited[] {
  const random = chance(2);
  return Array.from({ length: SAMPLES }).flatMap(() => {
    const wait = waits[random(waits.length)];
    if (wait === undefined) return [];
    locks.end(wait.lock, wait.claim);
    wait.lock = lockFor(wait.session);
    const waited = locks.wait(nameOf(wait.session), wait.lock);
    wait.claim = waited.claim;
    return waited;
  });
}

function spread(): readonly Waited[] {
  const random = chance(3);
  const { locks, waits } = spreadOut();
  return moved(locks, waits, (session) => lockOf(random(session), random(HELD_EACH)));
}

function tangle(): readonly Waited[] {
  const random = chance(3);
  const { locks } = spreadOut();
  return Array.from({ length: WAITERS }, (_, at) => {
    const waited = locks.wait(nameOf(at + 1), lockOf(random(at + 1), random(HELD_EACH)));
    locks.slices();
    return waited;
  });
}

function readers(): readonly Waited[] {
  const random = chance(4);
  const locks = new ReportedLocks();
  const waits: Standing[] = [];
  // The lock of a number is read by ten sessions from there on, so everybody waits for sessions of lower numbers.
  for (let n = 0; n <= WAITERS; n += 1) {
    for (let reader = 0; reader < READERS; reader += 1) locks.hold(nameOf(n + reader), lockOf(n, 0), "shared");
  }
  for (let session = READERS; session <= WAITERS; session += 1) {
    const lock = lockOf(random(session - READERS + 1), 0);
    waits.push({ session, lock, claim: locks.wait(nameOf(session), lock).claim });
  }
  return moved(locks, waits, (session) => lockOf(random(session - READERS + 1), 0));
}

function hotLock(): ReportedLocks {
  const locks = new ReportedLocks();
  for (let holder = 0; holder < READERS; holder += 1) locks.hold(`reader-${holder}`, "resource:hot", "shared");
  return locks;
}

function hot(): readonly Waited[] {
  const locks = hotLock();
  const claims = Array.from({ length: WAITERS }, (_, session) => locks.wait(nameOf(session), "resource:hot").claim);
  return claims.map((first, session) => {
    locks.end("resource:hot", first);
    return locks.wait(nameOf(session), "resource:hot");
  });
}

function awaited(): readonly Waited[] {
  const locks = hotLock();
  for (let session = 0; session < WAITERS; session += 1) {
    locks.hold(nameOf(session), lockOf(session, 0));
    locks.wait(`behind-${session}`, lockOf(session, 0));
  }
  return Array.from({ length: WAITERS }, (_, session) => locks.wait(nameOf(session), "resource:hot"));
}

function chained(): ReportedLocks {
  const locks = new ReportedLocks();
  for (let session = 0; session <= WAITERS; session += 1) locks.hold(nameOf(session), lockOf(session, 0));
  for (let session = 1; session < WAITERS; session += 1) locks.wait(nameOf(session), lockOf(session - 1, 0));
  return locks;
}

function chain(): readonly Waited[] {
  const random = chance(5);
  const locks = chained();
  return Array.from({ length: 2_000 }, (_, sample) => {
    const newcomer = `newcomer-${sample}`;
    locks.hold(newcomer, `resource:of-${newcomer}`);
    locks.wait(`behind-${newcomer}`, `resource:of-${newcomer}`);
    return locks.wait(newcomer, lockOf(random(WAITERS), 0));
  });
}
