import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ResourceAction, type ResourceRef, ResourceType, TaskConfig } from "./contract.ts";
import { resourceKey } from "./resource-key.ts";
import { assessRisk, DEFAULT_CRITICALITY, type RiskFacts } from "./risk.ts";

type Named = Partial<ResourceRef> & Pick<ResourceRef, "type" | "id">;

function configOf(...resources: Named[]): TaskConfig {
  return TaskConfig.parse({ type: "change", description: "A change.", resources });
}

const quiet: RiskFacts = { criticality: {}, affected_services: 0, history: { failed: 0, total: 0 } };
const factor = (name: string, config: TaskConfig, facts: RiskFacts = quiet) =>
  assessRisk(config, facts).factors.find((candidate) => candidate.name === name)?.value;

const resource: fc.Arbitrary<Named> = fc.record({
  type: fc.constantFrom(...ResourceType.options),
  id: fc.constantFrom("a", "b", "c"),
  scope: fc.constantFrom("global" as const, "namespace" as const, "cluster" as const, "instance" as const),
  actions: fc.uniqueArray(fc.constantFrom(...ResourceAction.options), { minLength: 1 }),
});
const configs = fc.array(resource, { minLength: 1, maxLength: 5 }).map((resources) => configOf(...resources));
const facts: fc.Arbitrary<RiskFacts> = fc.record({
  criticality: fc.dictionary(
    fc.constantFrom("database:a", "secret:b", "service:c", "configuration:a"),
    fc.nat({ max: 100 }),
  ),
  affected_services: fc.nat({ max: 40 }),
  history: fc
    .record({ total: fc.nat({ max: 200 }), share: fc.nat({ max: 100 }) })
    .map(({ total, share }) => ({ total, failed: Math.floor((total * share) / 100) })),
});

describe("risk", () => {
  it("weighs criticality, magnitude, blast radius and failures", () => {
    const config = configOf({ type: "database", id: "orders", actions: ["write"] });
    expect(assessRisk(config, quiet)).toEqual({
      score: 57,
      level: "HIGH",
      factors: [
        { name: "resource_criticality", weight: 0.4, value: 80, contribution: 32 },
        { name: "change_magnitude", weight: 0.3, value: 60, contribution: 18 },
        { name: "blast_radius", weight: 0.2, value: 30, contribution: 6 },
        { name: "historical_failure_rate", weight: 0.1, value: 10, contribution: 1 },
      ],
    });
  });

  it.each([
    ["secret", 90],
    ["database", 80],
    ["infrastructure", 70],
    ["network", 70],
    ["storage", 60],
    ["service", 50],
    ["configuration", 40],
  ] as const)("takes a %s for %i critical when the catalogue says nothing", (type, criticality) => {
    expect(DEFAULT_CRITICALITY[type]).toBe(criticality);
    expect(factor("resource_criticality", configOf({ type, id: "x" }))).toBe(criticality);
  });

  it("takes the highest criticality, the catalogue's before the type's, also when that is 0", () => {
    const config = configOf({ type: "secret", id: "x" }, { type: "configuration", id: "y", namespace: "n" });
    expect(factor("resource_criticality", config, { ...quiet, criticality: { "secret:x": 0 } })).toBe(40);
    const both = { "secret:x": 0, "configuration:n/y": 55 };
    expect(factor("resource_criticality", config, { ...quiet, criticality: both })).toBe(55);
  });

  it.each([
    [["read"], 5],
    [["execute"], 50],
    [["write", "read"], 60],
    [["execute", "write", "delete"], 100],
  ] as const)("gives the actions %j a magnitude of %i", (actions, magnitude) => {
    expect(factor("change_magnitude", configOf({ type: "service", id: "x", actions: [...actions] }))).toBe(magnitude);
  });

  it("adds 5 for every resource beyond the first, up to 100, and counts a resource once", () => {
    const many = (count: number) =>
      configOf(
        ...Array.from({ length: count }, (_, i) => ({
          type: "service" as const,
          id: `s${i}`,
          actions: ["write" as const],
        })),
      );
    expect(factor("change_magnitude", many(3))).toBe(70);
    expect(factor("change_magnitude", many(100))).toBe(100);
    expect(factor("change_magnitude", configOf({ type: "service", id: "x" }, { type: "service", id: "x" }))).toBe(5);
  });

  it.each([
    ["instance", 10],
    ["namespace", 30],
    ["cluster", 60],
    ["global", 100],
  ] as const)("gives the scope %s a blast radius of %i, and 5 more per affected service, up to 100", (scope, blast) => {
    const config = configOf({ type: "service", id: "x", scope }, { type: "service", id: "y", scope: "instance" });
    expect(factor("blast_radius", config)).toBe(blast);
    expect(factor("blast_radius", config, { ...quiet, affected_services: 2 })).toBe(Math.min(100, blast + 10));
  });

  it("takes the widest scope and the gravest action, also of a resource that is named twice", () => {
    const narrow = { type: "service", id: "x", scope: "instance", actions: ["read"] } satisfies Named;
    const config = configOf(narrow, { ...narrow, scope: "global", actions: ["delete"] });
    expect(factor("blast_radius", config)).toBe(100);
    expect(factor("change_magnitude", config)).toBe(100);
  });

  it.each([
    [0, 0, 10],
    [5, 5, 55],
    [0, 200, 50 / 205],
    [200, 200, 20050 / 205],
  ])("%i failures of %i executions count %f", (failed, total, value) => {
    const config = configOf({ type: "service", id: "x" });
    expect(factor("historical_failure_rate", config, { ...quiet, history: { failed, total } })).toBeCloseTo(value, 10);
  });

  it.each([
    [35, 0, 0, 19, "LOW"], // 14 + 3.5 + 1 = 18.5
    [1, 1, 20, 5, "LOW"], // 0.4 + 3.5 + 0.6 = 4.5
    [0, 1, 1, 6, "LOW"], // 0 + 3.5 + 2.5 = 6
    [5, 1, 1, 8, "LOW"], // 2 + 3.5 + 2.5 = 8
    [2, 1, 20, 5, "LOW"], // 0.8 + 3.5 + 0.6 = 4.9
    [2, 0, 45, 4, "LOW"], // 0.8 + 3.5 + 0.1 = 4.4
    [49, 0, 0, 24, "LOW"], // 19.6 + 3.5 + 1 = 24.1
    [50, 0, 0, 25, "MEDIUM"], // 20 + 3.5 + 1 = 24.5
  ] as const)(
    "rounds half up: criticality %i and %i failures of %i score %i, %s",
    (critical, failed, total, score, level) => {
      const config = configOf({ type: "service", id: "x", scope: "instance" });
      const known = { criticality: { "service:x": critical }, affected_services: 0, history: { failed, total } };
      expect(assessRisk(config, known)).toMatchObject({ score, level });
    },
  );

  it("has the levels LOW < 25 ≤ MEDIUM < 50 ≤ HIGH < 75 ≤ CRITICAL", () => {
    fc.assert(
      fc.property(configs, facts, (config, known) => {
        const { score, level } = assessRisk(config, known);
        const floor = { LOW: 0, MEDIUM: 25, HIGH: 50, CRITICAL: 75 }[level];
        expect(score).toBeGreaterThanOrEqual(floor);
        expect(score).toBeLessThan(level === "CRITICAL" ? 101 : floor + 25);
      }),
    );
  });

  it("stays within 0 and 100, and its factors add up to the score before rounding", () => {
    fc.assert(
      fc.property(configs, facts, (config, known) => {
        const { score, factors } = assessRisk(config, known);
        const sum = factors.reduce((total, factor) => total + factor.contribution, 0);
        expect(Number.isInteger(score) && score >= 0 && score <= 100).toBe(true);
        expect(Math.abs(score - sum)).toBeLessThanOrEqual(0.5 + 1e-9);
        for (const { weight, value, contribution } of factors) expect(contribution).toBeCloseTo(weight * value, 9);
        expect(factors.reduce((total, factor) => total + factor.weight, 0)).toBeCloseTo(1, 9);
      }),
    );
  });

  it("never falls when anything about the task gets worse", () => {
    fc.assert(
      fc.property(configs, facts, resource, (config, known, more) => {
        const { score } = assessRisk(config, known);
        const { history } = known;
        const [first, ...rest] = config.resources;
        if (first === undefined) throw new Error("A config has a resource.");
        const riskOf = (...resources: Named[]) => assessRisk(configOf(...resources), known);
        const worse = [
          assessRisk(config, { ...known, affected_services: known.affected_services + 1 }),
          assessRisk(config, { ...known, criticality: { ...known.criticality, [resourceKey(first)]: 100 } }),
          assessRisk(config, { ...known, history: { total: history.total + 1, failed: history.failed + 1 } }),
          riskOf(first, ...rest, { ...more, id: "more" }),
          riskOf({ ...first, scope: "global" }, ...rest),
          riskOf({ ...first, actions: ["delete"] }, ...rest),
        ];
        for (const other of worse) expect(other.score).toBeGreaterThanOrEqual(score);
      }),
    );
  });

  it("reaches both ends of the scale", () => {
    const worst = configOf({ type: "secret", id: "x", scope: "global", actions: ["delete"] });
    const all = { criticality: { "secret:x": 100 }, affected_services: 9, history: { failed: 200, total: 200 } };
    expect(assessRisk(worst, all)).toMatchObject({ score: 100, level: "CRITICAL" });
    const least = configOf({ type: "configuration", id: "x", scope: "instance", actions: ["read"] });
    const none = { criticality: { "configuration:x": 0 }, affected_services: 0, history: { failed: 0, total: 200 } };
    expect(assessRisk(least, none)).toMatchObject({ score: 4, level: "LOW" });
  });
});
