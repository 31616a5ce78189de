/** How much a task may gather, each step of it being written anew: what adds to it is refused, what ends it never is. */
import { expect, test } from "vitest";
import { MAX_REQUESTS_BYTES } from "../approvals/requests.ts";
import { cancel, comment, MAX_COMMENTS_BYTES } from "./drafting.ts";
import {
  alice,
  ann,
  answering,
  codeOf,
  done,
  draft,
  editing,
  person,
  requestOf,
  reviewing,
  submitting,
  turn,
} from "./task.fixture.ts";
import type { Comment, Request, TaskRecord } from "./task.ts";
import { jsonBytes } from "./task-contract.ts";

/** A review with as many closed requests as fit, but for `left` bytes. */
function edited(left: number): TaskRecord {
  const task = reviewing();
  const old: Request = { ...requestOf(task, "bob"), status: "SUPERSEDED", revision: 0 };
  const free = MAX_REQUESTS_BYTES - left - jsonBytes(task.requests);
  return { ...task, requests: [...new Array(Math.floor(free / (jsonBytes(old) + 1))).fill(old), ...task.requests] };
}

test("a review may be edited until its requests are 4 MiB; then it can still be decided, sent back and cancelled", () => {
  const next = { config: { description: "Once more" } };
  expect(done(editing(edited(5_000), next)).task.revision).toBe(2);
  const full = edited(100);
  expect(full.requests.length).toBeGreaterThan(9_000);
  expect(codeOf(editing(full, next))).toBe("PAYLOAD_TOO_LARGE");
  expect(done(answering(full, ann, { action: "approve" })).task.decisions).toHaveLength(1);
  expect(done(cancel(full, undefined, turn(alice))).task.state).toBe("CANCELLED");
  const back = done(answering(full, ann, { action: "request_changes", reason: "too wide" })).task;
  expect(back.state).toBe("DRAFT");
  expect(codeOf(submitting(back))).toBe("PAYLOAD_TOO_LARGE");
});

test("comments may take 4 MiB together, and one that no longer fits is refused", () => {
  const said: Comment = {
    id: draft().id,
    author_id: "ann",
    body: "x".repeat(5_000),
    created_at: "2026-11-20T12:00:00.000Z",
  };
  const fitting = Math.floor(MAX_COMMENTS_BYTES / (jsonBytes(said) + 1));
  const full = { ...reviewing(), comments: new Array<Comment>(fitting).fill(said) };
  expect(codeOf(comment(full, said.body, turn(person("ann", "reviewer"))))).toBe("PAYLOAD_TOO_LARGE");
  const almost = { ...full, comments: full.comments.slice(1) };
  expect(done(comment(almost, said.body, turn(ann))).task.comments).toHaveLength(fitting);
});
