import type { ResourceAction, ResourceRef, ResourceType, Risk, RiskLevel, TaskConfig } from "./contract.ts";
import { resourceKey, resourcesByKey } from "./resource-key.ts";
import { own } from "./stable-json.ts";

/** What a risk needs to know of the world. */
export interface RiskFacts {
  /** The catalogue's values 0–100 by resource key; a resource without one has its type's default. */
  readonly criticality: Readonly<Record<string, number>>;
  /** How many services the preview says are affected. */
  readonly affected_services: number;
  /** The last executions (at most 200) of the task's type; `failed` are those that failed or timed out. */
  readonly history: { readonly failed: number; readonly total: number };
}

/** The criticality, 0–100, of a resource for which the catalogue has none. */
export const DEFAULT_CRITICALITY: Readonly<Record<ResourceType, number>> = {
  secret: 90,
  database: 80,
  infrastructure: 70,
  network: 70,
  storage: 60,
  service: 50,
  configuration: 40,
};

const MAGNITUDE_OF_ACTION: Readonly<Record<ResourceAction, number>> = { read: 5, execute: 50, write: 60, delete: 100 };

const BLAST_OF_SCOPE: Readonly<Record<ResourceRef["scope"], number>> = {
  instance: 10,
  namespace: 30,
  cluster: 60,
  global: 100,
};

/**
 * The risk of a task, 0–100 (03-tasks-and-approvals, "Risk"): 0.4 criticality + 0.3 magnitude + 0.2 blast + 0.1 failures,
 * rounded half up. The contributions of the factors add up to the score before rounding. Whether the task may approve
 * itself is for the policies to say.
 */
export function assessRisk(config: TaskConfig, facts: RiskFacts): Omit<Risk, "auto_approvable"> {
  const { resources } = config;
  const criticality = highest(
    resources,
    (ref) => own(facts.criticality, resourceKey(ref)) ?? DEFAULT_CRITICALITY[ref.type],
  );
  const action = highest(resources, (ref) => highest(ref.actions, (name) => MAGNITUDE_OF_ACTION[name]));
  const magnitude = Math.min(100, action + 5 * (resourcesByKey(resources).size - 1));
  const scope = highest(resources, (ref) => BLAST_OF_SCOPE[ref.scope]);
  const blast = Math.min(100, scope + 5 * facts.affected_services);
  // Half a failure in five executions stands for what is not known yet; doubled, so that all stays whole numbers.
  const failures = { doubled: 100 * (2 * facts.history.failed + 1), of: 2 * (facts.history.total + 5) };
  const failureRate = failures.doubled / failures.of;

  // Only whole numbers meet in the sum, so that an exact half is one: binary has no 0.4 and no 0.1.
  const tenths = 4 * criticality + 3 * magnitude + 2 * blast;
  const score = roundHalfUp(tenths * failures.of + failures.doubled, 10 * failures.of);
  return {
    score,
    level: levelOf(score),
    factors: [
      { name: "resource_criticality", weight: 0.4, value: criticality, contribution: (4 * criticality) / 10 },
      { name: "change_magnitude", weight: 0.3, value: magnitude, contribution: (3 * magnitude) / 10 },
      { name: "blast_radius", weight: 0.2, value: blast, contribution: (2 * blast) / 10 },
      { name: "historical_failure_rate", weight: 0.1, value: failureRate, contribution: failureRate / 10 },
    ],
  };
}

function highest<T>(items: readonly T[], rate: (item: T) => number): number {
  return Math.max(0, ...items.map(rate));
}

function roundHalfUp(numerator: number, denominator: number): number {
  return Math.floor((2 * numerator + denominator) / (2 * denominator));
}

function levelOf(score: number): RiskLevel {
  if (score < 25) return "LOW";
  if (score < 50) return "MEDIUM";
  return score < 75 ? "HIGH" : "CRITICAL";
}
