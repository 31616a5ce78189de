/** A ledger for each test of a file, in a workspace of its own, and a clock that only tests move. */
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, vi } from "vitest";
import type { ChainedEntry } from "../../src/actor/journal.ts";
import { inLedger } from "./ledger.ts";

export class LedgerScene {
  workspace = "";
  /** Alarms are set by this clock, so none rings by itself: a test runs them when it says so. */
  #now = Date.parse("2090-01-01T00:00:00Z");
  #tests = 0;

  /** To be made where a file's own hooks are; `name` begins the names of its workspaces. */
  constructor(name: string) {
    beforeEach(() => {
      vi.useFakeTimers({ toFake: ["Date"], now: this.#now });
      this.#tests += 1;
      this.workspace = `${name}-${this.#tests}`;
    });
    afterEach(() => {
      vi.useRealTimers();
    });
  }

  laterBy(ms: number): void {
    this.#now += ms;
    vi.setSystemTime(this.#now);
  }

  accept(source: string, entries: readonly ChainedEntry[]): Promise<{ acknowledged: number }> {
    return inLedger(this.workspace, (ledger) => ledger.accept({ source, entries, changes: [] }));
  }

  flushed(): Promise<boolean> {
    return inLedger(this.workspace, (ledger) => ledger.flushed());
  }

  unshipped(): Promise<number> {
    return inLedger(this.workspace, (ledger) => ledger.backlog().unshipped);
  }

  /** `actor seq` of every row, in D1's order. */
  async trail(): Promise<string[]> {
    const { results } = await env.DB.prepare("SELECT actor, seq FROM audit_log WHERE workspace = ? ORDER BY id")
      .bind(this.workspace)
      .all<{ actor: string; seq: number }>();
    return results.map(({ actor, seq }) => `${actor} ${seq}`);
  }
}

export function seqs(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, at) => from + at);
}
