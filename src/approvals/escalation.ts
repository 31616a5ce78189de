/**
 * What becomes of requests that nobody answers (03, "Timeouts"; docs/design/escalation.md). A request climbs while it is
 * open and a requirement that it serves is not satisfied; what it opened on its way climbs with it, and by itself only once
 * that one was answered. Pure; `now` in ms.
 */
import { timestamp } from "../actor/timestamp.ts";
import type { Request, TaskRecord } from "../tasks/task.ts";
import { happened, type Transition, type Turn } from "../tasks/transition.ts";
import { adminsAmong, type Colleague, canBeAsked, managersOf } from "./colleagues.ts";
import { doesFor, openRequestsOf, ownerOf, tellInboxes, unmetBy, withRequests } from "./open-requests.ts";
import { about, supersedeOpen } from "./requests.ts";

/** The manager, the manager's manager, every admin: there is nobody above. */
const LAST_LEVEL = 3;

/** When the next request escalates, or the review expires (ms); undefined once it is over. */
export function nextEscalationAt(task: TaskRecord): number | undefined {
  const dues = climbing(task).map(dueAt);
  return dues.length === 0 ? unaskedUntil(task) : Math.min(...dues);
}

/**
 * Unanswered after the last escalation, or for as long with nobody left to answer: what was due is EXPIRED and the task
 * CANCELLED, whether or not anybody looked in time; null if it is not that late. Asks nothing about people.
 */
export function expire(before: TaskRecord, now: number): Transition | null {
  const late = climbing(before).filter((request) => dueAt(request) <= now);
  const unanswered = late.some(({ escalation_level }) => escalation_level >= LAST_LEVEL);
  if (!unanswered && now < (unaskedUntil(before) ?? Number.POSITIVE_INFINITY)) return null;
  const expired = openRequestsOf(before)
    .filter((request) => dueAt(request) <= now && unmetBy(before, request).length > 0)
    .map((request): Request => ({ ...request, status: "EXPIRED" }));
  const rest = supersedeOpen(withRequests(before, ...expired), "CANCELLED");
  const at = timestamp(now);
  const task: TaskRecord = {
    ...before,
    state: "CANCELLED",
    requests: rest.requests,
    metadata: { ...before.metadata, updated_at: at, completed_at: at },
  };
  const cancelled = happened(task, "task.cancelled", {
    from_state: "REVIEWING",
    to_state: "CANCELLED",
    why: { reason: "approval_timeout" },
    details: { revision: task.revision },
  });
  return {
    task,
    happenings: [...expired.map((request) => about(request, "approval.expired")), ...rest.happenings, cancelled],
    effects: tellInboxes(before, task),
  };
}

/**
 * Takes every request that is due one level up: the reviewer's manager, then the manager's manager (an admin where there is
 * none to ask), then every active admin; never an author, never anybody who left. Each has the request's whole time again.
 * `people` are the reviewers, all above them and the active admins. Null if nothing is due.
 */
export function escalate(before: TaskRecord, people: readonly Colleague[], turn: Turn): Transition | null {
  const due = climbing(before).filter((request) => dueAt(request) <= turn.now && request.escalation_level < LAST_LEVEL);
  if (due.length === 0) return null;
  let task = before;
  const happenings = due.flatMap(({ id }) => {
    const step = climb(task, id, people, turn);
    task = step.task;
    return step.happenings;
  });
  return { task, happenings, effects: tellInboxes(before, task) };
}

/** Open requests that wait for somebody to satisfy a requirement, without those that climb with another one. */
function climbing(task: TaskRecord): Request[] {
  const open = openRequestsOf(task);
  const climbsAlong = ({ escalated_from }: Request) => open.some(({ id }) => id === escalated_from?.request_id);
  return open.filter((request) => unmetBy(task, request).length > 0 && !climbsAlong(request));
}

/**
 * When a review ends in which whoever was asked has answered, and it was not enough (ms): somebody stood in for a person who
 * left, say, and had approved for themselves already. From the last answer on it has the time of all levels; admins see it
 * among the stuck ones meanwhile. Undefined while somebody is asked.
 */
function unaskedUntil(task: TaskRecord): number | undefined {
  if (task.state !== "REVIEWING" || climbing(task).length > 0) return undefined;
  const asked = task.requests.filter(({ revision }) => revision === task.revision);
  const times = asked.filter((request) => unmetBy(task, request).length > 0).map((one) => one.timeout_seconds);
  if (times.length === 0) return undefined;
  const answered = asked.map(({ responded_at, created_at }) => Date.parse(responded_at ?? created_at));
  return Math.max(...answered) + (LAST_LEVEL + 1) * Math.min(...times) * 1000;
}

function climb(
  before: TaskRecord,
  id: string,
  people: readonly Colleague[],
  turn: Turn,
): Pick<Transition, "task" | "happenings"> {
  const open = openRequestsOf(before);
  const late = open.find((request) => request.id === id);
  if (late === undefined) throw new Error(`${id} is not open`);
  const due_at = timestamp(turn.now + late.timeout_seconds * 1000);
  const level = late.escalation_level + 1;
  const above = whomToAsk(before, late, level, people);
  const asked = above.map((person) => ask(before, late, person, { level, due_at }, turn));
  const ladder = open
    .filter((request) => request.id === id || request.escalated_from?.request_id === id)
    .map((request): Request => ({ ...request, due_at, ...(request.id === id && { escalation_level: level }) }));
  const task = withRequests(withRequests(before, ...ladder), ...asked.map((one) => urgent(one, ladder)));
  const from = { from: late.reviewer_id, escalation_level: level };
  return {
    task,
    happenings:
      asked.length === 0
        ? [about(late, "approval.escalated", from)]
        : asked.map((one) => about(one, "approval.escalated", { ...from, to: one.reviewer_id, escalated_from: id })),
  };
}

/** The request that asks somebody from now on: one that they have already if it does as well, else a new one. */
function ask(
  task: TaskRecord,
  late: Request,
  { id, name }: Colleague,
  { level, due_at }: { readonly level: number; readonly due_at: string },
  { mint, now }: Turn,
): Request {
  const theirs = openRequestsOf(task).find((request) => request.reviewer_id === id && doesFor(task, request, late));
  if (theirs !== undefined) return theirs;
  return {
    id: mint(),
    task_id: task.id,
    reviewer_id: id,
    reviewer_name: name,
    ...(ownerOf(late) !== id && { on_behalf_of: ownerOf(late) }),
    revision: task.revision,
    status: "PENDING",
    priority: "URGENT",
    due_at,
    escalation_level: level,
    created_at: timestamp(now),
    policy_ids: late.policy_ids,
    timeout_seconds: late.timeout_seconds,
    escalated_from: { request_id: late.id, reviewer_id: climberOf(late) },
  };
}

function whomToAsk(task: TaskRecord, late: Request, level: number, people: readonly Colleague[]): Colleague[] {
  const helps = ({ id }: Colleague) =>
    unmetBy(task, late).some(
      ({ approved_by, required_reviewers }) => !approved_by.includes(id) || required_reviewers.includes(ownerOf(late)),
    );
  const admins = adminsAmong(people, task.authors).filter(helps);
  if (level >= LAST_LEVEL) return admins;
  const managerId = managersOf(climberOf(late), people)[level - 1];
  const manager = people.find(({ id }) => id === managerId);
  if (canBeAsked(manager, task.authors) && helps(manager)) return [manager];
  const asked = openRequestsOf(task).map(({ reviewer_id }) => reviewer_id);
  // Somebody new, if there is somebody.
  return [admins.find(({ id }) => !asked.includes(id)) ?? admins[0]].filter((admin) => admin !== undefined);
}

/** Whose managers are asked, one level after the other. */
function climberOf({ escalated_from, reviewer_id }: Request): string {
  return escalated_from?.reviewer_id ?? reviewer_id;
}

/** An escalation makes also a request urgent that was there before; what climbed just now keeps its new time. */
function urgent(request: Request, ladder: readonly Request[]): Request {
  const current = ladder.find(({ id }) => id === request.id) ?? request;
  return { ...current, priority: "URGENT" };
}

function dueAt({ due_at }: Request): number {
  return Date.parse(due_at);
}
