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
  it("takes a fixed path for no value of a parameter, whatever the method", () => {
    const router = new KnownPathRouter<string>();
    router.add("ALL", "*", "for all");
    router.add("GET", "/tasks/:id", "a task");
    router.add("POST", "/tasks/claim", "a claim");
    const found = (method: string, path: string) => router.match(method, path)[0].map(([handler]) => handler);
    expect(found("GET", "/tasks/7")).toEqual(["for all", "a task"]);
    expect(found("POST", "/tasks/claim")).toEqual(["for all", "a claim"]);
    expect(found("GET", "/tasks/claim")).toEqual(["for all"]);
  });

  it("finds what Hono's own finds, however often it is asked and whatever is added in between", () => {
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
          const fixed = new Map<string, Set<string>>();
          for (const [n, step] of steps.entries()) {
            if ("ask" in step) {
              const elsewhere = fixed.has(step.ask) && !fixed.get(step.ask)?.has(step.method);
              const expected = theirs.match(elsewhere ? "ALL" : step.method, step.ask);
              expect(ours.match(step.method, step.ask)).toEqual(expected);
              expect(ours.match(step.method, step.ask)).toEqual(expected);
            } else {
              ours.add(step.method, step.path, n);
              theirs.add(step.method, step.path, n);
              if (/[:*]/.test(step.path)) continue;
              fixed.set(step.path, (fixed.get(step.path) ?? new Set()).add(step.method));
            }
          }
        },
      ),
    );
  });
});
