import { describe, expect, test } from "vitest";
import { policy } from "../approvals/policy.fixture.ts";
import { MAX_CONFIG_BYTES } from "./contract.ts";
import { cancel, comment, mayAuthor, mayFile, patched, remove } from "./drafting.ts";
import {
  adm,
  agent,
  alice,
  ann,
  answering,
  approved,
  bob,
  change,
  codeOf,
  done,
  draft,
  drafting,
  editing,
  freed,
  gathering,
  ORDERS,
  person,
  requestOf,
  reviewer,
  reviewing,
  type Situation,
  steps,
  submitting,
  T0,
  TASK_ID,
  turn,
} from "./task.fixture.ts";
import type { TaskRecord } from "./task.ts";

/** Parameters with an error: a key of a resource that the task does not name. */
const invalid = { config: { parameters: { "database:prod/other": { size: 1 } } } };

function statuses(task: TaskRecord): string[] {
  return task.requests.map(({ reviewer_id, revision, status }) => `${reviewer_id}@${revision} ${status}`);
}

function sentBack(situation: Situation = {}): TaskRecord {
  const answer = { action: "request_changes", reason: "smaller" };
  return done(answering(reviewing(situation), ann, answer)).task;
}

describe("create", () => {
  test("makes a draft of revision 1 with its preview and risk, and asks nobody", () => {
    const made = drafting({ metadata: { ticket_ref: "OPS-1" } });
    expect(made.task).toMatchObject({ id: TASK_ID, state: "DRAFT", revision: 1, authors: ["alice"], attempts: 0 });
    expect(made.task.preview.changes).toMatchObject([{ action: "write", before: {}, after: { size: 2 } }]);
    expect(made.task.risk).toMatchObject({ score: 59, level: "HIGH", auto_approvable: false });
    expect(made.effects).toEqual([]);
    expect(steps(made)).toEqual(["task.created >DRAFT"]);
    expect(made.happenings[0]).toMatchObject({
      subject_type: "task",
      subject_id: TASK_ID,
      why: { ticket_ref: "OPS-1" },
      details: { author_id: "alice", risk_level: "HIGH" },
    });
  });

  test("never lets a parameter's value into the trail", () => {
    const secretive = { config: { parameters: { note: "hunter2" }, secrets: ["vault:db"] } };
    const made = [drafting(secretive), done(submitting(draft(secretive)))];
    expect(JSON.stringify(made.map(({ happenings }) => happenings))).not.toContain("hunter2");
  });

  test("counts an admin who files on somebody's behalf among the authors, an author who files for themselves once", () => {
    expect(draft({ caller: adm }).authors).toEqual(["alice", "adm"]);
    expect(draft().authors).toEqual(["alice"]);
  });

  test("takes another author_id from an admin only", () => {
    expect(codeOf(mayFile(alice, "alice"))).toBe("ok");
    expect(codeOf(mayFile(adm, "alice"))).toBe("ok");
    expect(codeOf(mayFile(person("eve", "author", "reviewer"), "alice"))).toBe("AUTHOR_MISMATCH");
  });

  test("makes a draft of what has preview errors too", () => {
    expect(draft(invalid).preview).toMatchObject({ valid: false, errors: [{ code: "UNKNOWN_RESOURCE_KEY" }] });
  });
});

describe("a draft's author", () => {
  test("is its author while they hold the role, or an admin, and nobody else", () => {
    const verdicts = [alice, adm, person("alice"), person("eve", "author"), ann].map((who) => mayAuthor(who, draft()));
    expect(verdicts.map(codeOf)).toEqual(["ok", "ok", "FORBIDDEN", "FORBIDDEN", "FORBIDDEN"]);
  });
});

describe("a merge patch", () => {
  const task = draft({
    config: { parameters: { size: 2, tags: { a: 1, b: 2 } } },
    metadata: { team: "data", tags: ["x"] },
  });
  const refused = (patch: Parameters<typeof patched>[1]) => {
    const result = patched(task, patch);
    expect(codeOf(result)).toBe("VALIDATION_ERROR");
    return result.ok ? undefined : result.error.details;
  };

  test("merges objects, removes what is null and replaces arrays whole", () => {
    const patch = {
      config: {
        parameters: { tags: { a: null, c: 3 } },
        resources: [{ type: "service", id: "api", actions: ["write"] }],
      },
      metadata: { tags: ["y"], team: null },
    };
    const next = done(patched(task, patch));
    expect(next.config.parameters).toEqual({ size: 2, tags: { b: 2, c: 3 } });
    expect(next.config.resources).toEqual([{ type: "service", id: "api", scope: "namespace", actions: ["write"] }]);
    expect(next.metadata).toMatchObject({ tags: ["y"], author_id: "alice" });
    expect(next.metadata).not.toHaveProperty("team");
  });

  test("gives a removed field its default again", () => {
    const next = done(patched(draft({ config: { priority: 90 } }), { config: { priority: null } }));
    expect(next.config.priority).toBe(50);
  });

  test.each([
    [{ config: { description: null } }, "config.description"],
    [{ config: { resources: [] } }, "config.resources"],
    [{ config: { resources: null } }, "config.resources"],
    [{ config: { max_attempts: 11 } }, "config.max_attempts"],
    [{ metadata: { tags: ["x".repeat(65)] } }, "metadata.tags.0"],
    [{ metadata: { author_id: "eve" } }, "metadata.author_id"],
    [{ metadata: { author_id: null } }, "metadata.author_id"],
  ])("that leaves no valid task is a 400 which names the field: %j", (patch, field) => {
    const details = refused(patch);
    expect(details).toMatchObject({ field, issue: expect.any(String), issues: [{ field }] });
  });

  test("does not reach what the task keeps of itself", () => {
    for (const own of ["created_at", "submitted_at", "approved_at"]) {
      expect(refused({ metadata: { [own]: "2020-01-01T00:00:00.000Z" } })?.issues).toMatchObject([
        { field: "metadata" },
      ]);
    }
    expect(refused({ config: { surprise: true } })).toMatchObject({ field: "config" });
  });

  test("cannot reach the prototype of anything", () => {
    const patch = JSON.parse('{"config":{"parameters":{"__proto__":{"admin":true},"size":3}}}');
    const { parameters } = done(patched(task, patch)).config;
    expect(parameters).toMatchObject({ size: 3 });
    expect((parameters as { admin?: boolean }).admin).toBeUndefined();
    expect(({} as { admin?: boolean }).admin).toBeUndefined();
  });

  test("may not grow a config beyond 256 KiB of JSON, counted in bytes", () => {
    const room = MAX_CONFIG_BYTES - JSON.stringify(change({ parameters: { size: 2, text: "" } })).length;
    const plain = draft();
    expect(codeOf(patched(plain, { config: { parameters: { text: "x".repeat(room) } } }))).toBe("ok");
    expect(codeOf(patched(plain, { config: { parameters: { text: "x".repeat(room + 1) } } }))).toBe("VALIDATION_ERROR");
    expect(codeOf(patched(plain, { config: { parameters: { text: "é".repeat(room / 2 + 1) } } }))).toBe(
      "VALIDATION_ERROR",
    );
  });

  test("without effect changes nothing: empty, the same values, other key order, a null for what is absent", () => {
    const same = { parameters: { tags: { b: 2, a: 1 }, size: 2 } };
    for (const patch of [{}, { config: {} }, { config: same }, { config: { parameters: { no: null } } }]) {
      expect(patched(task, patch)).toEqual({ ok: true, value: null });
    }
    expect(patched(task, { metadata: { tags: ["x"], author_id: "alice", ticket_ref: null } })).toEqual({
      ok: true,
      value: null,
    });
  });
});

describe("an edit of a draft", () => {
  test("raises the revision, looks anew and says which fields changed", () => {
    const patch = { config: { parameters: { size: 3 } }, metadata: { ticket_ref: "OPS-2" } };
    const edited = done(editing(draft(), patch, {}, T0 + 5_000));
    expect(edited.task).toMatchObject({ state: "DRAFT", revision: 2 });
    expect(edited.task.metadata).toMatchObject({
      created_at: "2026-11-20T12:00:00.000Z",
      updated_at: "2026-11-20T12:00:05.000Z",
    });
    expect(edited.task.preview.changes[0]).toMatchObject({ after: { size: 3 } });
    expect(steps(edited)).toEqual(["task.updated DRAFT>DRAFT"]);
    expect(edited.happenings[0]).toMatchObject({
      why: { ticket_ref: "OPS-2" },
      details: { revision: 2, changed: ["config.parameters", "metadata.ticket_ref"] },
    });
    expect(edited.effects).toEqual([]);
  });

  test("makes its editor an author: an admin who helps may not decide later", () => {
    const edited = done(editing(draft(), { config: { priority: 1 } }, { caller: adm })).task;
    expect(edited.authors).toEqual(["alice", "adm"]);
    expect(edited.metadata.author_id).toBe("alice");
    expect(codeOf(answering(done(submitting(edited)).task, adm, { action: "approve" }, "ann"))).toBe("SELF_APPROVAL");
  });

  test("may break its preview; only a submission minds", () => {
    expect(done(editing(draft(), invalid)).task.preview.valid).toBe(false);
  });

  test("of what was sent back forgets the decisions and wishes of the revision before", () => {
    const hurried = done(answering(reviewing(), ann, { action: "approve", options: { apply_immediately: true } })).task;
    expect(hurried.apply_immediately).toBe(true);
    const back = done(answering(hurried, bob, { action: "request_changes", reason: "smaller" })).task;
    const edited = done(editing(back, { config: { priority: 1 } })).task;
    expect(edited).toMatchObject({ revision: 2, decisions: [], requirements: [], apply_immediately: false });
  });
});

describe("submit", () => {
  test("goes over SUBMITTED to REVIEWING in one commit and asks the reviewers", () => {
    const submitted = done(submitting(draft(), {}, {}, T0 + 1_000));
    expect(submitted.task).toMatchObject({ state: "REVIEWING", revision: 1 });
    expect(submitted.task.metadata.submitted_at).toBe("2026-11-20T12:00:01.000Z");
    expect(steps(submitted)).toEqual([
      "task.submitted DRAFT>SUBMITTED",
      "task.reviewing SUBMITTED>REVIEWING",
      ...Array(3).fill("approval.requested"),
    ]);
    expect(statuses(submitted.task)).toEqual(["ann@1 PENDING", "bob@1 PENDING", "cid@1 PENDING"]);
    expect(submitted.effects.map(({ target }) => target)).toEqual(["inbox:ann", "inbox:bob", "inbox:cid"]);
    expect(submitted.task.requirements).toMatchObject([{ policy_id: "builtin", min_approvers: 2, approved_by: [] }]);
  });

  test("raises the revision first if it was submitted before, edited meanwhile or not: old decisions never count", () => {
    const again = done(submitting(sentBack()));
    expect(again.task).toMatchObject({ state: "REVIEWING", revision: 2, decisions: [] });
    expect(statuses(again.task)).toEqual([
      "ann@1 CHANGES_REQUESTED",
      "bob@1 SUPERSEDED",
      "cid@1 SUPERSEDED",
      "ann@2 PENDING",
      "bob@2 PENDING",
      "cid@2 PENDING",
    ]);
    expect(again.happenings[0]).toMatchObject({ action: "task.submitted", details: { revision: 2 } });
    const edited = done(editing(sentBack(), { config: { priority: 1 } })).task;
    expect(done(submitting(edited)).task.revision).toBe(3);
  });

  test("takes preview, risk and policies as they stand now, not as they stood when it was drafted", () => {
    const facts = { history: { failed: 195, total: 195 }, policies: [policy("new")] };
    const submitted = done(submitting(draft(), { facts })).task;
    expect(submitted.risk.score).toBe(67);
    expect(submitted.requirements).toMatchObject([{ policy_id: "new" }]);
  });

  test("with preview errors is PREVIEW_INVALID and names them", () => {
    const refused = submitting(draft(invalid));
    expect(refused).toMatchObject({
      ok: false,
      error: { code: "PREVIEW_INVALID", details: { errors: [{ code: "UNKNOWN_RESOURCE_KEY" }] } },
    });
  });

  test.each(["force", "skip_preview"] as const)("with %s goes through for an admin, and the trail says so", (how) => {
    const submitted = done(submitting(draft(invalid), { caller: adm }, { [how]: true }));
    expect(submitted.task).toMatchObject({ state: "REVIEWING", preview: { valid: false } });
    expect(submitted.task.preview.changes).toHaveLength(1);
    expect(submitted.happenings[0]?.details).toMatchObject({ [how === "force" ? "forced" : how]: true });
  });

  test.each(["force", "skip_preview"] as const)("with %s is for admins only, errors or not", (how) => {
    expect(codeOf(submitting(draft(), {}, { [how]: true }))).toBe("FORBIDDEN");
    expect(codeOf(submitting(draft(invalid), {}, { [how]: true }))).toBe("FORBIDDEN");
  });

  test("is NOT_ENOUGH_REVIEWERS, and stays a draft, where authors are all there are", () => {
    const situation = { facts: { reviewers: [reviewer("alice"), reviewer("ann")] } };
    const refused = submitting(draft(), situation);
    expect(refused).toMatchObject({
      error: { code: "NOT_ENOUGH_REVIEWERS", details: { policy_id: "builtin", needed: 2, available: 1 } },
    });
  });

  test("asks requested reviewers, and refuses one who may not decide", () => {
    const many = Array.from({ length: 12 }, (_, at) => reviewer(`r${String(at).padStart(2, "0")}`));
    const facts = { reviewers: [...many, reviewer("alice")] };
    const asked = done(submitting(draft(), { facts }, { requested_reviewers: ["r11"] })).task;
    expect(asked.requests).toHaveLength(10);
    expect(requestOf(asked, "r11").status).toBe("PENDING");
    for (const requested of ["alice", "nobody"]) {
      expect(codeOf(submitting(draft(), { facts }, { requested_reviewers: [requested] }))).toBe(
        "REVIEWER_NOT_ELIGIBLE",
      );
    }
  });
});

describe("cancel", () => {
  test("from review ends every open request as SUPERSEDED and tells each reviewer", () => {
    const once = done(answering(reviewing(), ann)).task;
    const cancelled = done(cancel(once, "no longer needed", turn(alice, T0 + 2_000)));
    expect(cancelled.task.state).toBe("CANCELLED");
    expect(cancelled.task.metadata.completed_at).toBe("2026-11-20T12:00:02.000Z");
    expect(statuses(cancelled.task)).toEqual(["ann@1 APPROVED", "bob@1 SUPERSEDED", "cid@1 SUPERSEDED"]);
    expect(steps(cancelled)).toEqual([
      "approval.superseded",
      "approval.superseded",
      "task.cancelled REVIEWING>CANCELLED",
    ]);
    expect(cancelled.happenings[2]).toMatchObject({ why: { reason: "no longer needed" } });
    expect(cancelled.effects.map(({ target }) => target)).toEqual(["inbox:bob", "inbox:cid"]);
  });

  test("of an approved task takes it from the dispatch", () => {
    const cancelled = done(cancel(approved(), undefined, turn(alice)));
    expect(cancelled.effects).toEqual([{ target: "dispatch", body: { do: "task.gone", task_id: TASK_ID } }]);
    expect(steps(cancelled)).toEqual(["task.cancelled APPROVED>CANCELLED"]);
  });

  test("stops an apply that gathers its locks and frees all that it may hold or await", () => {
    const cancelled = done(cancel(gathering(approved()).task, undefined, turn(alice)));
    expect(cancelled.task.saga).toBeUndefined();
    expect(freed(cancelled.effects)).toEqual([
      "agent:bot",
      `task:${TASK_ID}`,
      `resource:${ORDERS}`,
      "resource:service:prod/api",
    ]);
  });

  test("is for its author, admins and system principals", () => {
    const verdict = (who: typeof alice) => codeOf(cancel(reviewing(), undefined, turn(who)));
    expect([alice, adm, agent("bot")].map(verdict)).toEqual(["ok", "ok", "ok"]);
    expect([ann, person("eve", "author"), person("alice")].map(verdict)).toEqual(Array(3).fill("FORBIDDEN"));
  });
});

describe("delete", () => {
  test("ends the chain of a draft with task.deleted", () => {
    const gone = done(remove(draft(), turn(adm)));
    expect(gone.task.deleted).toBe(true);
    expect(steps(gone)).toEqual(["task.deleted DRAFT>"]);
    expect(gone.effects).toEqual([]);
  });

  test("is refused to a stranger whatever the state", () => {
    const eve = person("eve", "author");
    for (const task of [draft(), reviewing()]) expect(codeOf(remove(task, turn(eve)))).toBe("FORBIDDEN");
    expect(codeOf(remove(reviewing(), turn(alice)))).toBe("INVALID_STATE");
  });
});

describe("a comment", () => {
  test("is added with its author and time, and changes neither state nor revision", () => {
    const first = done(comment(reviewing(), "Why?", turn(ann)));
    const second = done(comment(first.task, "Because.", turn(alice, T0 + 1_000)));
    expect(second.task).toMatchObject({ state: "REVIEWING", revision: 1 });
    expect(second.task.comments).toEqual([first.comment, second.comment]);
    expect(second.comment).toMatchObject({
      author_id: "alice",
      body: "Because.",
      created_at: "2026-11-20T12:00:01.000Z",
    });
    expect(second.happenings).toMatchObject([{ action: "task.commented", details: { comment_id: second.comment.id } }]);
    expect(JSON.stringify(second.happenings)).not.toContain("Because");
  });
});
