import { describe, expect, it } from "vitest";
import { assess } from "./assess.ts";
import { create } from "./drafting.ts";
import { noteResubmitted, resubmission } from "./resubmission.ts";
import {
  adm,
  alice,
  ann,
  applying,
  approved,
  bot,
  codeOf,
  done,
  draft,
  person,
  rejected,
  reviewing,
  steps,
  T0,
  turn,
  world,
} from "./task.fixture.ts";
import { type TaskRecord, taskView } from "./task.ts";

const NEW_ID = "101a1fb5-9921-8d41-8a35-bac600000000";

describe("a rejected change", () => {
  it("is filed again by its author or an admin with the config it had, and only what people wrote of it", () => {
    for (const caller of [alice, adm]) {
      const { config, metadata } = done(resubmission(rejected(), caller));
      expect(config).toEqual(rejected().config);
      expect(metadata).toEqual({ author_id: "alice", author_name: "Alice", tags: [] });
    }
  });

  it("is not filed again by strangers, reviewers or agents", () => {
    for (const caller of [person("mallory", "author"), ann, bot]) {
      expect(codeOf(resubmission(rejected(), caller))).toBe("FORBIDDEN");
      expect(codeOf(noteResubmitted(rejected(), NEW_ID, caller))).toBe("FORBIDDEN");
    }
  });

  it("notes its new draft, and stays as it is", () => {
    const before = rejected();
    const noted = done(noteResubmitted(before, NEW_ID, alice));
    expect(steps(noted)).toEqual(["task.resubmitted"]);
    expect(noted.happenings[0]?.details).toEqual({ task_id: NEW_ID });
    expect(noted.effects).toEqual([]);
    expect(taskView(noted.task)).toEqual(taskView(before));
  });

  it("notes the same draft once, however often it is told, and each other one, too", () => {
    const once = done(noteResubmitted(rejected(), NEW_ID, alice)).task;
    expect(noteResubmitted(once, NEW_ID, alice)).toEqual({ ok: true, value: null });
    const other = NEW_ID.replace("101", "102");
    const twice = done(noteResubmitted(once, other, alice)).task;
    expect(twice.resubmitted_to).toEqual([NEW_ID, other]);
    expect(noteResubmitted(twice, NEW_ID, alice)).toEqual({ ok: true, value: null });
  });

  it("begins as a draft like any other: revision 1, nobody asked, no decisions", () => {
    const input = done(resubmission(rejected(), alice));
    const facts = world();
    const { task, happenings } = create(
      NEW_ID,
      { ...input, resubmitted_from: rejected().id },
      assess(input.config, facts, T0),
      facts,
      turn(alice),
    );
    expect(happenings.map(({ action }) => action)).toEqual(["task.created"]);
    expect(taskView(task)).toMatchObject({
      state: "DRAFT",
      revision: 1,
      approval_requests: [],
      approvals: [],
      comments: [],
      resubmitted_from: rejected().id,
    });
  });
});

it.each<[string, () => TaskRecord]>([
  ["DRAFT", draft],
  ["REVIEWING", reviewing],
  ["APPROVED", approved],
  ["APPLYING", applying],
  ["CANCELLED", () => ({ ...reviewing(), state: "CANCELLED" })],
  ["COMPLETED", () => ({ ...applying(), state: "COMPLETED" })],
])("what is %s is not filed again", (state, task) => {
  for (const refused of [resubmission(task(), alice), noteResubmitted(task(), NEW_ID, alice)]) {
    expect(refused).toMatchObject({ ok: false, error: { code: "INVALID_STATE", details: { state } } });
  }
});
