/** What becomes of the requests of somebody who left (02, "Users": `active: false`). Pure. */
import { timestamp } from "../actor/timestamp.ts";
import type { Request, TaskRecord } from "../tasks/task.ts";
import type { Transition, Turn } from "../tasks/transition.ts";
import { adminsAmong, type Colleague, canBeAsked, managersOf } from "./colleagues.ts";
import { type Delegations, delegationsInForce, passageOf } from "./delegation.ts";
import type { DelegationPolicy } from "./delegation-contract.ts";
import { doesFor, openRequestsOf, ownerOf, tellInboxes, withRequests } from "./open-requests.ts";
import { about } from "./requests.ts";

/**
 * Moves each open request of somebody who is no longer active to whom their delegation names, else to their manager, else to
 * the first admin by id; an author, or somebody who left too, is passed by. The new request fills the same part, is due when
 * the old one was and stands where it stood among the escalations. One that nobody can take stays where it is. Null if
 * nothing moves.
 */
export function reassignDeparted(
  before: TaskRecord,
  people: readonly Colleague[],
  delegations: readonly DelegationPolicy[],
  turn: Turn,
): Transition | null {
  const left = openRequestsOf(before).filter(({ reviewer_id }) =>
    people.some(({ id, active }) => id === reviewer_id && !active),
  );
  const { config, metadata, risk } = before;
  const subject = { task_type: config.type, resources: config.resources, tags: metadata.tags, score: risk.score };
  const inForce = left.length === 0 ? new Map() : delegationsInForce(delegations, subject, turn.now);
  let task = before;
  const happenings = left.flatMap(({ id }) => {
    // As it is by now: it may have followed one that moved before it.
    const request = task.requests.find((one) => one.id === id);
    const to = request && successorOf(request, task.authors, people, inForce);
    if (request === undefined || to === undefined) return [];
    const moved = move(task, request, to, turn);
    task = moved.task;
    return moved.happenings;
  });
  return task === before ? null : { task, happenings, effects: tellInboxes(before, task) };
}

function successorOf(
  { reviewer_id }: Request,
  authors: readonly string[],
  people: readonly Colleague[],
  inForce: Delegations,
): Colleague | undefined {
  const known = (id: string | undefined) => people.find((one) => one.id === id);
  const barred = (id: string) => (canBeAsked(known(id), authors) ? undefined : "cannot be asked");
  const delegate = known(passageOf(reviewer_id, inForce, barred).to);
  const manager = known(managersOf(reviewer_id, people)[0]);
  return [delegate, manager, ...adminsAmong(people, authors)].find((one) => canBeAsked(one, authors));
}

function move(
  before: TaskRecord,
  request: Request,
  to: Colleague,
  { mint, now }: Turn,
): Pick<Transition, "task" | "happenings"> {
  const theirs = openRequestsOf(before).find(
    (one) => one.reviewer_id === to.id && ownerOf(one) === ownerOf(request) && doesFor(before, one, request),
  );
  const owner = ownerOf(request);
  const { on_behalf_of: _, follows: _f, ...part } = request;
  const next: Request = theirs ?? {
    ...part,
    id: mint(),
    reviewer_id: to.id,
    reviewer_name: to.name,
    // Whoever gets their own part back acts for nobody else.
    ...(owner !== to.id && { on_behalf_of: owner }),
    created_at: timestamp(now),
  };
  const closed: Request = { ...request, status: "DELEGATED", delegated_to: to.id };
  const followers = openRequestsOf(before)
    .filter(({ escalated_from }) => escalated_from?.request_id === request.id)
    .map((one): Request => ({ ...one, escalated_from: { request_id: next.id, reviewer_id: to.id } }));
  const noted = about(next, "approval.reassigned", {
    from: request.reviewer_id,
    to: to.id,
    reassigned_from: request.id,
  });
  return {
    task: withRequests(before, closed, ...followers.filter(({ id }) => id !== next.id), next),
    happenings: [{ ...noted, why: { reason: `${request.reviewer_id} is no longer active` } }],
  };
}
