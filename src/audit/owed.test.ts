import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Pending } from "./ledger-core.ts";
import { flushOf, Remembered, together } from "./owed.ts";

/** What one shipment owes; its content does not matter here, its place does. */
const shipments = fc.array(
  fc.record({ entries: fc.array(fc.nat()), changes: fc.array(fc.nat()) }).map(({ entries, changes }): Pending => {
    const given = { entries, changes, configuration: [] };
    return given as unknown as Pending;
  }),
);
const pending = together([]);

describe("what came in together", () => {
  it("goes to the database as it would have one by one", () => {
    fc.assert(
      fc.property(shipments, (some) => {
        expect(flushOf([together(some)])).toEqual(flushOf(some));
      }),
    );
  });
});

describe("what is remembered of what is owed", () => {
  it("is what was kept, until it went out", () => {
    const remembered = new Remembered();
    remembered.keep(1, pending, 10);
    remembered.keep(2, pending, 10);
    remembered.drop([1, 7]);
    expect([remembered.get(1), remembered.get(2)]).toEqual([undefined, pending]);
  });

  it("is no more than 2 MB of JSON, however long the database is down; there is room again when something went out", () => {
    const remembered = new Remembered();
    for (let n = 1; n <= 5; n += 1) remembered.keep(n, pending, 500_000);
    expect([1, 2, 3, 4, 5].map((n) => remembered.get(n) === pending)).toEqual([true, true, true, true, false]);
    remembered.drop([1, 5]);
    remembered.keep(6, pending, 500_000);
    expect(remembered.get(6)).toBe(pending);
  });
});
