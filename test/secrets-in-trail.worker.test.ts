import { env } from "cloudflare:workers";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { ok, Stage, stopClock, web } from "./support/stage.ts";

beforeEach(stopClock);
afterEach(() => {
  vi.useRealTimers();
});

const SECRET = "hunter2-is-no-longer-a-secret";
const hidden = { db_password: SECRET, nested: { apiKey: SECRET, list: [{ client_secret: SECRET }] }, plain: "shown" };

it("what stands under a key that names a secret never enters the trail, wherever a client may put it", async () => {
  const stage = new Stage();
  const { root } = stage;
  const { alice, bob, robo } = await stage.cast();
  const labels = { api_token: SECRET, team: "shop" };
  ok(await root.post("/agents", { id: "keeper", name: "Keeper", labels, config: hidden }), 201);
  ok(await root.patch("/agents/keeper", { labels: { ...labels, zone: "b" }, config: { ...hidden, more: true } }));
  ok(await root.put("/resources/database/orders?namespace=prod", { labels }));
  const task = await stage.approved(alice, [bob], { resources: [{ ...web, id: "keeper" }] });
  await stage.apply(robo, task.id);
  ok(await robo.post(`/tasks/${task.id}/stash`, { resource: "service:prod/keeper", data: hidden }));
  ok(await robo.post(`/tasks/${task.id}/complete`, { result: "success", output: hidden }));
  await stage.expectVerified(`task:${task.id}`, "resource:service:prod/keeper", "config");

  const { results } = await env.DB.prepare("SELECT action, details FROM audit_log WHERE workspace = ? ORDER BY id")
    .bind(stage.workspace)
    .all<{ action: string; details: string | null }>();
  expect(results.filter(({ details }) => details?.includes(SECRET))).toEqual([]);
  const made = results.find(({ details }) => details?.includes('"Keeper"'));
  expect(JSON.parse(made?.details ?? "{}")).toMatchObject({
    labels: { api_token: "[masked]", team: "shop" },
    config: {
      db_password: "[masked]",
      nested: { apiKey: "[masked]", list: [{ client_secret: "[masked]" }] },
      plain: "shown",
    },
  });
});
