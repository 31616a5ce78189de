/**
 * What the deadlock detector costs per wait, with 50,000 locks and 10,000 waiters (06-performance, target p99 < 100 µs), and
 * how much memory its graph takes. Run with `node bench/detector.ts`. Times are of `Coordination.report` for one report that
 * begins a wait, the search included; ends of waits are reported in between and not counted.
 */
import { performance } from "node:perf_hooks";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Coordination } from "../src/deadlocks/coordination.ts";
import type { Command } from "../src/deadlocks/resolution.ts";
import type { Holder, Report, Waiter } from "../src/deadlocks/snapshot.ts";

const LOCKS = 50_000;
const WAITERS = 10_000;
const HELD_EACH = LOCKS / WAITERS;
const SAMPLES = 20_000;

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

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

/** Locks as the coordinator hears of them; makes snapshots and deltas as a lock would. */
class Reporter {
  readonly coordination = new Coordination("abort_youngest");
  readonly #locks = new Map<string, { seq: number; holders: Holder[]; claims: string[] }>();
  #ids = 0;
  #now = 1_000_000;
  deadlocks = 0;

  hold(session: string, lock: string, mode: Holder["mode"] = "exclusive"): void {
    const state = this.#lock(lock);
    const token = state.holders.length + 1;
    state.holders.push({ agent: session, session, lease: this.#id(), token, mode, since: this.#now });
  }

  /** Begins a wait, and returns what reporting it took, in µs. */
  wait(session: string, lock: string): { claim: string; us: number; closed: boolean } {
    const state = this.#lock(lock);
    const claim = this.#id();
    const waiter: Waiter = { agent: session, session, claim, mode: "exclusive", since: this.#now, priority: 50 };
    state.claims.push(claim);
    const report = this.#reportOf(lock, state.claims.length === 1 ? "first" : "next", [waiter], []);
    const began = performance.now();
    const commands = this.coordination.report(report, this.#now);
    const us = (performance.now() - began) * 1_000;
    const before = this.deadlocks;
    this.#carryOut(commands);
    this.slices();
    return { claim, us, closed: this.deadlocks > before };
  }

  end(lock: string, claim: string): void {
    this.#carryOut(this.coordination.report(this.#endOf(lock, claim), this.#now));
  }

  #endOf(lock: string, claim: string): Report {
    const state = this.#lock(lock);
    state.claims.splice(state.claims.indexOf(claim), 1);
    return this.#reportOf(lock, state.claims.length === 0 ? "none" : "next", [], [claim]);
  }

  #reportOf(lock: string, kind: "first" | "next" | "none", queue: Waiter[], gone_claims: string[]): Report {
    const state = this.#lock(lock);
    const after = state.seq;
    state.seq += 1;
    this.#now += 1;
    const version = { lock, epoch: 1, seq: state.seq };
    const holders = kind === "first" ? [...state.holders] : [];
    return kind === "next"
      ? { kind: "delta", ...version, after, gone_leases: [], gone_claims, holders, queue }
      : { kind: "snapshot", ...version, holders, queue };
  }

  /** Of each deadlock one gives up waiting. */
  #carryOut(commands: readonly Command[]): void {
    for (const command of commands) {
      const [link] = command.do === "confirm" ? command.case.links : [];
      if (command.do !== "confirm" || link === undefined) continue;
      this.deadlocks += 1;
      const report = this.#endOf(link.lock, link.claim);
      this.#carryOut(this.coordination.letIn(command.case, report, this.#now));
    }
  }

  /** µs of each slice until nothing is parked any more. */
  slices(): number[] {
    const slices: number[] = [];
    while (this.coordination.nextTickAt(this.#now) === this.#now) {
      const began = performance.now();
      const commands = this.coordination.tick(this.#now);
      slices.push((performance.now() - began) * 1_000);
      this.#carryOut(commands);
    }
    return slices;
  }

  #lock(name: string) {
    const known = this.#locks.get(name) ?? { seq: 0, holders: [], claims: [] };
    this.#locks.set(name, known);
    return known;
  }

  #id(): string {
    this.#ids += 1;
    return `01970000-0000-8000-8000-${this.#ids.toString(16).padStart(12, "0")}`;
  }
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

function row(name: string, times: readonly number[], more = ""): void {
  const sorted = [...times].sort((a, b) => a - b);
  const cell = (value: number) => value.toFixed(1).padStart(9);
  const [p50, p99, most] = [quantile(sorted, 0.5), quantile(sorted, 0.99), quantile(sorted, 1)];
  console.log(`${name.padEnd(58)}${cell(p50)}${cell(p99)}${cell(most)}  ${more}`);
}

const lockOf = (session: number, n: number) => `resource:database:prod/table-${session}-${n}`;
const nameOf = (session: number) => `agent-${session}`;

/** Everybody holds five locks and waits for one of somebody of a lower number, so that nothing ever locks up. */
function spread(): { reporter: Reporter; waits: { session: number; lock: string; claim: string }[] } {
  const random = chance(1);
  const reporter = new Reporter();
  for (let session = 0; session <= WAITERS; session += 1) {
    for (let n = 0; n < HELD_EACH; n += 1) reporter.hold(nameOf(session), lockOf(session, n));
  }
  const waits = [];
  for (let session = 1; session <= WAITERS; session += 1) {
    const lock = lockOf(random(session), random(HELD_EACH));
    waits.push({ session, lock, claim: reporter.wait(nameOf(session), lock).claim });
  }
  return { reporter, waits };
}

function heapMiB(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed / 2 ** 20;
}

function benchSpread(): void {
  const random = chance(2);
  const { reporter, waits } = spread();
  const times: number[] = [];
  for (let sample = 0; sample < SAMPLES; sample += 1) {
    const wait = waits[random(waits.length)];
    if (wait === undefined) continue;
    reporter.end(wait.lock, wait.claim);
    wait.lock = lockOf(random(wait.session), random(HELD_EACH));
    const { claim, us } = reporter.wait(nameOf(wait.session), wait.lock);
    wait.claim = claim;
    times.push(us);
  }
  row("spread: 50,000 locks held, 10,000 waiters, random", times, `${reporter.deadlocks} deadlocks`);
}

function benchHot(): void {
  const reporter = new Reporter();
  for (let holder = 0; holder < 10; holder += 1) reporter.hold(`reader-${holder}`, "resource:hot", "shared");
  const claims: string[] = [];
  for (let session = 0; session < WAITERS; session += 1)
    claims.push(reporter.wait(nameOf(session), "resource:hot").claim);
  const times: number[] = [];
  for (let sample = 0; sample < SAMPLES; sample += 1) {
    const first = claims.shift();
    if (first !== undefined) reporter.end("resource:hot", first);
    const { claim, us } = reporter.wait(nameOf(sample % WAITERS), "resource:hot");
    claims.push(claim);
    times.push(us);
  }
  row("hot: 10,000 waiters of one lock with 10 holders", times);
}

function benchAwaited(): void {
  const reporter = new Reporter();
  for (let holder = 0; holder < 10; holder += 1) reporter.hold(`reader-${holder}`, "resource:hot", "shared");
  for (let session = 0; session < WAITERS; session += 1) {
    reporter.hold(nameOf(session), `resource:own-${session}`);
    reporter.wait(`behind-${session}`, `resource:own-${session}`);
  }
  const times: number[] = [];
  for (let session = 0; session < WAITERS; session += 1) times.push(reporter.wait(nameOf(session), "resource:hot").us);
  row("hot, and for each of the 10,000 somebody else waits", times);
}

function benchSeveral(): void {
  const random = chance(3);
  const { reporter } = spread();
  const [open, closing]: [number[], number[]] = [[], []];
  for (let session = 1; session <= WAITERS; session += 1) {
    const { us, closed } = reporter.wait(nameOf(session), lockOf(random(session), random(HELD_EACH)));
    (closed ? closing : open).push(us);
  }
  row("worst: each of the 10,000 waits for a second lock, too", open);
  row("   those that close a deadlock", closing, `${reporter.deadlocks} deadlocks`);
}

function benchChain(): void {
  const random = chance(4);
  const reporter = new Reporter();
  for (let session = 0; session <= WAITERS; session += 1) reporter.hold(nameOf(session), lockOf(session, 0));
  for (let session = 1; session < WAITERS; session += 1) reporter.wait(nameOf(session), lockOf(session - 1, 0));
  const times: number[] = [];
  for (let sample = 0; sample < 2_000; sample += 1) {
    const newcomer = `newcomer-${sample}`;
    reporter.hold(newcomer, `resource:of-${newcomer}`);
    reporter.wait(`behind-${newcomer}`, `resource:of-${newcomer}`);
    times.push(reporter.wait(newcomer, lockOf(random(WAITERS), 0)).us);
  }
  row("chain: 10,000 one behind the other, joined anywhere", times);
  const closing = reporter.wait(nameOf(0), lockOf(WAITERS - 1, 0)).us;
  const slices = reporter.slices();
  const total = closing + slices.reduce((sum, us) => sum + us, 0);
  row(
    "ring of 10,000: slices after the closing wait",
    slices,
    `${(total / 1_000).toFixed(1)} ms from wait to question`,
  );
}

function benchMemory(): void {
  const before = heapMiB();
  const kept = new Coordination("abort_youngest");
  for (let at = 0; at < LOCKS; at += 1) {
    const [owner, waiter] = [nameOf(at % WAITERS), `waiter-${Math.floor(at / HELD_EACH)}`];
    const [since, mode] = [at, "exclusive" as const];
    const lease = `01970000-0000-8000-8000-${at.toString(16).padStart(12, "0")}`;
    const contended = at % HELD_EACH === 0;
    const holders = contended ? [{ agent: owner, session: owner, lease, token: 1, mode, since }] : [];
    const claim = `01970001-0000-8000-8000-${at.toString(16).padStart(12, "0")}`;
    const queue = contended ? [{ agent: waiter, session: waiter, claim, mode, since, priority: 50 }] : [];
    kept.report({ kind: "snapshot", lock: lockOf(at, 0), epoch: 1, seq: 1, holders, queue }, at);
  }
  const used = heapMiB() - before;
  console.log(
    `\nmemory: ${used.toFixed(1)} MiB for 50,000 locks that were contended within a minute, 10,000 waiters (${!kept.graph.isEmpty})`,
  );
}

console.log(`${"µs per wait".padEnd(58)}${"p50".padStart(9)}${"p99".padStart(9)}${"max".padStart(9)}`);
for (const bench of [benchSpread, benchHot, benchAwaited, benchSeveral, benchChain]) bench();
benchMemory();
