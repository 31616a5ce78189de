import fc from "fast-check";
import { expect, test } from "vitest";
import { checkLockHistory, explained } from "./check-lock-history.ts";
import { simulated, turns } from "./simulated-history.ts";

test("whatever a correct lock answers to calls that overlap at random is linearizable", () => {
  fc.assert(
    fc.property(turns({ minLength: 20, maxLength: 60 }), (commands) => {
      const verdict = checkLockHistory(simulated(commands));
      expect(verdict.linearizable, explained(verdict)).toBe(true);
    }),
    { numRuns: 400 },
  );
});
