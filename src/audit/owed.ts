/** What a ledger owes to D1: brought together when it comes in, and again when it goes out. Pure, but for what it remembers. */
import type { Flush } from "../db/flush.ts";
import type { Pending } from "./ledger-core.ts";
import type { News } from "./plan.ts";
import type { Lost } from "./restored.ts";

/** JSON that is remembered as objects: two flushes of the largest kind. */
const REMEMBERED_CHARS = 2_000_000;

/** One row for shipments that came in together: they are stored, read and deleted as one. */
export function together(shipments: readonly Pending[]): Pending {
  const [first, ...more] = shipments;
  if (first !== undefined && more.length === 0) return first;
  return {
    entries: shipments.flatMap(({ entries }) => entries),
    changes: shipments.flatMap(({ changes }) => changes),
    configuration: shipments.flatMap(({ configuration }) => configuration),
  };
}

/** What D1 is to be sent of these, what of it only came back after a loss, and who is told once D1 has it. */
export function flushOf(owed: readonly Pending[]): { flush: Flush; lost: Lost; news: readonly News[] } {
  return {
    lost: {
      entries: owed.flatMap(({ again, entries }) => (again === undefined ? [] : entries)),
      told: Math.max(0, ...owed.map(({ again }) => again?.told ?? 0)),
    },
    news: owed.flatMap(({ news = [] }) => news),
    flush: {
      entries: owed.flatMap(({ again, entries }) => (again === undefined ? entries : [])),
      changes: owed.flatMap(({ changes }) => changes),
      configuration: owed.flatMap(({ configuration }) => configuration),
    },
  };
}

/** What was stored of late, still as objects: most of it goes out before anybody would have had to read it again. */
export class Remembered {
  readonly #byNumber = new Map<number, { readonly pending: Pending; readonly chars: number }>();
  #chars = 0;

  /** Call once it stands in storage; while D1 is down, that alone has to keep what comes. */
  keep(n: number, pending: Pending, chars: number): void {
    if (this.#chars + chars > REMEMBERED_CHARS) return;
    this.#byNumber.set(n, { pending, chars });
    this.#chars += chars;
  }

  get(n: number): Pending | undefined {
    return this.#byNumber.get(n)?.pending;
  }

  drop(numbers: readonly number[]): void {
    for (const n of numbers) {
      this.#chars -= this.#byNumber.get(n)?.chars ?? 0;
      this.#byNumber.delete(n);
    }
  }
}
