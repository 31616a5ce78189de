/** A task under review: what reviewers see of it, and what they decide. */
import type { Caller } from "../actor/caller.ts";
import { idOf } from "../actor/ids.ts";
import { fail, ok, type Result } from "../actor/result.ts";
import { respond } from "../approvals/decide.ts";
import { eligibility } from "../approvals/eligibility.ts";
import { type NewLink, offerLink } from "../approvals/link.ts";
import type { Nominee } from "../approvals/nominees.ts";
import { ExecutingTask } from "./executing-actor.ts";
import { requestView, timestamp } from "./task.ts";
import type { ApprovalAnswer, RespondAnswer } from "./task-api.ts";
import type { RespondInput } from "./task-contract.ts";

export abstract class ReviewedTask extends ExecutingTask {
  async approval(caller: Caller, member: number): Promise<Result<ApprovalAnswer>> {
    const id = idOf(this.place.address, member);
    const task = this.task;
    const request = task?.requests.find((one) => one.id === id);
    if (task === undefined || task.deleted || request === undefined)
      return fail("APPROVAL_NOT_FOUND", "there is no such approval request");
    const { authors, requirements, preview, risk, config, metadata } = task;
    return ok({
      approval: requestView(request),
      task: {
        id: task.id,
        state: task.state,
        revision: task.revision,
        type: config.type,
        description: config.description,
        author_id: metadata.author_id,
      },
      preview,
      risk,
      eligibility: eligibility({ who: caller.who, request, authors, requirements }, request.status),
    });
  }

  async respond(
    caller: Caller,
    member: number,
    input: RespondInput,
    nominees: readonly Nominee[],
  ): Promise<Result<RespondAnswer>> {
    if (!this.exists) return fail("APPROVAL_NOT_FOUND", "there is no such approval request");
    const id = idOf(this.place.address, member);
    return this.decide(
      caller,
      (task, turn) => respond(task, id, input, turn, nominees),
      (task) => ({ success: true, approval_id: id, task_id: task.id, task_state: task.state }),
    );
  }

  async offerLink(caller: Caller, member: number, link: NewLink): Promise<Result<{ readonly expires_at: string }>> {
    if (!this.exists) return fail("APPROVAL_NOT_FOUND", "there is no such approval request");
    const id = idOf(this.place.address, member);
    return this.decide(
      caller,
      (task, turn) => offerLink(task, id, link, turn),
      () => ({ expires_at: timestamp(link.expires_at * 1000) }),
    );
  }
}
