/**
 * Reviews that people act on at the same time. Actors are called as the routes call them, so that rounds are races and not
 * log-ins; and one review serves many rounds, as objects are dear: ten are asked, and each round is another one's.
 */
import { env } from "cloudflare:workers";
import { expect } from "vitest";
import type { Caller } from "../../src/actor/caller.ts";
import { freshTaskAddress, parseId } from "../../src/actor/ids.ts";
import type { Result } from "../../src/actor/result.ts";
import { type BatchAnswer, BatchInput } from "../../src/approvals/batch-contract.ts";
import { inboxOf } from "../../src/approvals/inbox-api.ts";
import { taskAt } from "../../src/tasks/task-api.ts";
import { CreateTask, PatchTask, RespondInput, SubmitTask, type Task } from "../../src/tasks/task-contract.ts";
import { failingDatabase, giveDatabase } from "./ledger.ts";
import { filed, ok, requestOf, Stage, web } from "./stage.ts";

/** r0 to r9 review; r0 to r3 have the role `few` as well. */
const REVIEWERS = Array.from({ length: 10 }, (_, n) => `r${n}`);
const FEW = REVIEWERS.slice(0, 4);

/** What a task is for says who is asked: all ten for `many`, else the four; and how many of them have to approve. */
const POLICIES = {
  many: { min_approvers: 10 },
  four: { min_approvers: 4, required_roles: ["few"] },
  one: { min_approvers: 1, required_roles: ["few"] },
} as const;
type Kind = keyof typeof POLICIES;

/** A workspace in which nothing goes to D1 while the races run: its lists have no part in them, and cost more than they do. */
export async function reviewers(): Promise<Stage> {
  const stage = new Stage();
  await Promise.all([
    ...REVIEWERS.map((id) => stage.user(id, ...rolesOf(id))),
    ...Object.entries(POLICIES).map(async ([id, demand]) =>
      ok(await stage.root.post("/policies", { id, name: id, task_types: [id], ...demand }), 201),
    ),
  ]);
  await giveDatabase(stage.workspace, failingDatabase());
  return stage;
}

/** What came of the races is a trail that verifies, every chain of it, once D1 has it. */
export async function expectSoundTrail(stage: Stage): Promise<void> {
  await giveDatabase(stage.workspace, env.DB);
  let cursor = "";
  do {
    const page = ok<{ valid: boolean; bad: object[]; next_cursor?: string }>(
      await stage.root.get(`/audit/verify?limit=100${cursor}`),
    );
    expect(page).toMatchObject({ valid: true, bad: [] });
    cursor = page.next_cursor === undefined ? "" : `&cursor=${page.next_cursor}`;
  } while (cursor !== "");
}

function rolesOf(id: string): string[] {
  if (FEW.includes(id)) return ["reviewer", "few"];
  if (id.startsWith("r")) return ["reviewer"];
  return id === "alice" ? ["author"] : id.startsWith("admin") ? ["admin"] : [];
}

function callerOf(workspace: string, id: string): Caller {
  const who = { id, kind: "user", roles: rolesOf(id) } as const;
  return { workspace, who, name: id, where: { service: "test" }, request_id: crypto.randomUUID() };
}

/** A review of what alice wrote. Whoever is no reviewer of it is an admin (`admin…`) or nobody in particular. */
export class Review {
  /** As it was when its reviewers were asked last. */
  asked: Task;
  readonly #actor: ReturnType<typeof taskAt>;
  readonly #workspace: string;

  private constructor(actor: ReturnType<typeof taskAt>, workspace: string, asked: Task) {
    this.#actor = actor;
    this.#workspace = workspace;
    this.asked = asked;
  }

  static async of({ workspace }: Stage, kind: Kind): Promise<Review> {
    const actor = taskAt(env, workspace, freshTaskAddress(Date.now()));
    const alice = callerOf(workspace, "alice");
    value(await actor.create(alice, CreateTask.parse(filed("alice", { type: kind, resources: [web] }))));
    return new Review(actor, workspace, value(await actor.submit(alice, SubmitTask.parse({}))));
  }

  /** `id` answers the request of `of`; `named` are active users whom the answer names. */
  respond(id: string, body: object, of = id, named: readonly string[] = []) {
    const { member } = parseId(this.request(of)) ?? { member: 0 };
    const nominees = named.map((one) => ({ id: one, name: one }));
    return this.#actor.respond(callerOf(this.#workspace, id), member, RespondInput.parse(body), nominees);
  }

  approve(id: string, of = id): Promise<Result<{ readonly task_state: string }>> {
    return this.respond(id, { action: "approve" }, of);
  }

  edit(priority: number): Promise<Result<Task>> {
    const patch = PatchTask.parse({ config: { priority } });
    return this.#actor.edit(callerOf(this.#workspace, "alice"), patch, null);
  }

  /** Under review as another revision: nobody has decided on it. */
  async anew(priority: number): Promise<void> {
    const edited = value(await this.edit(priority));
    const alice = callerOf(this.#workspace, "alice");
    this.asked = edited.state === "DRAFT" ? value(await this.#actor.submit(alice, SubmitTask.parse({}))) : edited;
  }

  cancel(): Promise<Result<Task>> {
    return this.#actor.cancel(callerOf(this.#workspace, "alice"), null);
  }

  request(of: string): string {
    return requestOf(of, this.asked).id;
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

/**
 * One person's approval of all these reviews at once, each by answering the request of `of`. In every other turn their changes
 * are looked at anew meanwhile: then the promises take longer, and others get in between.
 */
export function batch(
  { workspace }: Stage,
  who: string,
  reviews: readonly Review[],
  { turn, of = who }: { readonly turn: number; readonly of?: string },
): Promise<Result<BatchAnswer>> {
  const approval_ids = reviews.map((review) => review.request(of));
  const options = { skip_validation: turn % 4 > 1, apply_immediately: false, continue_on_error: false };
  const input = BatchInput.parse({ approval_ids, action: "approve", options });
  return inboxOf(env, workspace, who).decideBatch(`inbox:${who}`, callerOf(workspace, who), input);
}

/** Two reviews for one batch; the second is the one that is raced for. */
export type Pair = readonly [Review, Review];

export async function pairOf(stage: Stage, kind: Kind): Promise<Pair> {
  return Promise.all([Review.of(stage, kind), Review.of(stage, kind)]);
}

/** Those who decided, with this one if they did. */
export function plus(before: string | undefined, id: string, decided = true): string {
  return decided ? [before, id].filter((one) => one !== "").join("+") : (before ?? "");
}

/** Who has decided on each of them, in order. */
export async function decisions(reviews: readonly Review[]): Promise<string[]> {
  const now = await Promise.all(reviews.map((review) => review.now()));
  return now.map(({ approvals }) => approvals.map(({ reviewer_id }) => reviewer_id).join("+"));
}

/** Both at once, in either order of arrival. */
export async function together<A, B>(round: number, a: () => Promise<A>, b: () => Promise<B>): Promise<[A, B]> {
  if (round % 2 === 0) return Promise.all([a(), b()]);
  const [second, first] = await Promise.all([b(), a()]);
  return [first, second];
}

/** So many lanes side by side, each with a cast of its own and round after round: `n` counts those, `turn` says who is first. */
export async function lanes<Cast>(
  { count, rounds }: { readonly count: number; readonly rounds: number },
  cast: () => Promise<Cast>,
  round: (cast: Cast, n: number, turn: number) => Promise<void>,
): Promise<void> {
  const play = async (lane: number) => {
    const actors = await cast();
    for (let n = 0; n < rounds; n += 1) await round(actors, n, lane + n);
  };
  await Promise.all(Array.from({ length: count }, (_, lane) => play(lane)));
}

export function value<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return result.value;
}

/** `ok`, or the code of a refusal: of a batch that failed, the codes of the items that failed it. */
export function outcome(result: Result<unknown>): string {
  if (result.ok) return "ok";
  const { code, details } = result.error;
  if (code !== "BATCH_FAILED") return code;
  const { results } = details as { readonly results: readonly { readonly error?: { readonly code: string } }[] };
  return results.flatMap(({ error }) => error?.code ?? []).join();
}
