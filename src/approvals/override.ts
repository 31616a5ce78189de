/** Approving in an emergency, without the reviewers: two admins and an incident ticket (02, "Roles"; 03, override). Pure. */
import type { Who } from "../actor/caller.ts";
import { fail, ok, type Result } from "../actor/result.ts";
import { timestamp } from "../actor/timestamp.ts";
import { allows, invalidState, type TaskRecord } from "../tasks/task.ts";
import { happened, type Transition, type Turn } from "../tasks/transition.ts";
import { leaveReview } from "./decide.ts";
import { type Override, openOverride } from "./overridden.ts";
import type { OverrideInput } from "./override-contract.ts";

/**
 * The first admin's part. Errors: `SELF_APPROVAL` before any other right; `FORBIDDEN` for root, agents and whoever is no
 * admin; `INVALID_STATE` unless REVIEWING; `ALREADY_EXISTS` while an override of this revision waits to be confirmed.
 */
export function requestOverride(before: TaskRecord, input: OverrideInput, turn: Turn): Result<Transition> {
  const may = mayOverride(before, turn.caller.who);
  if (!may.ok) return may;
  const open = openOverride(before);
  if (open !== undefined) {
    return fail("ALREADY_EXISTS", `${open.requested_by} asked for an override already; another admin may confirm it`, {
      requested_by: open.requested_by,
      requested_at: open.requested_at,
    });
  }
  const override: Override = {
    requested_by: turn.caller.who.id,
    reason: input.reason,
    incident_ticket: input.incident_ticket,
    requested_at: timestamp(turn.now),
    revision: before.revision,
    apply_immediately: input.apply_immediately,
  };
  const requested = happened(before, "override.requested", {
    why: whyOf(override),
    details: { revision: before.revision, apply_immediately: override.apply_immediately },
  });
  return ok({ task: { ...before, override }, happenings: [requested], effects: [] });
}

/**
 * The second admin's part: the task is APPROVED, whatever its requirements lack. Errors as above, `INVALID_STATE` too if
 * there is nothing to confirm; `SECOND_APPROVER_REQUIRED` for the admin who asked for it.
 */
export function confirmOverride(before: TaskRecord, turn: Turn): Result<Transition> {
  const { who } = turn.caller;
  const may = mayOverride(before, who);
  if (!may.ok) return may;
  const open = openOverride(before);
  if (open === undefined) return invalidState(before, "no override of this revision waits to be confirmed");
  if (open.requested_by === who.id) {
    return fail("SECOND_APPROVER_REQUIRED", "you asked for this override: another admin has to confirm it");
  }
  const { requested_by, requested_at, apply_immediately } = open;
  const confirmed = happened(before, "override.confirmed", {
    why: whyOf(open),
    details: { revision: before.revision, requested_by, requested_at, apply_immediately },
  });
  const task: TaskRecord = { ...before, override: { ...open, confirmed_by: who.id }, apply_immediately };
  const approved = leaveReview(task, "APPROVED", "task.approved", whyOf(open), turn.now);
  return ok({ ...approved, happenings: [confirmed, ...approved.happenings] });
}

function mayOverride(task: TaskRecord, who: Who): Result<null> {
  if (task.authors.includes(who.id)) {
    return fail("SELF_APPROVAL", "You wrote, filed or edited this change: two other admins have to override.");
  }
  if (who.id === "root" || who.kind !== "user" || !who.roles.includes("admin")) {
    return fail("FORBIDDEN", "An override takes two people with the role admin, and root is none.");
  }
  return allows(task, "override");
}

function whyOf({ reason, incident_ticket }: Override): { readonly reason: string; readonly ticket_ref: string } {
  return { reason, ticket_ref: incident_ticket };
}
