import fc from "fast-check";
import { TrieRouter } from "hono/router/trie-router";
import { describe, expect, it } from "vitest";
import { KnownPathRouter } from "./known-path-router.ts";

const segment = fc.constantFrom("tasks", "claim", "locks", ":id", ":type", "*");
const path = fc.array(segment, { minLength: 1, maxLength: 3 }).map((parts) => `/${parts.join("/")}`);
const method = fc.constantFrom("GET", "POST", "ALL");
const asked = fc
  .array(fc.constantFrom("tasks", "claim", "locks", "7", ""), { maxLength: 3 })
  .map((parts) => `/${parts.join("/")}`);

describe("a router that knows its fixed paths", () => {
  it("finds what Hono's own finds, but no pattern for a fixed path, however often it is asked and whatever is added in between", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(fc.record({ method, path }), fc.record({ ask: asked, method: fc.constantFrom("GET", "POST") })),
          {
            maxLength: 30,
          },
        ),
        (steps) => {
          const [ours, theirs] = [new KnownPathRouter<number>(), new TrieRouter<number>()];
          const fixed = new Set<string>();
          for (const [n, step] of steps.entries()) {
            if ("ask" in step) {
              const [found] = theirs.match(step.method, step.ask);
              const isFixed = fixed.has(step.ask);
              const expected = [found.filter(([, params]) => !isFixed || Object.keys(params).length === 0)];
              expect(ours.match(step.method, step.ask)).toEqual(expected);
              expect(ours.match(step.method, step.ask)).toEqual(expected);
            } else {
              ours.add(step.method, step.path, n);
              theirs.add(step.method, step.path, n);
              fixed.add(step.path);
            }
          }
        },
      ),
    );
  });
});
