/** Requirements that the open requests of a review can no longer meet (02, "Users"; 03, GET /approvals/stuck). Pure. */
import { timestamp } from "../actor/timestamp.ts";
import type { Request, Stuck, TaskRecord } from "../tasks/task.ts";
import { happened, type Transition } from "../tasks/transition.ts";
import { type Colleague, canBeAsked } from "./colleagues.ts";
import type { Requirement } from "./contract.ts";
import { openRequestsOf, ownerOf } from "./open-requests.ts";
import { carriesEligibility, countsToward } from "./qualification.ts";

type StuckRequirement = Stuck["requirements"][number];

/** Whether an approval of a request by the person who has it would count toward a requirement. */
type Counts = (requirement: Requirement, request: Request) => boolean;

/** What is stuck, with people as they are: those who left, and roles that were taken away, meet nothing. */
export function stuckRequirements(task: TaskRecord, people: readonly Colleague[]): StuckRequirement[] {
  return unreachable(task, (requirement, request) => {
    const person = people.find(({ id }) => id === request.reviewer_id);
    return canBeAsked(person, task.authors) && countsToward(requirement, person, request);
  });
}

/**
 * Whether it has to be looked into, with people as they are, what is stuck: it must be, whoever they are, or it was found to
 * be and the review has changed since.
 */
export function wantsLook(task: TaskRecord): boolean {
  if (task.state !== "REVIEWING") return false;
  const known = stuckNow(task);
  return known.length > 0 ? task.stuck?.seen !== seenOf(task) : unreachable(task, () => true).length > 0;
}

/** What was found stuck and still is, as far as is known; nothing once the revision is over or the task left REVIEWING. */
export function stuckNow({ state, revision, stuck }: TaskRecord): readonly StuckRequirement[] {
  return state === "REVIEWING" && stuck?.revision === revision ? stuck.requirements : [];
}

/** Notes what is stuck now, on the trail only if it is something else than before. Null if there is nothing to note. */
export function noteStuck(before: TaskRecord, people: readonly Colleague[], now: number): Transition | null {
  if (before.state !== "REVIEWING") return null;
  const known = stuckNow(before);
  const requirements = stuckRequirements(before, people);
  const same = JSON.stringify(known) === JSON.stringify(requirements);
  if (same && (requirements.length === 0 || before.stuck?.seen === seenOf(before))) return null;
  const since = known.length > 0 ? before.stuck?.since : undefined;
  const stuck: Stuck = {
    revision: before.revision,
    since: since ?? timestamp(now),
    requirements,
    seen: seenOf(before),
  };
  const details = { revision: before.revision, ...(requirements.length > 0 && { requirements }) };
  const action = requirements.length > 0 ? "task.stuck" : "task.unstuck";
  return {
    task: { ...before, stuck },
    happenings: same ? [] : [happened(before, action, { details })],
    effects: [],
  };
}

function unreachable(task: TaskRecord, counts: Counts): StuckRequirement[] {
  const open = openRequestsOf(task);
  return task.requirements
    .filter(({ satisfied }) => !satisfied)
    .flatMap((requirement) => {
      const why = whyUnreachable(requirement, open, counts);
      return why === undefined ? [] : [{ policy_id: requirement.policy_id, why }];
    });
}

function whyUnreachable(requirement: Requirement, open: readonly Request[], counts: Counts): string | undefined {
  const { min_approvers, required_reviewers, approved_by } = requirement;
  const useful = open.filter((request) => counts(requirement, request));
  const seatless = required_reviewers.find(
    (id) => !approved_by.includes(id) && !useful.some((request) => fillsSeat(requirement, request, id)),
  );
  if (seatless !== undefined) return `nobody is asked who could approve as ${seatless}, whose approval is required`;
  const people = new Set([...approved_by, ...useful.map(({ reviewer_id }) => reviewer_id)]);
  if (people.size >= min_approvers) return undefined;
  const left = people.size - approved_by.length;
  return `${min_approvers} approvals are needed; ${approved_by.length} given, and ${left} of those who are asked could still count`;
}

/** Whether a request is the required reviewer's own, or brings their seat along. */
function fillsSeat(requirement: Requirement, request: Request, id: string): boolean {
  return request.reviewer_id === id || (ownerOf(request) === id && carriesEligibility(requirement, request));
}

/** Changes with every request and every decision of the revision. */
function seenOf(task: TaskRecord): string {
  return `${task.requests.length} requests, ${openRequestsOf(task).length} open, ${task.decisions.length} decisions`;
}
