/** An actor that is told something and says nothing (01-architecture, "The actor kit"): nobody else waits for it for long. */
import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, expect, it, vi } from "vitest";
import { AgentActor } from "../src/agents/actor.ts";
import { eventually, ok, Stage } from "./support/stage.ts";

/** As long as whoever changed something waits for others to hear of it. */
const PATIENCE_MS = 2_000;

afterEach(() => {
  vi.restoreAllMocks();
});

it("holds up neither the change of configuration that it should hear of, nor the next one, and hears of it later", async () => {
  const stage = new Stage();
  const { setTimeout } = globalThis;
  vi.spyOn(globalThis, "setTimeout").mockImplementation(((then: () => void, ms: number) =>
    setTimeout(then, ms === PATIENCE_MS ? 1 : ms)) as typeof setTimeout);
  const deaf = vi.spyOn(AgentActor.prototype, "deliver").mockImplementation(async () => {
    await scheduler.wait(600_000);
    throw new Error("ten minutes later");
  });
  const made = await Promise.all([
    stage.root.post("/agents", { id: "deaf", name: "Deaf" }),
    stage.root.post("/users", { id: "next", name: "Next", roles: [] }),
  ]);
  for (const answer of made) ok(answer, 201);
  expect(deaf).toHaveBeenCalled();
  deaf.mockRestore();
  await stage.abort("agent:deaf");
  const ledger = stage.stub("config");
  await eventually(async () => {
    await runDurableObjectAlarm(ledger);
    expect(
      await runInDurableObject(ledger, (_, { storage }) => storage.sql.exec("SELECT n FROM outbox").toArray()),
    ).toEqual([]);
  });
});
