import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { delegation } from "./delegation.fixture.ts";
import { type DelegationSubject, delegationsInForce, passageOf } from "./delegation.ts";
import type { DelegationConditions, DelegationPolicy } from "./delegation-contract.ts";
import { database } from "./policy.fixture.ts";

const NOW = Date.UTC(2026, 10, 20, 12);
const resize: DelegationSubject = {
  task_type: "infrastructure.resize",
  resources: [database("orders"), database("cache", { namespace: "prod-eu" })],
  tags: ["urgent", "q4"],
  score: 60,
};

function holds(conditions: DelegationConditions, given: Partial<DelegationPolicy> = {}): boolean {
  return delegationsInForce([delegation("ann", "bob", { ...given, conditions })], resize, NOW).size === 1;
}

const nobodyBarred = () => undefined;

function passage(owner: string, policies: readonly DelegationPolicy[], barred: Record<string, string> = {}) {
  return passageOf(owner, delegationsInForce(policies, resize, NOW), (id) => barred[id]);
}

describe("a delegation policy holds", () => {
  test.each<[string, DelegationConditions]>([
    ["without conditions", {}],
    ["for its task types", { task_types: ["database.*", "infrastructure.*"] }],
    ["where some resource matches", { resource_patterns: ["database:prod/**"] }],
    ["where some resource's namespace matches", { namespaces: ["prod-*"] }],
    ["above its risk", { risk_above: 59 }],
    ["for any of its tags", { tags: ["q3", "q4"] }],
    ["when all that are given hold", { task_types: ["**"], risk_above: 50, namespaces: ["prod"], tags: ["urgent"] }],
  ])("%s", (_, conditions) => {
    expect(holds(conditions)).toBe(true);
  });

  test.each<[string, DelegationConditions]>([
    ["for other task types", { task_types: ["infrastructure"] }],
    ["where no resource matches", { resource_patterns: ["service:**"] }],
    ["in other namespaces", { namespaces: ["dev", "prod-us"] }],
    ["at its risk, which is not above it", { risk_above: 60 }],
    ["without one of its tags", { tags: ["q3"] }],
    ["when one of those given does not hold", { task_types: ["**"], risk_above: 50, tags: ["q3"] }],
  ])("not %s", (_, conditions) => {
    expect(holds(conditions)).toBe(false);
  });

  test("while it is active, until the moment it expires", () => {
    expect(holds({}, { active: false })).toBe(false);
    expect(holds({}, { expires_at: "2026-11-20T12:00:00.001Z" })).toBe(true);
    expect(holds({}, { expires_at: "2026-11-20T12:00:00.000Z" })).toBe(false);
  });

  test("in no namespace for what has none", () => {
    const global = { ...resize, resources: [{ ...database("x"), namespace: undefined }] };
    const everywhere = delegation("ann", "bob", { conditions: { namespaces: ["**"] } });
    expect(delegationsInForce([everywhere], global, NOW).size).toBe(0);
  });
});

describe("a reviewer's part", () => {
  test("stays with whoever delegates to nobody", () => {
    expect(passage("ann", [delegation("bob", "cid")])).toEqual({ to: "ann", via: [], follows: [], skipped: [] });
  });

  test("goes on through the delegates' own policies while each link cascades", () => {
    const chain = [delegation("ann", "bob"), delegation("bob", "cid"), delegation("cid", "dan")];
    expect(passage("ann", chain)).toMatchObject({ to: "dan", via: ["bob", "cid"], skipped: [] });
    const stopped = chain.with(1, delegation("bob", "cid", { cascade: false }));
    expect(passage("ann", stopped)).toMatchObject({ to: "cid", via: ["bob"] });
    const atOnce = chain.with(0, delegation("ann", "bob", { cascade: false }));
    expect(passage("ann", atOnce)).toMatchObject({ to: "bob", via: [] });
  });

  test("takes the oldest policy that holds, and of equally old ones the first by id, in whatever order they come", () => {
    const at = (day: number) => ({ created_at: `2026-11-0${day}T00:00:00.000Z` });
    const policies = [
      delegation("ann", "zoe", at(1)),
      delegation("ann", "bob", at(2)),
      delegation("ann", "cid", at(1)),
    ];
    for (const given of [policies, policies.toReversed()]) expect(passage("ann", given).to).toBe("cid");
    const elsewhere = delegation("ann", "cid", { ...at(1), conditions: { tags: ["none"] } });
    expect(passage("ann", policies.with(2, elsewhere)).to).toBe("zoe");
  });

  test("passes over the link that would close a cycle and tries the next one", () => {
    const round = [delegation("ann", "bob"), delegation("bob", "ann")];
    expect(passage("ann", round)).toEqual({
      to: "bob",
      via: [],
      follows: [],
      skipped: [{ policy_id: "bob-to-ann", from: "bob", to: "ann", why: expect.stringContaining("circle") }],
    });
    expect(passage("ann", [...round, delegation("bob", "cid")])).toMatchObject({ to: "cid", via: ["bob"] });
  });

  test("passes over authors and people who left, saying why; what is not needed is not tried", () => {
    const policies = [delegation("ann", "author"), delegation("ann", "bob"), delegation("ann", "gone")];
    const barred = { author: "wrote it", gone: "left" };
    expect(passage("ann", policies, barred)).toMatchObject({
      to: "bob",
      skipped: [{ policy_id: "ann-to-author", from: "ann", to: "author", why: "wrote it" }],
    });
    expect(passage("ann", policies.toSpliced(1, 1), barred)).toMatchObject({ to: "ann", via: [], skipped: [{}, {}] });
  });

  test("is never passed through somebody who could not take it", () => {
    const policies = [delegation("ann", "gone"), delegation("gone", "cid")];
    expect(passage("ann", policies, { gone: "left" }).to).toBe("ann");
  });
});

describe("following somebody", () => {
  const followed = delegation("ann", "boss", { mode: "follow" });

  test("leaves the part with its owner and names whom they follow, each once", () => {
    const twice = { ...followed, id: "again" };
    expect(passage("ann", [followed, twice])).toEqual({ to: "ann", via: [], follows: ["boss"], skipped: [] });
  });

  test("goes no further than that one link, and ends where the part is passed on", () => {
    const policies = [followed, delegation("boss", "chief", { mode: "follow" }), delegation("boss", "dan")];
    expect(passage("ann", policies)).toMatchObject({ to: "ann", follows: ["boss"] });
    expect(passage("ann", [followed, delegation("ann", "bob")])).toMatchObject({ to: "bob", follows: [] });
  });

  test("an author is skipped", () => {
    expect(passage("ann", [followed], { boss: "wrote it" })).toMatchObject({ follows: [], skipped: [{ to: "boss" }] });
  });
});

describe("whatever policies there are", () => {
  const ids = ["ann", "bob", "cid", "dan", "eve"];
  const id = fc.constantFrom(...ids);
  const policies = fc.uniqueArray(
    fc
      .record({ owner: id, to: id, cascade: fc.boolean(), day: fc.integer({ min: 1, max: 3 }), follow: fc.boolean() })
      .map(({ owner, to, cascade, day, follow }) =>
        delegation(owner, to, {
          cascade,
          mode: follow ? "follow" : "reassign",
          created_at: `2026-11-0${day}T00:00:00.000Z`,
        }),
      ),
    { selector: (one) => one.id, maxLength: 20 },
  );

  test("a passage ends, passes nobody twice, reaches nobody who is barred, and every step is somebody's policy", () => {
    fc.assert(
      fc.property(policies, id, fc.subarray(ids), (given, owner, barred) => {
        const { to, via, follows, skipped } = passageOf(owner, delegationsInForce(given, resize, NOW), (one) =>
          barred.includes(one) ? "is barred" : undefined,
        );
        const path = to === owner ? [owner] : [owner, ...via, to];
        expect(new Set(path).size).toBe(path.length);
        for (const one of [...path.slice(1), ...follows]) expect(barred).not.toContain(one);
        path.slice(1).forEach((one, at) => {
          const links = given.filter((policy) => policy.owner_id === path[at] && policy.delegate_to === one);
          expect(links.map(({ mode }) => mode)).toContain("reassign");
          if (at < path.length - 2) expect(links.some(({ cascade }) => cascade)).toBe(true);
        });
        for (const { to: other } of skipped) expect(barred.includes(other) || path.includes(other)).toBe(true);
      }),
    );
  });

  test("the part is passed on exactly if some reassignment of its owner can be taken", () => {
    fc.assert(
      fc.property(policies, id, (given, owner) => {
        const { to } = passageOf(owner, delegationsInForce(given, resize, NOW), nobodyBarred);
        const able = given.some(
          (one) => one.owner_id === owner && one.mode === "reassign" && one.delegate_to !== owner,
        );
        expect(to !== owner).toBe(able);
      }),
    );
  });
});
