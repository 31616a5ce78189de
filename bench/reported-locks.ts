/** Locks as a deadlock coordinator hears of them, and what it takes it to hear. */
import { performance } from "node:perf_hooks";
import { Coordination } from "../src/deadlocks/coordination.ts";
import type { Command } from "../src/deadlocks/resolution.ts";
import type { Holder, Report, Waiter } from "../src/deadlocks/snapshot.ts";

export interface Waited {
  /** id of the claim */
  readonly claim: string;
  /** that it took to report the wait, the search included */
  readonly us: number;
  /** Whether it closed a deadlock. */
  readonly closed: boolean;
}

interface Lock {
  seq: number;
  readonly holders: Holder[];
  readonly claims: string[];
}

/** Of each deadlock the one who closed it gives up waiting. */
export class ReportedLocks {
  readonly coordination = new Coordination("abort_youngest");
  readonly #locks = new Map<string, Lock>();
  #ids = 0;
  #now = 1_000_000;
  deadlocks = 0;

  hold(session: string, name: string, mode: Holder["mode"] = "exclusive"): void {
    const { holders } = this.#lock(name);
    holders.push({ agent: session, session, lease: this.#id(), token: holders.length + 1, mode, since: this.#now });
  }

  wait(session: string, name: string): Waited {
    const lock = this.#lock(name);
    const claim = this.#id();
    const waiter: Waiter = { agent: session, session, claim, mode: "exclusive", since: this.#now, priority: 50 };
    lock.claims.push(claim);
    const report = this.#reportOf(name, lock.claims.length === 1 ? "first" : "next", [waiter], []);
    const before = this.deadlocks;
    const began = performance.now();
    const commands = this.coordination.report(report, this.#now);
    const us = (performance.now() - began) * 1_000;
    this.#carryOut(commands);
    return { claim, us, closed: this.deadlocks > before };
  }

  end(name: string, claim: string): void {
    this.#carryOut(this.coordination.report(this.#endOf(name, claim), this.#now));
  }

  /** µs of each turn of the timer until nothing is parked any more. */
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

  #endOf(name: string, claim: string): Report {
    const { claims } = this.#lock(name);
    claims.splice(claims.indexOf(claim), 1);
    return this.#reportOf(name, claims.length === 0 ? "none" : "next", [], [claim]);
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

  #carryOut(commands: readonly Command[]): void {
    for (const command of commands) {
      const [link] = command.do === "confirm" ? command.case.links : [];
      if (command.do !== "confirm" || link === undefined) continue;
      this.deadlocks += 1;
      const report = this.#endOf(link.lock, link.claim);
      this.#carryOut(this.coordination.letIn(command.case, link.claim, report, this.#now));
    }
  }

  #lock(name: string): Lock {
    const known = this.#locks.get(name) ?? { seq: 0, holders: [], claims: [] };
    this.#locks.set(name, known);
    return known;
  }

  #id(): string {
    this.#ids += 1;
    return `01970000-0000-8000-8000-${this.#ids.toString(16).padStart(12, "0")}`;
  }
}
