/** Actors that die with each single commit of a drift, and between all steps of a change that its executor takes back. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { PresentAgent } from "../src/agents/contract.ts";
import type { Task } from "../src/tasks/task-contract.ts";
import type { Api } from "./support/api.ts";
import { type Death, killAt } from "./support/deaths.ts";
import { approve, as, ok, type Person, pass, requestOf, Stage, stopClock, WEB, web } from "./support/stage.ts";

beforeEach(stopClock);

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const executor = { kind: "webhook", url: "https://executor.example.com/apply" };

/** Rings the task and what it touches, as time passes, until this holds. */
async function inTime(stage: Stage, id: string, key: string, holds: () => Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 40; turn += 1) {
    if (await holds().catch(() => false)) return;
    pass(2_000);
    for (const actor of [`task:${id}`, `resource:${key}`, "agent:robo", "dispatch"] as const) {
      await stage.ring(actor).catch(() => false);
    }
  }
  throw new Error(`${id} did not get there`);
}

/** Whether the resource can be had at once, and the agent has all its permits. */
async function isFree(stage: Stage, prober: Person, key: string): Promise<boolean> {
  const wanted = { resource_type: "resource", resource_id: key, wait_for_available: false };
  const { status, body } = await prober.post("/locks/acquire", wanted);
  if (status !== 201) return false;
  ok(await prober.post("/locks/release", { lock_id: body.id }), 204);
  return ok<PresentAgent>(await stage.root.get("/agents/robo")).presence.active_tasks === 0;
}

async function stateOf(stage: Stage, id: string): Promise<string> {
  return ok<Task>(await stage.root.get(`/tasks/${id}`)).state;
}

describe.each<Death>(["before it is safe", "right after"])("an actor that dies with a commit, %s,", (death) => {
  it("of a drift: the task is back in review, once, and holds nothing", async () => {
    const stage = new Stage();
    const { alice, bob, carol, robo } = await stage.cast();
    const other = await stage.agent("other");
    for (let n = 1; ; n += 1) {
      const name = crypto.randomUUID();
      const [key, resources] = [`service:prod/${name}`, [{ ...web, id: name }]];
      const { id } = await stage.approved(alice, [bob], { resources });
      const rival = await stage.approved(alice, [bob], { resources, parameters: { theme: "dark" } });
      await stage.apply(robo, rival.id);
      ok(await robo.post(`/tasks/${rival.id}/complete`, { result: "success" }));
      const killed = killAt(stage, n, death);
      await inTime(stage, id, key, async () => {
        await robo.post(`/tasks/${id}/apply`).catch(() => undefined);
        return (await stateOf(stage, id)) === "REVIEWING";
      });
      const commits = killed.commits();
      vi.restoreAllMocks();
      const drifted = await stage.task(id);
      expect(drifted).toMatchObject({ state: "REVIEWING", revision: 2, approvals: [] });
      for (const who of [bob, carol]) expect(requestOf(who, drifted).status).toBe("PENDING");
      const { entries } = ok<{ entries: { action: string }[] }>(await alice.get(`/tasks/${id}/audit`));
      expect(entries.filter(({ action }) => action === "task.drifted")).toHaveLength(1);
      await inTime(stage, id, key, () => isFree(stage, other, key));
      if (commits < n) {
        expect(n).toBeGreaterThan(4);
        break;
      }
    }
    await stage.expectVerified();
  });
});

it("an executor's change that fails and is taken back goes on over the death of every actor between the steps", async () => {
  const sent = new Map<string, string>();
  vi.spyOn(globalThis, "fetch").mockImplementation(async (_url, init) => {
    const { data } = JSON.parse(String(init?.body)) as { data: { token: string } };
    sent.set(new Headers(init?.headers).get("webhook-id") ?? "", data.token);
    return new Response(null, { status: 202 });
  });
  const stage = new Stage();
  const { alice, bob } = await stage.cast();
  const task = await stage.submitted(alice, { executor });
  const [path, message, wish] = [`/tasks/${task.id}`, `msg_${task.id}_1`, `msg_${task.id}_1_rollback`];
  const die = async () => {
    for (const actor of [`task:${task.id}`, `resource:${WEB}`] as const) await stage.abort(actor);
  };
  /** Dies until the message was sent, and once more. */
  const told = async (id: string): Promise<Api> => {
    await die();
    await inTime(stage, task.id, WEB, async () => sent.has(id));
    await die();
    return as(sent.get(id) ?? "");
  };
  ok(await approve(bob, task));
  const me = await told(message);
  ok(await me.post(`${path}/heartbeat`, { progress: 10 }));
  await die();
  ok(await me.post(`${path}/stash`, { resource: WEB, data: { checkout: "old" } }));
  await die();
  ok(await me.post(`${path}/complete`, { result: "failure", error: "no quota" }));
  const again = await told(wish);
  ok(await again.post(`${path}/rollback`, { result: "success" }));
  await die();
  const over = await stage.task(task.id);
  const execution = { attempt: 1, result: "failure", error: "no quota", rollback: { status: "succeeded" } };
  expect(over).toMatchObject({ state: "COMPLETED", execution });
  expect([...sent.keys()]).toEqual([message, wish]);
  await stage.expectFree([], [WEB]);
  await stage.expectVerified(`task:${task.id}`, `resource:${WEB}`);
});
