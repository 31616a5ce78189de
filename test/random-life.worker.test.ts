import { evictDurableObject } from "cloudflare:test";
import fc from "fast-check";
import { expect, it } from "vitest";
import type { AuditRow } from "../src/audit/contract.ts";
import type { Task } from "../src/tasks/task-contract.ts";
import type { Answer } from "./support/api.ts";
import { eventually, ok, type Person, Stage, WEB } from "./support/stage.ts";

/** Every edge of 03, "State machine", that these commands can take, as the trail tells it. */
const EDGES = new Set([
  "→DRAFT",
  "DRAFT→DRAFT",
  "DRAFT→SUBMITTED",
  "SUBMITTED→REVIEWING",
  "REVIEWING→REVIEWING",
  "REVIEWING→APPROVED",
  "REVIEWING→REJECTED",
  "REVIEWING→DRAFT",
  "DRAFT→CANCELLED",
  "REVIEWING→CANCELLED",
  "APPROVED→CANCELLED",
  "APPROVED→APPLYING",
  "APPROVED→REVIEWING",
  "APPLYING→APPROVED",
  "APPLYING→COMPLETED",
]);

const COMMANDS = [
  "submit",
  "edit",
  "approve",
  "reject",
  "request_changes",
  "cancel",
  "comment",
  "claim",
  "apply",
  "heartbeat",
  "stash",
  "succeed",
  "fail",
  "rollback",
  "evict",
] as const;
type Command = (typeof COMMANDS)[number];

interface Move {
  readonly command: Command;
  /** which of the tasks */
  readonly task: 0 | 1;
  /** which of the two agents, or reviewers */
  readonly who: 0 | 1;
}

interface Cast {
  readonly stage: Stage;
  readonly alice: Person;
  readonly reviewers: readonly [Person, Person];
  readonly agents: readonly [Person, Person];
}

/** Gives a command as a client would, with what it knows of the task; undefined where there is nothing to say. */
async function give(
  { stage, alice, reviewers, agents }: Cast,
  id: string,
  move: Move,
): Promise<Answer<unknown> | undefined> {
  const agent = agents[move.who];
  const reviewer = reviewers[move.who];
  const decide = async (action: string) => {
    const task = await stage.task(id);
    const request = task.approval_requests.find((one) => one.reviewer_id === reviewer.id && one.status === "PENDING");
    return request && reviewer.post(`/approvals/${request.id}/respond`, { action, reason: "so it is" });
  };
  switch (move.command) {
    case "submit":
      return alice.post(`/tasks/${id}/submit`);
    case "edit":
      return alice.patch(`/tasks/${id}`, { config: { parameters: { checkout: `take ${move.who}` } } });
    case "approve":
      return decide("approve");
    case "reject":
      return decide("reject");
    case "request_changes":
      return decide("request_changes");
    case "cancel":
      return alice.post(`/tasks/${id}/cancel`, {});
    case "comment":
      return reviewer.post(`/tasks/${id}/comments`, { body: "and why?" });
    case "claim":
      return agent.post("/tasks/claim", {});
    case "apply":
      return agent.post(`/tasks/${id}/apply`);
    case "heartbeat":
      return agent.post(`/tasks/${id}/heartbeat`, { progress: 10 });
    case "stash":
      return agent.post(`/tasks/${id}/stash`, { resource: WEB, data: { checkout: "old" } });
    case "succeed":
      return agent.post(`/tasks/${id}/complete`, { result: "success" });
    case "fail":
      return agent.post(`/tasks/${id}/complete`, { result: "failure" });
    case "rollback":
      return agent.post(`/tasks/${id}/rollback`, { result: "success" });
    case "evict":
      // Only what runs can be evicted.
      await stage.task(id);
      await evictDurableObject(stage.stub(`task:${id}`));
      return undefined;
  }
}

/** Brings a task to an end, whatever its state. */
async function end({ stage, alice }: Cast, id: string): Promise<Task> {
  return eventually(async () => {
    const task = await stage.task(id);
    if (task.state === "APPLYING") {
      const rollingBack = task.execution?.rollback?.status === "requested";
      const path = rollingBack ? "rollback" : "complete";
      await stage.root.post(`/tasks/${id}/${path}`, { result: "success" });
    } else await alice.post(`/tasks/${id}/cancel`, {});
    const after = await stage.task(id);
    expect(["COMPLETED", "CANCELLED", "REJECTED"]).toContain(after.state);
    return after;
  });
}

const anyMove = fc.record({
  command: fc.constantFrom(...COMMANDS),
  task: fc.constantFrom(0 as const, 1 as const),
  who: fc.constantFrom(0 as const, 1 as const),
});

/** Moves that lead somewhere, so that not every walk ends in its first refusals. */
const fruitful: readonly Move[] = [
  { command: "submit", task: 0, who: 0 },
  { command: "approve", task: 0, who: 0 },
  { command: "submit", task: 1, who: 0 },
  { command: "approve", task: 1, who: 1 },
  { command: "apply", task: 0, who: 0 },
  { command: "apply", task: 1, who: 1 },
];

it("whatever is commanded of two tasks on one resource, they stay in the table, leave no lock behind and prove themselves", async () => {
  const seen = new Set<string>();
  await fc.assert(
    fc.asyncProperty(fc.array(anyMove, { minLength: 6, maxLength: 16 }), fc.nat({ max: 6 }), async (moves, prefix) => {
      const stage = new Stage();
      const { alice, bob, carol, robo } = await stage.cast();
      const cast: Cast = { stage, alice, reviewers: [bob, carol], agents: [robo, await stage.agent("rita")] };
      const [first, second] = [await stage.draft(alice), await stage.draft(alice)];
      for (const move of [...fruitful.slice(0, prefix), ...moves]) {
        const answer = await give(cast, move.task === 0 ? first.id : second.id, move);
        expect(answer?.status ?? 200, move.command).toBeLessThan(500);
      }
      for (const { id } of [first, second]) {
        const task = await end(cast, id);
        expect(task.approval_requests.filter(({ status }) => status === "PENDING")).toEqual([]);
        const { entries } = ok<{ entries: AuditRow[] }>(await alice.get(`/tasks/${id}/audit`));
        let state = "";
        for (const { from_state = "", to_state } of entries.filter((entry) => entry.subject_type === "task")) {
          if (to_state === undefined || to_state === null) continue;
          expect(from_state).toBe(state);
          expect(EDGES).toContain(`${from_state}→${to_state}`);
          seen.add(`${from_state}→${to_state}`);
          state = to_state;
        }
        expect(state).toBe(task.state);
      }
      await stage.expectFree(["robo", "rita"], [WEB]);
      await stage.expectVerified(`task:${first.id}`, `task:${second.id}`, `resource:${WEB}`);
    }),
    { numRuns: 12 },
  );
  // A walk that goes nowhere would show nothing.
  expect(seen).toContain("APPROVED→APPLYING");
  expect(seen).toContain("APPLYING→COMPLETED");
});
