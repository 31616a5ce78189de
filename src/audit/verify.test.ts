import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { GENESIS } from "../actor/journal.ts";
import { chain, storedRow } from "./chain.fixture.ts";
import type { StoredAuditRow } from "./query.ts";
import { type ChainCheck, type Link, UNCHECKED, verifyChain, verifyEnd } from "./verify.ts";

const ACTOR = "resource:database:prod/orders";

/** Strictly rising seqs with gaps, as entries outside the chain leave them. */
const seqs = fc
  .array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 12 })
  .map((steps) => steps.map((_, at) => steps.slice(0, at + 1).reduce((sum, step) => sum + step, 0)));

function rowsOf(numbers: readonly number[]): StoredAuditRow[] {
  return chain("acme", ACTOR, numbers).map(storedRow);
}

function headOf(rows: readonly StoredAuditRow[]): Link {
  const last = rows.at(-1);
  if (last === undefined) throw new Error("a chain without rows has no head");
  return { seq: last.seq, hash: last.hash };
}

function verdict(rows: readonly StoredAuditRow[], head: Link, later = head): ChainCheck {
  return verifyEnd(verifyChain(rows, head), head, later);
}

const sevenRows = rowsOf([1, 2, 3, 5, 8, 9, 12]);
const head = headOf(sevenRows);

function changed(at: number, change: Partial<StoredAuditRow>): StoredAuditRow[] {
  return sevenRows.map((row, index) => (index === at ? { ...row, ...change } : row));
}

describe("a chain as its actor wrote it", () => {
  it("is valid, with whatever gaps in seq and in whatever pages it is read", () => {
    fc.assert(
      fc.property(seqs, fc.integer({ min: 1, max: 5 }), (numbers, size) => {
        const rows = rowsOf(numbers);
        let check = UNCHECKED;
        for (let at = 0; at < rows.length; at += size) {
          check = verifyChain(rows.slice(at, at + size), headOf(rows), check);
        }
        check = verifyEnd(check, headOf(rows));
        expect(check).toMatchObject({ checked: rows.length, last: headOf(rows) });
        expect(check.first_bad).toBeUndefined();
      }),
      { numRuns: 60 },
    );
  });

  it("is valid without any of the fields that may be absent", () => {
    const bare = { from_state: undefined, to_state: undefined, why: undefined, details: undefined };
    const rows = chain("acme", ACTOR, [1, 2], () => bare).map(storedRow);
    expect(rows[0]).toMatchObject({ from_state: null, to_state: null, why: null, details: null });
    expect(verdict(rows, headOf(rows)).first_bad).toBeUndefined();
  });

  it("is valid whatever JSON its details hold", () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string({ unit: "grapheme" }), fc.jsonValue({ stringUnit: "grapheme" })),
        (details) => {
          const rows = chain("acme", ACTOR, [1, 4], () => ({ details })).map(storedRow);
          expect(verdict(rows, headOf(rows)).first_bad).toBeUndefined();
        },
      ),
      { numRuns: 100 },
    );
  });

  it("may have grown since its head was asked for", () => {
    const earlier = headOf(sevenRows.slice(0, 4));
    expect(verdict(sevenRows, earlier, head).first_bad).toBeUndefined();
    expect(verdict(sevenRows, earlier, { seq: 99, hash: "not yet in the database" }).first_bad).toBeUndefined();
  });
});

describe("a row that was altered", () => {
  const changes: Partial<StoredAuditRow>[] = [
    { workspace: "evil" },
    { actor: "task:other" },
    { subject_type: "task" },
    { subject_id: "database:prod/other" },
    { action: "lock.acquired" },
    { from_state: "free" },
    { from_state: null },
    { from_state: "" },
    { to_state: null },
    { who: '{"id":"eve","kind":"user","roles":["admin"]}' },
    { at: "2026-11-20T00:00:00.000000Z" },
    { where: '{"service":"api"}' },
    { why: null },
    { why: "{}" },
    { why: '{"reason":"Done"}' },
    { request_id: "00000000-0000-4000-8000-000000000000" },
    { details: null },
    { details: "{}" },
    { details: '{"lock_id":"l"}' },
    { details: '{"lock_id":"l","n":"5"}' },
    { details: "not JSON" },
    { hash: GENESIS },
  ];

  it.each(changes)("is the first bad one: %j", (change) => {
    expect(verdict(changed(3, change), head).first_bad).toEqual({ seq: 5, id: 1005, problem: "altered" });
  });

  it.each(changes)("is found even as the last one: %j", (change) => {
    expect(verdict(changed(6, change), head).first_bad).toEqual({ seq: 12, id: 1012, problem: "altered" });
  });

  it("is found when only its link to the row before it was changed", () => {
    expect(verdict(changed(3, { prev_hash: GENESIS }), head).first_bad?.seq).toBe(5);
  });

  it("is found when it was given another seq between the same neighbours", () => {
    expect(verdict(changed(3, { seq: 6 }), head).first_bad).toMatchObject({ seq: 6, problem: "altered" });
  });

  it("is found when a key was repeated, of which SQLite reads the first and JSON the last", () => {
    const details = '{"lock_id":"another","lock_id":"l","n":5}';
    expect(JSON.parse(details)).toEqual({ lock_id: "l", n: 5 });
    expect(verdict(changed(3, { details }), head).first_bad).toMatchObject({ seq: 5, problem: "altered" });
  });

  it("is found when everything after it was linked anew, by the head that the actor keeps", () => {
    fc.assert(
      fc.property(seqs, fc.nat(), (numbers, pick) => {
        const honest = rowsOf(numbers);
        const from = numbers[pick % numbers.length];
        const forged = chain("acme", ACTOR, numbers, (seq) => (seq === from ? { action: "lock.forged" } : {}));
        const check = verdict(forged.map(storedRow), headOf(honest));
        expect(check.first_bad).toMatchObject({ seq: numbers.at(-1), problem: "altered" });
      }),
      { numRuns: 60 },
    );
  });
});

describe("a row that was removed", () => {
  it("is noticed at the next one, or by the head if it was the last", () => {
    fc.assert(
      fc.property(seqs, fc.nat(), (numbers, pick) => {
        const rows = rowsOf(numbers);
        const gone = pick % rows.length;
        const { first_bad } = verdict(rows.toSpliced(gone, 1), headOf(rows));
        const next = rows[gone + 1];
        expect(first_bad).toEqual(
          next === undefined
            ? { seq: headOf(rows).seq, problem: "missing" }
            : { seq: next.seq, id: next.id, problem: "unlinked" },
        );
      }),
      { numRuns: 60 },
    );
  });

  it("is noticed when the chain is gone as a whole", () => {
    expect(verdict([], head)).toMatchObject({ checked: 0, first_bad: { seq: 12, problem: "missing" } });
  });

  it("is noticed when it was the last and another, well linked, stands beyond the head in its place", () => {
    const kept = chain("acme", ACTOR, [1, 2]);
    const forged = chain("acme", ACTOR, [9], undefined, kept[1]);
    const rows = [...kept, ...forged].map(storedRow);
    expect(verdict(rows, { seq: 3, hash: "of the one that is gone" }).first_bad).toEqual({
      seq: 3,
      problem: "missing",
    });
  });
});

describe("a row that nobody wrote", () => {
  it("is found wherever it was put in, though it links to the row before it", () => {
    fc.assert(
      fc.property(seqs, fc.nat(), (numbers, pick) => {
        const spread = numbers.map((seq) => seq * 2);
        const honest = chain("acme", ACTOR, spread);
        const at = pick % honest.length;
        const forged = chain("acme", ACTOR, [(spread[at] ?? 0) + 1], () => ({ action: "lock.forged" }), honest[at]);
        const rows = honest.toSpliced(at + 1, 0, ...forged).map(storedRow);
        const last = honest.at(-1);
        const { first_bad } = verdict(rows, { seq: spread.at(-1) ?? 0, hash: last?.hash ?? "" });
        expect(first_bad?.problem).toBe(at === honest.length - 1 ? "unknown" : "unlinked");
      }),
      { numRuns: 60 },
    );
  });

  it("is found ahead of the first", () => {
    const forged = chain("acme", ACTOR, [-3]).map(storedRow);
    expect(verdict([...forged, ...sevenRows], head).first_bad).toMatchObject({ seq: 1, problem: "unlinked" });
  });

  it("is found beyond a head that has not moved, the first of several", () => {
    const forged = chain("acme", ACTOR, [13, 14], undefined, head).map(storedRow);
    expect(verdict([...sevenRows, ...forged], head).first_bad).toMatchObject({ seq: 13, problem: "unknown" });
  });

  it("is found beyond a head that has moved by fewer rows", () => {
    const forged = chain("acme", ACTOR, [13, 14], undefined, head);
    const rows = [...sevenRows, ...forged.map(storedRow)];
    expect(verdict(rows, head, { seq: 13, hash: forged[0]?.hash ?? "" }).first_bad).toMatchObject({
      problem: "unknown",
    });
  });

  it("is found when it took the seq of one that was written since", () => {
    const forged = chain("acme", ACTOR, [13], undefined, head).map(storedRow);
    expect(verdict([...sevenRows, ...forged], head, { seq: 13, hash: "the true one" }).first_bad).toMatchObject({
      seq: 13,
      problem: "unknown",
    });
  });

  it("is found in a chain that nobody ever began", () => {
    expect(verdict(sevenRows, UNCHECKED.last).first_bad).toMatchObject({ seq: 1, problem: "unknown" });
  });
});

describe("rows in another order", () => {
  it("are found, whichever two changed places", () => {
    for (let at = 0; at + 1 < sevenRows.length; at += 1) {
      const [a, b] = [sevenRows[at], sevenRows[at + 1]];
      if (a === undefined || b === undefined) throw new Error("there are seven rows");
      const swapped = sevenRows.with(at, { ...b, seq: a.seq }).with(at + 1, { ...a, seq: b.seq });
      expect(verdict(swapped, head).first_bad?.seq).toBe(a.seq);
    }
  });
});
