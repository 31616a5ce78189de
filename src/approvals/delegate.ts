/** A reviewer hands their request to somebody else (03, "Approval requests": delegate). Pure. */
import { fail, ok, type Result } from "../actor/result.ts";
import { timestamp } from "../actor/timestamp.ts";
import type { Request, TaskRecord } from "../tasks/task.ts";
import type { RespondInput } from "../tasks/task-contract.ts";
import type { Transition, Turn } from "../tasks/transition.ts";
import { eligibleNominees, type Nominee, notEligible } from "./nominees.ts";
import { openRequestsOf, ownerOf, tellInboxes, withRequests } from "./open-requests.ts";
import { canBeMet } from "./quorum.ts";
import { about, actingOn, mayHave, requested } from "./requests.ts";

/**
 * The request is DELEGATED, and a new one opens that fills the same part and is due when the old one was: passing on buys no
 * time. `nominees` are the active users among those named.
 *
 * Errors: `REVIEWER_NOT_ELIGIBLE` when the delegate left, is an author, has this very request, or is the admin who hands on
 * what is somebody else's: a required reviewer's part is never had by taking it; `QUORUM_IMPOSSIBLE` when a requirement that
 * distinct people could have met would no longer find enough of them.
 */
export function delegate(
  before: TaskRecord,
  request: Request,
  { delegate_to = "", reason }: RespondInput,
  nominees: readonly Nominee[],
  { caller, now, mint }: Turn,
): Result<Transition> {
  if (delegate_to === request.reviewer_id) return notEligible({ id: delegate_to, why: "has this request already" });
  if (delegate_to === caller.who.id) return notEligible({ id: delegate_to, why: "cannot take somebody else's part" });
  const eligible = eligibleNominees([delegate_to], nominees, before.authors);
  if (!eligible.ok) return eligible;
  const [to] = eligible.value;
  if (to === undefined) throw new Error(`${delegate_to} is eligible and yet nobody`);

  const owner = ownerOf(request);
  const { on_behalf_of: _, follows: _f, ...part } = request;
  const next: Request = {
    ...part,
    id: mint(),
    reviewer_id: to.id,
    reviewer_name: to.name,
    // Whoever gets their own part back acts for nobody else.
    ...(owner !== to.id && { on_behalf_of: owner }),
    created_at: timestamp(now),
  };
  const closed: Request = {
    ...request,
    status: "DELEGATED",
    delegated_to: to.id,
    responded_at: timestamp(now),
  };
  const open = openRequestsOf(before);
  const after = [...open.filter(({ id }) => id !== request.id), next];
  const lost = before.requirements.find((requirement) => canBeMet(requirement, open) && !canBeMet(requirement, after));
  if (lost !== undefined) {
    const { policy_id, policy_name, min_approvers } = lost;
    const message = `Policy ${policy_id} asks for ${min_approvers} people, and with ${to.id} in your place there would be too few.`;
    return fail("QUORUM_IMPOSSIBLE", message, { policy_id, policy_name, needed: min_approvers });
  }
  const task: TaskRecord = {
    ...withRequests(before, closed, next),
    metadata: { ...before.metadata, updated_at: timestamp(now) },
  };
  const fits = mayHave(task.requests);
  if (!fits.ok) return fits;
  const passed = {
    ...about(closed, "approval.delegated", { from: request.reviewer_id, to: to.id, decided_by: caller.who.id }),
    acting: actingOn(request, caller.who),
    ...(reason !== undefined && { why: { reason } }),
  };
  return ok({ task, happenings: [passed, requested(next)], effects: tellInboxes(before, task) });
}
