/** Whom a reviewer's part goes to under the delegation policies (03-tasks-and-approvals, "Delegation policy"). Pure. */
import { matches } from "../pattern.ts";
import type { ResourceRef } from "../tasks/contract.ts";
import { matchesResource } from "../tasks/resource-key.ts";
import { byId } from "./by-id.ts";
import type { DelegationPolicy } from "./delegation-contract.ts";

/** What the conditions of a delegation policy look at: `score` is the risk score, 0–100. */
export interface DelegationSubject {
  readonly task_type: string;
  readonly resources: readonly ResourceRef[];
  readonly tags: readonly string[];
  readonly score: number;
}

/** Why somebody cannot stand in for others, as the end of a sentence about them; undefined if they can. */
export type Bar = (id: string) => string | undefined;

/** A link that was not taken, for the journal. */
export interface SkippedLink {
  readonly policy_id: string;
  readonly from: string;
  readonly to: string;
  readonly why: string;
}

/** Where somebody's part ends up: with `to`, past the people of `via`. `to` is the owner if they keep it. */
export interface Passage {
  readonly to: string;
  readonly via: readonly string[];
  /** Whose approval meets the owner's part too, while the owner keeps it. */
  readonly follows: readonly string[];
  readonly skipped: readonly SkippedLink[];
}

/** Delegation policies by owner, each owner's in the order in which they are tried. */
export type Delegations = ReadonlyMap<string, readonly DelegationPolicy[]>;

/** The policies that hold for a task at `now` (ms since epoch), oldest first. */
export function delegationsInForce(
  policies: readonly DelegationPolicy[],
  subject: DelegationSubject,
  now: number,
): Delegations {
  const inForce = policies.filter((policy) => isInForce(policy, subject, now)).sort(oldestFirst);
  return Map.groupBy(inForce, ({ owner_id }) => owner_id);
}

function isInForce(policy: DelegationPolicy, subject: DelegationSubject, now: number): boolean {
  const { active, expires_at, conditions } = policy;
  const { task_types, resource_patterns, risk_above, namespaces, tags } = conditions;
  const { task_type, resources, score } = subject;
  return (
    active &&
    (expires_at === undefined || now < Date.parse(expires_at)) &&
    (risk_above === undefined || score > risk_above) &&
    anyOf(task_types, (pattern) => matches(pattern, task_type)) &&
    anyOf(resource_patterns, (pattern) => resources.some((resource) => matchesResource(pattern, resource))) &&
    anyOf(namespaces, (pattern) =>
      resources.some(({ namespace }) => namespace !== undefined && matches(pattern, namespace)),
    ) &&
    anyOf(tags, (tag) => subject.tags.includes(tag))
  );
}

/** A condition that is not given holds. */
function anyOf(wanted: readonly string[] | undefined, holds: (one: string) => boolean): boolean {
  return wanted === undefined || wanted.some(holds);
}

function oldestFirst(a: DelegationPolicy, b: DelegationPolicy): number {
  return a.created_at < b.created_at ? -1 : a.created_at > b.created_at ? 1 : byId(a, b);
}

/**
 * Follows the policies in force from `owner` on, depth first: at everybody the first link that can be taken, on from there
 * while `cascade`. A link that would close a cycle, or reach somebody who is barred (an author, an inactive user), is skipped
 * and the next one tried. Ends, since nobody is passed twice.
 */
export function passageOf(owner: string, inForce: Delegations, barred: Bar): Passage {
  const path = [owner];
  const skipped: SkippedLink[] = [];
  const canTake = ({ id: policy_id, owner_id: from, delegate_to: to }: DelegationPolicy): boolean => {
    const why = path.includes(to) ? "has had it already: it would go round in a circle" : barred(to);
    if (why !== undefined) skipped.push({ policy_id, from, to, why });
    return why === undefined;
  };
  const linkFrom = (from: string) => inForce.get(from)?.find((policy) => policy.mode === "reassign" && canTake(policy));

  let link = linkFrom(owner);
  while (link !== undefined) {
    path.push(link.delegate_to);
    link = link.cascade ? linkFrom(link.delegate_to) : undefined;
  }
  const to = path.at(-1) ?? owner;
  const own = to === owner ? (inForce.get(owner) ?? []) : [];
  const followed = own.filter((policy) => policy.mode === "follow" && canTake(policy));
  return { to, via: path.slice(1, -1), follows: [...new Set(followed.map((one) => one.delegate_to))], skipped };
}
