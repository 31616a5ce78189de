/**
 * Two who act on one review at the same time, up to a hundred rounds: the actor takes them one after the other. It is
 * called as the routes call it, so that the rounds are races and not log-ins.
 */
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import type { Caller } from "../src/actor/caller.ts";
import { freshTaskAddress, parseId } from "../src/actor/ids.ts";
import type { Result } from "../src/actor/result.ts";
import { taskAt } from "../src/tasks/task-api.ts";
import { CreateTask, PatchTask, RespondInput, SubmitTask, type Task } from "../src/tasks/task-contract.ts";
import { filed, ok, orders, requestOf, Stage } from "./support/stage.ts";

/** A workspace with alice who writes, and bob, carol and dora of whom so many have to approve. */
async function stageAsking(min_approvers: number): Promise<Stage> {
  const stage = new Stage();
  await Promise.all([stage.cast(), stage.user("dora", "reviewer")]);
  ok(await stage.root.post("/policies", { id: "some", name: "Some", min_approvers }), 201);
  return stage;
}

/** Ten reviews side by side, each of them so often: objects are dear, and an edit makes a review anew. */
async function race(
  { min_approvers, rounds }: { readonly min_approvers: number; readonly rounds: number },
  round: (review: Review, n: number) => Promise<void>,
): Promise<void> {
  const stage = await stageAsking(min_approvers);
  const play = async (lane: number) => {
    const review = await Review.of(stage.workspace, { ...orders, id: `lane-${lane}` });
    for (let n = 0; n < rounds / 10; n += 1) {
      await round(review, lane + n);
      await review.anew(n + 1);
    }
  };
  await Promise.all(Array.from({ length: 10 }, (_, lane) => play(lane)));
  await stage.expectVerified();
}

/** Both at once, in either order of arrival. */
async function together<A, B>(round: number, a: () => Promise<A>, b: () => Promise<B>): Promise<[A, B]> {
  if (round % 2 === 0) return Promise.all([a(), b()]);
  const [second, first] = await Promise.all([b(), a()]);
  return [first, second];
}

/** A review of what alice wrote, and those who act on it. */
class Review {
  asked: Task;
  readonly #actor: ReturnType<typeof taskAt>;
  readonly #workspace: string;

  private constructor(actor: ReturnType<typeof taskAt>, workspace: string, asked: Task) {
    this.#actor = actor;
    this.#workspace = workspace;
    this.asked = asked;
  }

  static async of(workspace: string, resource: object): Promise<Review> {
    const actor = taskAt(env, workspace, freshTaskAddress(Date.now()));
    const alice = caller(workspace, "alice", "author");
    value(await actor.create(alice, CreateTask.parse(filed("alice", { resources: [resource] }))));
    return new Review(actor, workspace, value(await actor.submit(alice, SubmitTask.parse({}))));
  }

  /** Under review as another revision. */
  async anew(priority: number): Promise<void> {
    const edited = value(await this.edit(priority));
    const alice = caller(this.#workspace, "alice", "author");
    this.asked = edited.state === "DRAFT" ? value(await this.#actor.submit(alice, SubmitTask.parse({}))) : edited;
  }

  /** `id` answers the request of `of`. */
  respond(id: string, body: object, of = id, task = this.asked): Promise<Result<{ readonly task_state: string }>> {
    const { member } = parseId(requestOf(of, task).id) ?? { member: 0 };
    const roles = id === "ada" ? ["admin"] : id === "dan" ? [] : ["reviewer"];
    const named = [{ id: "dan", name: "Dan" }];
    return this.#actor.respond(caller(this.#workspace, id, ...roles), member, RespondInput.parse(body), named);
  }

  approve(id: string, task = this.asked): Promise<Result<{ readonly task_state: string }>> {
    return this.respond(id, { action: "approve" }, id, task);
  }

  edit(priority: number): Promise<Result<Task>> {
    const patch = PatchTask.parse({ config: { priority } });
    return this.#actor.edit(caller(this.#workspace, "alice", "author"), patch, null);
  }

  cancel(): Promise<Result<Task>> {
    return this.#actor.cancel(caller(this.#workspace, "alice", "author"), null);
  }

  /** As it is now; nothing is open that should not be. */
  async now(): Promise<Task> {
    const task = value(await this.#actor.get());
    const open = task.approval_requests.filter(({ status }) => status === "PENDING");
    if (task.state !== "REVIEWING") expect(open).toEqual([]);
    for (const one of open) expect(one.revision).toBe(task.revision);
    return task;
  }
}

function caller(workspace: string, id: string, ...roles: string[]): Caller {
  const who = { id, kind: "user", roles } as const;
  return { workspace, who, name: id, where: { service: "test" }, request_id: crypto.randomUUID() };
}

function value<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return result.value;
}

/** The code of each refusal, `ok` for the others, in alphabetical order. */
function outcomes(...results: readonly Result<unknown>[]): string[] {
  return results.map((one) => (one.ok ? "ok" : one.error.code)).sort();
}

describe("a race of", () => {
  it("two approvals short of the quorum: both count, neither is lost", async () => {
    await race({ min_approvers: 3, rounds: 100 }, async (review, n) => {
      const answers = await together(
        n,
        () => review.approve("bob"),
        () => review.approve("carol"),
      );
      expect(outcomes(...answers)).toEqual(["ok", "ok"]);
      const { state, approvals, current_approvals } = await review.now();
      expect([state, approvals.length, current_approvals]).toEqual(["REVIEWING", 2, 2]);
    });
  });

  it("two who each end the review: the later learns that it came too late", async () => {
    await race({ min_approvers: 1, rounds: 20 }, async (review, n) => {
      const back = { action: "request_changes", reason: "smaller" };
      const answers = await together(
        n,
        () => review.respond("bob", back),
        () => review.respond("carol", back),
      );
      expect(outcomes(...answers)).toEqual(["APPROVAL_ALREADY_RESOLVED", "ok"]);
      expect(await review.now()).toMatchObject({ state: "DRAFT", approvals: [{ action: "request_changes" }] });
    });
  });

  it("an approval and an edit: whatever came first, nothing of it counts for what nobody saw", async () => {
    await race({ min_approvers: 2, rounds: 100 }, async (review, n) => {
      const [yes, edit] = await together(
        n,
        () => review.approve("bob"),
        () => review.edit(60 + n),
      );
      expect(edit.ok).toBe(true);
      expect(outcomes(yes)).toEqual([expect.stringMatching(/^(ok|APPROVAL_ALREADY_RESOLVED)$/)]);
      const { state, revision, approvals, current_approvals } = await review.now();
      expect([state, approvals, current_approvals]).toEqual(["REVIEWING", [], 0]);
      expect(revision).toBe(review.asked.revision + 1);
    });
  });

  it("a delegation and an approval of one request: one of them, and the part is filled once", async () => {
    await race({ min_approvers: 3, rounds: 100 }, async (review, n) => {
      const [passed, yes] = await together(
        n,
        () => review.respond("bob", { action: "delegate", delegate_to: "dan" }),
        () => review.respond("ada", { action: "approve" }, "bob"),
      );
      expect(outcomes(passed, yes)).toEqual(["APPROVAL_ALREADY_RESOLVED", "ok"]);
      const between = await review.now();
      const { revision } = between;
      const asked = between.approval_requests.filter((one) => one.revision === revision);
      expect(asked.some(({ reviewer_id }) => reviewer_id === "dan")).toBe(passed.ok);
      if (passed.ok) value(await review.approve("dan", between));
      value(await review.approve("carol", between));
      expect((await review.now()).current_approvals).toBe(2);
    });
  });

  it("two delegations to one and the same person: never both, or nobody could approve", async () => {
    await race({ min_approvers: 3, rounds: 20 }, async (review, n) => {
      const toDan = { action: "delegate", delegate_to: "dan" };
      const answers = await together(
        n,
        () => review.respond("bob", toDan),
        () => review.respond("carol", toDan),
      );
      expect(outcomes(...answers)).toEqual(["QUORUM_IMPOSSIBLE", "ok"]);
    });
  });

  it("two last approvals and a cancellation: cancelled in the end, approved before by one person at most", async () => {
    const stage = await stageAsking(1);
    for (let n = 0; n < 100; n += 10) {
      await Promise.all(
        Array.from({ length: 10 }, async (_, lane) => {
          const review = await Review.of(stage.workspace, { ...orders, id: `lane-${lane}` });
          const [[first, second], cancelled] = await together(
            n + lane,
            () => Promise.all([review.approve("bob"), review.approve("carol")]),
            () => review.cancel(),
          );
          expect(cancelled.ok).toBe(true);
          const { state, approvals } = await review.now();
          const counted = [first, second].filter((one) => one.ok).length;
          expect([state, approvals.length]).toEqual(["CANCELLED", counted]);
          expect(counted).toBeLessThanOrEqual(1);
        }),
      );
    }
    await stage.expectVerified();
  });
});
