/** What a task costs in commits, over all actors (06-performance.md asks for at most twelve; docs/design/commits.md). */
import { runInDurableObject } from "cloudflare:test";
import { afterEach, expect, it, vi } from "vitest";
import type { ActorKey } from "../src/actor/remote.ts";
import { onCommits } from "./support/commits.ts";
import { approve, ok, type Person, pass, Stage, stopClock, web } from "./support/stage.ts";

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** Commits by kind of actor, besides housekeeping. */
type Work = Record<string, number>;

interface Cast {
  readonly stage: Stage;
  readonly alice: Person;
  readonly bob: Person;
  readonly robo: Person;
}

async function cast(): Promise<Cast> {
  const stage = new Stage();
  const [alice, bob, robo] = [
    await stage.user("alice", "author"),
    await stage.user("bob", "reviewer"),
    await stage.agent("robo", { max_tasks: 100 }),
  ];
  return { stage, alice, bob, robo };
}

/** Created, submitted, approved by one, applied, completed; the task's id. */
async function life({ stage, alice, bob, robo }: Cast, n: number): Promise<string> {
  const config = { resources: [{ ...web, id: `life-${n}` }], parameters: { round: crypto.randomUUID() } };
  const task = await stage.submitted(alice, config);
  ok(await approve(bob, task));
  ok(await robo.post(`/tasks/${task.id}/apply`));
  ok(await robo.post(`/tasks/${task.id}/complete`, { result: "success" }));
  return task.id;
}

/** What so many lives at once cost. What waits for others does so until all are over, on a machine of any speed. */
async function costOf(lives: number): Promise<Work> {
  const people = await cast();
  const { stage } = people;
  // The first one tells the agent's lock how many permits it has.
  await allDelivered(stage, [await life(people, 0)]);
  const work: Work = {};
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onCommits(stage.workspace, ({ place: { kind } }, { who }) => {
    if (who.kind !== "system") work[kind] = (work[kind] ?? 0) + 1;
  });
  const ids = await Promise.all(Array.from({ length: lives }, (_, n) => life(people, n)));
  await allDelivered(stage, ids);
  return work;
}

/** Resolves when every effect of these tasks was taken in. */
async function allDelivered(stage: Stage, tasks: readonly string[]): Promise<void> {
  let delivered = false;
  const outboxes = Promise.all(tasks.map((id) => inside(stage, `task:${id}`).deliverEffects())).then((all) => {
    delivered = true;
    return all;
  });
  while (!delivered) {
    for (const key of ["inbox:alice", "inbox:bob", "dispatch"] as const) await inside(stage, key).takeIn();
  }
  expect((await outboxes).every(Boolean)).toBe(true);
}

/** What an actor does by itself, at once. */
function inside(stage: Stage, key: ActorKey) {
  const within = <T>(work: (actor: { deliverEffects(): Promise<boolean>; takeIn(): void }) => T) =>
    runInDurableObject(stage.stub(key), (actor) => work(actor as unknown as Parameters<typeof work>[0]));
  return {
    /** True if every effect was acknowledged. */
    deliverEffects: () => within((actor) => actor.deliverEffects()),
    takeIn: () => within((actor) => actor.takeIn()),
  };
}

/** Create, submit, respond, the saga's plan, its locks and beginning, the end. */
const OWN = 6;
/** A permit of the agent, and the lock of the resource: taken and given back. */
const LOCKS = { agent: 2, resource: 2 };

it("a task that nobody else's comes together with costs eighteen commits at most", async () => {
  const { inbox = 0, ...work } = await costOf(1);
  expect(work).toEqual({ task: OWN, ...LOCKS, dispatch: 2 });
  // The reviewer's, asked and closed, and the author's: two for a quick life, four for one whose steps are apart.
  expect(inbox).toBeLessThanOrEqual(6);
});

it("tasks that come together share what their inboxes and the dispatch commit: twelve each at most", async () => {
  const lives = 12;
  const { inbox = 0, dispatch = 0, ...work } = await costOf(lives);
  expect(work).toEqual({ task: OWN * lives, agent: LOCKS.agent * lives, resource: LOCKS.resource * lives });
  expect(inbox + dispatch).toBeLessThanOrEqual(2 * lives);
});

it("a task that is over sleeps: one alarm clears up after it, and none is left of its locks", async () => {
  const people = await cast();
  const { stage } = people;
  stopClock();
  const task: ActorKey = `task:${await life(people, 0)}`;
  await allDelivered(stage, [task.slice("task:".length)]);
  pass(5_000);
  for (const key of [task, "resource:service:prod/life-0", "agent:robo"]) {
    expect(await stage.ring(key), key).toBe(true);
    const left = await runInDurableObject(stage.stub(key), (_, state) => state.storage.getAlarm());
    expect(left, key).toBeNull();
  }
});
