import { runInDurableObject } from "cloudflare:test";
import type { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { hashedAddress, idOf } from "../src/actor/ids.ts";
import type { Task } from "../src/tasks/task-contract.ts";
import {
  approve,
  detailsOf,
  eventually,
  filed,
  ok,
  orders,
  type Person,
  refusal,
  requestOf,
  Stage,
  web,
} from "./support/stage.ts";

const why = { reason: "The shop is down", incident_ticket: "INC-7" };

async function people() {
  const stage = new Stage();
  const [cast, adm, boss] = await Promise.all([stage.cast(), stage.user("adm", "admin"), stage.user("boss", "admin")]);
  return { stage, ...cast, adm, boss };
}

function override(who: Person | Stage["root"], { id }: Task, body: object = why) {
  return who.post(`/tasks/${id}/override`, body);
}

function confirm(who: Person | Stage["root"], { id }: Task, headers: Record<string, string> = {}) {
  return who.post<Task>(`/tasks/${id}/override/confirm`, undefined, headers);
}

describe("POST /tasks/:id/override", () => {
  it("is 202 with who asked and why; another admin's confirmation is 200 and the task APPROVED", async () => {
    const { stage, alice, bob, adm, boss, robo } = await people();
    const task = await stage.submitted(alice, { resources: [orders] });
    const asked = ok<{ override: object }>(await override(adm, task), 202);
    expect(asked).toEqual({
      task_id: task.id,
      state: "REVIEWING",
      override: { requested_by: "adm", ...why, requested_at: expect.any(String), revision: 1 },
    });
    const answer = await confirm(boss, task);
    expect(answer.headers.get("ETag")).toBe('"1"');
    expect(ok<Task>(answer)).toMatchObject({ state: "APPROVED", approvals: [], requirements: [{ satisfied: false }] });
    expect(refusal(await approve(bob, task))).toEqual([409, "APPROVAL_ALREADY_RESOLVED"]);
    expect((await stage.apply(robo, task.id)).state).toBe("APPLYING");
    const { entries } = ok<{ entries: { action: string; who: { id: string }; why?: object }[] }>(
      await alice.get(`/tasks/${task.id}/audit`),
    );
    const told = entries.filter(({ action }) => action.startsWith("override") || action === "task.approved");
    expect(told.map(({ action, who }) => [action, who.id])).toEqual([
      ["override.requested", "adm"],
      ["override.confirmed", "boss"],
      ["task.approved", "boss"],
    ]);
    for (const row of told) expect(row.why).toEqual({ reason: why.reason, ticket_ref: "INC-7" });
    await stage.expectVerified(`task:${task.id}`);
  });

  it("takes two different admins, none of them an author, root or an agent; the incident ticket is required", async () => {
    const { stage, alice, bob, adm, boss } = await people();
    const machine = await stage.agent("machine", { roles: ["system", "admin"] });
    ok(await stage.root.patch("/users/alice", { roles: ["author", "admin"] }));
    const task = await stage.submitted(alice);
    expect(refusal(await confirm(boss, task))).toEqual([409, "INVALID_STATE"]);
    for (const who of [bob, stage.root, machine])
      expect(refusal(await override(who, task))).toEqual([403, "FORBIDDEN"]);
    expect(refusal(await override(alice, task))).toEqual([403, "SELF_APPROVAL"]);
    for (const body of [
      {},
      { reason: "x" },
      { incident_ticket: "x" },
      { ...why, reason: "  " },
      { ...why, force: true },
    ]) {
      expect(refusal(await override(adm, task, body))).toEqual([400, "VALIDATION_ERROR"]);
    }
    ok(await override(adm, task), 202);
    expect(refusal(await override(boss, task))).toEqual([409, "ALREADY_EXISTS"]);
    expect(refusal(await confirm(adm, task))).toEqual([403, "SECOND_APPROVER_REQUIRED"]);
    for (const who of [bob, stage.root, machine]) expect(refusal(await confirm(who, task))).toEqual([403, "FORBIDDEN"]);
    expect(refusal(await confirm(alice, task))).toEqual([403, "SELF_APPROVAL"]);
    ok(await stage.root.patch("/users/boss", { roles: [] }));
    expect(refusal(await confirm(boss, task))).toEqual([403, "FORBIDDEN"]);
    expect((await stage.task(task.id)).state).toBe("REVIEWING");
  });

  it("neither the admin who filed for somebody nor one who edited may take part", async () => {
    const { adm, boss } = await people();
    const { id } = ok<Task>(await adm.post("/tasks", filed("alice")), 201);
    const task = ok<Task>(await adm.post(`/tasks/${id}/submit`), 202);
    expect(refusal(await override(adm, task))).toEqual([403, "SELF_APPROVAL"]);
    ok(await override(boss, task), 202);
    ok(await boss.patch(`/tasks/${id}`, { config: { priority: 9 } }));
    expect(refusal(await override(boss, task))).toEqual([403, "SELF_APPROVAL"]);
  });

  it("is for REVIEWING only, of a task that there is", async () => {
    const { stage, alice, bob, adm, boss } = await people();
    const draft = await stage.draft(alice);
    const over = await stage.approved(alice, [bob]);
    for (const task of [draft, over]) {
      for (const answer of [await override(adm, task), await confirm(boss, task)]) {
        expect([...refusal(answer), detailsOf(answer).state]).toEqual([409, "INVALID_STATE", task.state]);
      }
    }
    const unknown = { ...draft, id: idOf(hashedAddress("task", "nowhere")) };
    expect(refusal(await override(adm, unknown))).toEqual([404, "TASK_NOT_FOUND"]);
    expect(refusal(await confirm(boss, unknown))).toEqual([404, "TASK_NOT_FOUND"]);
  });

  it("replays under an Idempotency-Key", async () => {
    const { stage, alice, adm, boss } = await people();
    const task = await stage.submitted(alice);
    const key = { "Idempotency-Key": "once" };
    const first = await adm.post(`/tasks/${task.id}/override`, why, key);
    const again = await adm.post(`/tasks/${task.id}/override`, why, key);
    expect([again.status, again.body]).toEqual([202, first.body]);
    ok(await confirm(boss, task, key));
    expect((await confirm(boss, task, key)).headers.get("Idempotency-Replayed")).toBe("true");
  });

  it("of a confirmation, a quorum and an edit that race, exactly one comes about, in a hundred rounds", async () => {
    const { stage, alice, bob, adm, boss } = await people();
    const race = async (round: number) => {
      const task = await stage.submitted(alice);
      ok(await override(adm, task), 202);
      const rivals = [
        () => confirm(boss, task),
        () => approve(bob, task),
        () => alice.patch(`/tasks/${task.id}`, { config: { priority: round % 50 } }),
      ];
      const first = round % 3;
      const order = [...rivals.slice(first), ...rivals.slice(0, first)];
      const [lead, ...rest] = order.map((rival, n) =>
        n === 0 || round % 2 === 0 ? rival() : stage.task(task.id).then(rival),
      );
      const answers = await Promise.all([lead, ...rest]);
      const statuses = answers.map((answer) => answer?.status).sort();
      expect(statuses).toEqual([200, 409, 409]);
      const after = await stage.task(task.id);
      const confirmed = answers[(3 - first) % 3]?.status === 200;
      const edited = answers[(5 - first) % 3]?.status === 200;
      expect([after.state, after.revision]).toEqual(edited ? ["REVIEWING", 2] : ["APPROVED", 1]);
      expect(after.approvals).toHaveLength(confirmed || edited ? 0 : 1);
      // An edit voids the override: nobody can confirm it any more.
      if (edited) expect(refusal(await confirm(boss, task))).toEqual([409, "INVALID_STATE"]);
    };
    for (let round = 0; round < 100; round += 10) {
      await Promise.all(Array.from({ length: 10 }, (_, n) => race(round + n)));
    }
  });
});

describe("apply_immediately on an override", () => {
  it("goes to the front of the claims and skips the drift check, never the locks", async () => {
    const { stage, alice, bob, adm, boss, robo } = await people();
    const other = await stage.agent("other");
    const high = await stage.approved(alice, [bob], { priority: 100, resources: [{ ...web, id: "elsewhere" }] });
    const forced = await stage.submitted(alice, { priority: 0, parameters: { checkout: "new" } });
    const drifting = await stage.approved(alice, [bob], { parameters: { colour: "red" } });
    ok(await override(adm, forced, { ...why, apply_immediately: true }), 202);
    ok(await confirm(boss, forced));
    await stage.apply(other, drifting.id);
    // The lock is held: the override waits for it as everybody does.
    const waiting = await robo.post<Task>(`/tasks/${forced.id}/apply`);
    expect([waiting.status, waiting.body.state]).toEqual([202, "APPROVED"]);
    ok(await other.post(`/tasks/${drifting.id}/complete`, { result: "success" }));
    const applying = await stage.becomes(forced.id, "APPLYING");
    ok(await robo.post(`/tasks/${applying.id}/complete`, { result: "success" }));
    const { body } = await stage.root.get("/resources/service/web?namespace=prod");
    expect(body).toMatchObject({ attributes: { checkout: "new", colour: "red" }, revision: 2 });
    const { entries } = ok<{ entries: { action: string; details?: object }[] }>(
      await alice.get(`/tasks/${forced.id}/audit`),
    );
    expect(entries.find(({ action }) => action === "task.applying")?.details).toMatchObject({ drift_check: "skipped" });

    const second = await stage.submitted(alice, { priority: 0, resources: [{ ...web, id: "third" }] });
    ok(await override(adm, second, { ...why, apply_immediately: true }), 202);
    ok(await confirm(boss, second));
    const claimed = ok<{ task: Task }>(await robo.post("/tasks/claim", { wait_seconds: 5 }));
    expect([claimed.task.id, high.state]).toEqual([second.id, "APPROVED"]);
  });

  it("is not what a plain override does: that one drifts back to review", async () => {
    const { stage, alice, bob, adm, boss, robo } = await people();
    const plain = await stage.submitted(alice);
    const drifting = await stage.approved(alice, [bob], { parameters: { checkout: "old" } });
    ok(await override(adm, plain), 202);
    ok(await confirm(boss, plain));
    await stage.apply(robo, drifting.id);
    ok(await robo.post(`/tasks/${drifting.id}/complete`, { result: "success" }));
    expect(refusal(await robo.post(`/tasks/${plain.id}/apply`))).toEqual([409, "DRIFTED"]);
    const back = await stage.task(plain.id);
    expect([back.state, back.revision, requestOf(bob, back).status]).toEqual(["REVIEWING", 2, "PENDING"]);
    expect(refusal(await confirm(boss, back))).toEqual([409, "INVALID_STATE"]);
  });
});

it("a backlog raises new requests one step, and approves what is LOW only where a matching policy says so", async () => {
  const { stage, alice, bob } = await people();
  await stage.submitted(alice);
  ok(await stage.root.patch("/users/carol", { roles: [] }));
  // How many wait is counted in D1, and what was just submitted comes there a moment later.
  const pending = async () => ok<{ approvals: { pending: number } }>(await stage.root.get("/stats")).approvals.pending;
  await eventually(async () => expect(await pending()).toBeGreaterThan(0));
  const limited = async (config: object) => {
    const task = await stage.draft(alice, { parameters: {}, ...config });

    await runInDurableObject(stage.stub(`task:${task.id}`), (actor) => {
      const inside = actor as unknown as { env: typeof env };
      inside.env = { ...inside.env, APPROVAL_BACKLOG: "0" };
    });
    return ok<Task>(await alice.post(`/tasks/${task.id}/submit`), 202);
  };
  const low = { resources: [{ type: "configuration", id: "x", scope: "instance", actions: ["read"] }] };
  expect(requestOf(bob, await limited({})).priority).toBe("HIGH");
  expect(requestOf(bob, await limited(low))).toMatchObject({ priority: "NORMAL", status: "PENDING" });
  const policy = { id: "calm", name: "calm", auto_approve_on_backlog: true };
  ok(await stage.root.post("/policies", policy), 201);
  expect((await limited({})).state).toBe("REVIEWING");
  const lifted = await limited(low);
  expect([lifted.state, lifted.required_approvals]).toEqual(["APPROVED", 0]);
  const { entries } = ok<{ entries: { action: string; details?: { reasons?: string[] } }[] }>(
    await alice.get(`/tasks/${lifted.id}/audit`),
  );
  const approved = entries.find(({ action }) => action === "task.auto_approved");
  expect(approved?.details?.reasons).toEqual([expect.stringContaining("backlog")]);
  ok(await stage.root.post("/policies", { id: "strict", name: "strict" }), 201);
  expect((await limited(low)).state).toBe("REVIEWING");
});
