/** What the open requests of a review are for: shared by everything that watches over one. Pure. */
import { timestamp } from "../actor/timestamp.ts";
import type { Request, TaskRecord } from "../tasks/task.ts";
import type { Transition, Turn } from "../tasks/transition.ts";
import type { Requirement } from "./contract.ts";
import type { Nominee } from "./nominees.ts";
import { inbox } from "./requests.ts";

/** Those that somebody may still answer; none once the task left REVIEWING. */
export function openRequestsOf(task: TaskRecord): Request[] {
  return task.state === "REVIEWING" ? task.requests.filter(({ status }) => status === "PENDING") : [];
}

/** The requirements that a request was sent for and that are not satisfied yet. */
export function unmetBy(task: TaskRecord, request: Request): Requirement[] {
  return task.requirements.filter(({ policy_id, satisfied }) => !satisfied && request.policy_ids.includes(policy_id));
}

/** Whose part a request fills: the first person who was asked for it. */
export function ownerOf({ on_behalf_of, reviewer_id }: Request): string {
  return on_behalf_of ?? reviewer_id;
}

/** The request by which somebody else fills the same part, due when this one was: passing on buys no time. */
export function passedOn(request: Request, to: Nominee, { mint, now }: Pick<Turn, "mint" | "now">): Request {
  const owner = ownerOf(request);
  const { on_behalf_of: _, follows: _f, ...part } = request;
  return {
    ...part,
    id: mint(),
    reviewer_id: to.id,
    reviewer_name: to.name,
    // Whoever gets their own part back acts for nobody else.
    ...(owner !== to.id && { on_behalf_of: owner }),
    created_at: timestamp(now),
  };
}

/** Whether an approval of `request` would do all that one of `other` would do now, the seat of its owner included. */
export function doesFor(task: TaskRecord, request: Request, other: Request): boolean {
  return unmetBy(task, other).every(
    ({ policy_id, required_reviewers }) =>
      request.policy_ids.includes(policy_id) &&
      (!required_reviewers.includes(ownerOf(other)) || ownerOf(request) === ownerOf(other)),
  );
}

/** The task with these requests in the place of those that they are, or added. */
export function withRequests(task: TaskRecord, ...changed: readonly Request[]): TaskRecord {
  const next = new Map(task.requests.map((request) => [request.id, request]));
  for (const request of changed) next.set(request.id, request);
  return { ...task, requests: [...next.values()] };
}

/** Told once to each inbox, whatever number of steps led from one to the other. */
export function tellInboxes(before: TaskRecord, after: TaskRecord): Transition["effects"] {
  return after.requests.filter((request) => !before.requests.includes(request)).map((request) => inbox(request, after));
}
