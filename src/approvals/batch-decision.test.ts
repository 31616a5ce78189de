import { describe, expect, it } from "vitest";
import { cancel } from "../tasks/drafting.ts";
import {
  adm,
  alice,
  ann,
  answering,
  bob,
  codeOf,
  done,
  editing,
  person,
  requestOf,
  reviewing,
  T0,
  turn,
} from "../tasks/task.fixture.ts";
import type { TaskRecord } from "../tasks/task.ts";
import { RespondInput } from "../tasks/task-contract.ts";
import { batchAnswer, batchFailed, itemsByTask } from "./batch-answer.ts";
import { BatchInput } from "./batch-contract.ts";
import { decideAll, PREPARED_MS, reserve, settleReservation } from "./batch-decision.ts";
import type { BatchOrder } from "./batch-order.ts";

const task = reviewing();

function orderOf(of: readonly string[], more: Partial<BatchOrder> = {}): BatchOrder {
  return {
    batch_id: "b1",
    coordinator: "inbox:ann",
    began_at: T0,
    approval_ids: of.map((id) => requestOf(task, id).id),
    decision: RespondInput.parse({ action: "approve" }),
    skip_validation: false,
    ...more,
  };
}

function promised(of: TaskRecord = task, order = orderOf(["ann"])): TaskRecord {
  return reserve(of, order, ann, T0).task;
}

describe("a task promised to a batch", () => {
  it("is what it was before, to everybody who looks", () => {
    const { reservation, ...rest } = promised();
    expect(rest).toEqual(task);
    expect(reservation).toMatchObject({ batch_id: "b1", caller: { who: ann.who }, ask_at: T0 + PREPARED_MS });
  });

  it("keeps no Idempotency-Key", () => {
    const caller = { ...ann, idempotency: { key: "k", scope: "s", hash: "h" } };
    expect(reserve(task, orderOf(["ann"]), caller, T0).task.reservation?.caller).toEqual(ann);
  });

  it("holds off answers, edits and cancellations by anybody", () => {
    const held = promised();
    expect(codeOf(answering(held, ann))).toBe("BATCH_IN_PROGRESS");
    expect(codeOf(answering(held, bob, { action: "reject", reason: "no" }))).toBe("BATCH_IN_PROGRESS");
    expect(codeOf(editing(held, { config: { priority: 1 } }))).toBe("BATCH_IN_PROGRESS");
    expect(codeOf(cancel(held, undefined, turn(adm)))).toBe("BATCH_IN_PROGRESS");
    // Who may not learns that first.
    expect(codeOf(answering(held, person("eve"), undefined, "ann"))).toBe("FORBIDDEN");
  });

  it("decides as a single answer would, when told so", () => {
    const transition = settleReservation(promised(), "b1", "committed", turn(ann));
    const alone = done(answering(task, ann));
    expect(transition?.task).toEqual(alone.task);
    expect(transition?.effects).toEqual(alone.effects);
    expect(transition?.happenings).toEqual(
      alone.happenings.map((one) => ({ ...one, details: { ...one.details, batch_id: "b1" } })),
    );
  });

  it("is as if nothing had been, when the batch is off", () => {
    expect(settleReservation(promised(), "b1", "aborted", turn(ann))).toEqual({ task, happenings: [], effects: [] });
  });

  it("does not listen to the word of any other batch, nor to any once it is free", () => {
    expect(settleReservation(promised(), "b2", "committed", turn(ann))).toBeNull();
    expect(settleReservation(task, "b1", "committed", turn(ann))).toBeNull();
  });
});

describe("several requests of one task", () => {
  it("are judged each by itself", () => {
    const { results } = decideAll(task, orderOf(["ann", "bob"]), turn(ann));
    expect(results.map(({ error }) => error?.code)).toEqual([undefined, "FORBIDDEN"]);
  });

  it("count one person once, and those that the first decision made moot count as decided", () => {
    const both = orderOf(["ann", "bob"]);
    const approvedBoth = decideAll(task, both, turn(adm));
    expect(approvedBoth.results.every(({ success }) => success)).toBe(true);
    expect(approvedBoth.transition.task).toMatchObject({
      state: "REVIEWING",
      requirements: [{ approved_by: ["adm"] }],
    });
    const no = { ...both, decision: { ...both.decision, action: "reject" as const, reason: "no" } };
    const rejectedBoth = decideAll(task, no, turn(adm));
    expect(rejectedBoth.results.every(({ success }) => success)).toBe(true);
    expect(rejectedBoth.transition.task).toMatchObject({ state: "REJECTED", decisions: [{ action: "reject" }] });
  });
});

describe("the answer", () => {
  const [a, b] = [requestOf(task, "ann").id, requestOf(task, "bob").id];
  const stray = "01890a5d-ac96-774b-bcce-b302099a8057";
  const input = BatchInput.parse({ approval_ids: [b, stray, a], action: "approve" });

  it("groups by task what names a request, whoever was asked", () => {
    const { items, strays } = itemsByTask([b, stray, a, task.id]);
    expect(items).toMatchObject([{ key: `task:${task.id}`, task_id: task.id, approval_ids: [b, a] }]);
    expect(strays).toEqual([stray, task.id]);
  });

  it("keeps the order of the request, whatever the order of the votes", () => {
    const votes = [
      {
        task_id: task.id,
        new_state: "APPROVED" as const,
        results: [a, b].map((id) => ({ approval_id: id, success: true })),
      },
      { results: [{ approval_id: stray, success: false, error: { code: "APPROVAL_NOT_FOUND", message: "no" } }] },
    ];
    const answer = batchAnswer(input, votes);
    expect(answer.results.map(({ approval_id }) => approval_id)).toEqual([b, stray, a]);
    expect(answer).toMatchObject({ success: false, processed: 3, succeeded: 2, failed: 1 });
    expect(answer.task_updates).toEqual([{ task_id: task.id, new_state: "APPROVED" }]);
    const failed = batchFailed(input, votes);
    expect(failed.ok ? [] : failed.error.details?.results).toEqual([
      { approval_id: b, success: false },
      { approval_id: stray, success: false, error: { code: "APPROVAL_NOT_FOUND", message: "no" } },
      { approval_id: a, success: false },
    ]);
  });

  it("is of no use to an author", () => {
    const { results } = decideAll(task, orderOf(["ann"]), turn(alice));
    expect(results[0]?.error?.code).toBe("SELF_APPROVAL");
  });
});
