import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkLinearizable, type Operation, type SequentialModel } from "./linearizable.ts";

type RegisterAct = { write: number } | { read: number };

const register: SequentialModel<number, RegisterAct> = {
  initial: 0,
  key: String,
  isRead: (act) => "read" in act,
  step: (value, { act }) => ("write" in act ? [act.write] : act.read === value ? [value] : []),
};

const LOST = Number.POSITIVE_INFINITY;

function write(value: number, from: number, until: number): Operation<RegisterAct> {
  return { act: { write: value }, from, until };
}

function read(value: number, from: number, until: number): Operation<RegisterAct> {
  return { act: { read: value }, from, until };
}

function isLinearizable(...history: Operation<RegisterAct>[]): boolean {
  return checkLinearizable(register, history).linearizable;
}

describe("a history of a register", () => {
  it("is linearizable if nothing happened", () => {
    expect(isLinearizable()).toBe(true);
    expect(isLinearizable(write(1, 0, LOST))).toBe(true);
  });

  it("lets overlapping operations take effect in either order", () => {
    expect(isLinearizable(write(1, 0, 10), read(0, 1, 9))).toBe(true);
    expect(isLinearizable(write(1, 0, 10), read(1, 1, 2), read(1, 3, 4))).toBe(true);
    expect(isLinearizable(write(1, 0, 10), write(2, 0, 10), read(1, 11, 12))).toBe(true);
  });

  it("lets nothing take effect outside of its time", () => {
    expect(isLinearizable(write(1, 0, 10), read(0, 11, 12))).toBe(false);
    expect(isLinearizable(read(1, 0, 4), write(1, 5, 6))).toBe(false);
  });

  it("has one order for all who look: no two of them see two writes the other way round", () => {
    const writes = [write(1, 0, 100), write(2, 0, 100)];
    expect(isLinearizable(...writes, read(1, 10, 20), read(2, 30, 40), read(2, 50, 60))).toBe(true);
    expect(isLinearizable(...writes, read(1, 10, 20), read(2, 30, 40), read(1, 50, 60))).toBe(false);
  });

  it("lets an operation without an answer happen late, once, or never, but not before it began", () => {
    expect(isLinearizable(write(1, 0, LOST), read(0, 5, 6), read(1, 70, 80))).toBe(true);
    expect(isLinearizable(write(1, 0, LOST), read(0, 5, 6), read(0, 70, 80))).toBe(true);
    expect(isLinearizable(write(1, 0, LOST), read(1, 5, 6), read(0, 70, 80))).toBe(false);
    expect(isLinearizable(write(1, 0, LOST), read(1, 1, 2), write(2, 3, 4), read(2, 5, 6), read(1, 7, 8))).toBe(false);
    expect(isLinearizable(read(1, 0, 4), write(1, 5, LOST))).toBe(false);
  });

  it("lets an operation that need not have happened do so within its time only", () => {
    const maybe = { ...write(1, 0, 10), isOptional: true };
    expect(isLinearizable(maybe, read(0, 20, 30))).toBe(true);
    expect(isLinearizable(maybe, read(1, 20, 30))).toBe(true);
    expect(isLinearizable(maybe, read(0, 20, 30), read(1, 40, 50))).toBe(false);
  });

  it("backtracks out of a choice that turns out wrong much later", () => {
    const writes = Array.from({ length: 8 }, (_, index) => write(index + 1, 0, 100));
    const reads = [5, 3, 8, 1].map((value, index) => read(value, 101 + index, 200));
    expect(isLinearizable(...writes, read(4, 101, 102))).toBe(true);
    expect(isLinearizable(...writes, ...reads)).toBe(false);
  });
});

describe("the verdict", () => {
  it("shows an order that explains the history", () => {
    const [first, second, third] = [read(2, 0, 100), write(2, 5, 90), write(1, 6, 20)];
    const verdict = checkLinearizable(register, [first, second, third]);
    expect(verdict).toEqual({ linearizable: true, order: [third, second, first] });
  });

  it("shows the shortest prefix that nothing explains, and the states before its last operation", () => {
    const history = [write(1, 0, 10), read(1, 20, 30), read(7, 25, 35), write(9, 40, 50), read(9, 60, 70)];
    const verdict = checkLinearizable(register, history);
    expect(verdict).toEqual({ linearizable: false, prefix: history.slice(0, 3), states: [1] });
  });

  it("is never guessed: a search beyond its budget throws", () => {
    const writes = Array.from({ length: 12 }, (_, index) => write(index + 1, 0, 100));
    const impossible = [...writes, read(99, 101, 102)];
    expect(() => checkLinearizable(register, impossible, 1_000)).toThrow("undecided after 1000 configurations");
  });
});

describe("any history", () => {
  const moment = fc.record({ early: fc.nat(30), late: fc.nat(30), value: fc.nat(3), writes: fc.boolean() });
  const history = fc.array(moment, { minLength: 1, maxLength: 7 });

  /** By trying out every order. */
  function bruteForce(operations: Operation<RegisterAct>[], value = 0): boolean {
    if (operations.every(({ until }) => until === LOST)) return true;
    return operations.some((operation, index) => {
      const rest = operations.toSpliced(index, 1);
      if (rest.some(({ until }) => until < operation.from)) return false;
      return register.step(value, operation).some((after) => bruteForce(rest, after));
    });
  }

  it("is judged as trying out every order judges it", () => {
    const verdicts = new Set<boolean>();
    fc.assert(
      fc.property(history, fc.nat(6), (moments, lost) => {
        const operations = moments.map(({ early, late, value, writes }, index) => {
          const until = index === lost ? LOST : index * 10 + late;
          const from = index * 10 - early;
          return writes ? write(value, from, until) : read(value, from, until);
        });
        const expected = bruteForce(operations);
        verdicts.add(expected);
        expect(isLinearizable(...operations)).toBe(expected);
      }),
      { numRuns: 500 },
    );
    expect(verdicts.size).toBe(2);
  });
});
