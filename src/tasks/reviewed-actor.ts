/** A task under review: what reviewers see of it, what they decide, and what happens while they do not. */
import type { Caller } from "../actor/caller.ts";
import { type Commit, housekeeper } from "../actor/commit.ts";
import { idOf } from "../actor/ids.ts";
import { fail, ok, type Result } from "../actor/result.ts";
import { timestamp } from "../actor/timestamp.ts";
import { readSurroundings } from "../approvals/colleagues.ts";
import { respond } from "../approvals/decide.ts";
import { eligibility } from "../approvals/eligibility.ts";
import { expire } from "../approvals/escalation.ts";
import type { ReviewerEffect } from "../approvals/inbox-api.ts";
import { offerLink } from "../approvals/link.ts";
import type { NewLink } from "../approvals/link-token.ts";
import { lookAfter, peopleAround } from "../approvals/look-after.ts";
import type { Nominee } from "../approvals/nominees.ts";
import { openOverride } from "../approvals/overridden.ts";
import { confirmOverride, requestOverride } from "../approvals/override.ts";
import type { OverrideInput, OverrideRequested } from "../approvals/override-contract.ts";
import { ExecutingTask } from "./executing-actor.ts";
import { requestView, type TaskRecord, taskView } from "./task.ts";
import type { ApprovalAnswer, RespondAnswer } from "./task-api.ts";
import type { RespondInput, Task } from "./task-contract.ts";

/** People changed, and the review has to be looked at: set by whoever says so, kept until it was done. */
const PEOPLE_TIMER = "people";

export abstract class ReviewedTask extends ExecutingTask {
  /** How often people changed while this object was awake. */
  #news = 0;

  async approval(caller: Caller, member: number): Promise<Result<ApprovalAnswer>> {
    const id = idOf(this.place.address, member);
    const present = this.present();
    const request = present.ok ? present.value.requests.find((one) => one.id === id) : undefined;
    if (!present.ok || request === undefined) return fail("APPROVAL_NOT_FOUND", "there is no such approval request");
    const task = present.value;
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

  async override(caller: Caller, input: OverrideInput): Promise<Result<OverrideRequested>> {
    return this.decide(caller, (task, turn) => requestOverride(task, input, turn), overrideView);
  }

  async confirmOverride(caller: Caller): Promise<Result<Task>> {
    return this.decide(caller, confirmOverride, taskView);
  }

  /** As it is now: a review whose time is over has ended, whether or not an alarm has rung. */
  protected override present(): Result<TaskRecord> {
    if (this.task !== undefined) {
      const now = Date.now();
      this.settle(housekeeper(this.place.workspace), expire(this.task, now), undefined, now);
    }
    return super.present();
  }

  protected override receiveOther(tx: Commit, caller: Caller, source: string, body: unknown): void {
    if (!isAboutReviewer(body)) {
      super.receiveOther(tx, caller, source, body);
      return;
    }
    if (this.task?.state === "REVIEWING") tx.timer(PEOPLE_TIMER, tx.now);
    tx.afterwards(() => {
      this.#news += 1;
    });
  }

  protected override async onOtherTimer(name: string, now: number): Promise<void> {
    if (name !== "review" && name !== PEOPLE_TIMER) return super.onOtherTimer(name, now);
    let looked = false;
    while (!looked) looked = await this.#lookAfter();
  }

  /** False if the task, or the people around it, changed while D1 was asked. Throws while D1 does not answer. */
  async #lookAfter(): Promise<boolean> {
    const present = this.present();
    // Over, and its timers with it.
    if (!present.ok || present.value.state !== "REVIEWING") return true;
    const task = present.value;
    const news = this.#news;
    const { workspace } = this.place;
    const around = await readSurroundings(this.env.DB, workspace, peopleAround(task));
    if (this.task !== task || this.#news !== news) return false;
    const self = housekeeper(workspace);
    const turn = this.turn(self);
    const done = lookAfter(task, around, turn) ?? { task, happenings: [], effects: [] };
    this.settle(self, done, (tx) => tx.timer(PEOPLE_TIMER, undefined), turn.now);
    return true;
  }
}

function overrideView(task: TaskRecord): OverrideRequested {
  const override = openOverride(task);
  if (override === undefined) throw new Error("an override was asked for, and there is none");
  const { requested_by, reason, incident_ticket, requested_at, revision } = override;
  return {
    task_id: task.id,
    state: task.state,
    override: { requested_by, reason, incident_ticket, requested_at, revision },
  };
}

function isAboutReviewer(body: unknown): body is ReviewerEffect {
  return typeof body === "object" && body !== null && "do" in body && body.do === "reviewer.changed";
}
