/** How much of the past a socket is sent: a hub has no way to wait for a client that does not read. */
import { env } from "cloudflare:workers";
import { expect, test } from "vitest";
import type { Lock } from "../src/locks/contract.ts";
import { MOST_REPLAYED } from "../src/realtime/publishers.ts";
import { Listener } from "./support/listener.ts";
import { eventually, ok, Stage } from "./support/stage.ts";

/** Lock events of the workspace's past, so many. Answers the id of its last row before them: other workspaces have theirs between. */
async function lived(workspace: string, count: number): Promise<number> {
  const before = "SELECT max(id) AS id FROM audit_log WHERE workspace = ?1";
  const [last] = await env.DB.batch<{ id: number }>([
    env.DB.prepare(before).bind(workspace),
    env.DB.prepare(
      `WITH RECURSIVE past (seq) AS (SELECT 1 UNION ALL SELECT seq + 1 FROM past WHERE seq < ?2)
       INSERT INTO audit_log (workspace, actor, seq, subject_type, subject_id, action, who, at, "where", request_id, prev_hash, hash)
       SELECT ?1, 'resource:db:past', seq, 'resource', 'db:past', 'lock.released', '{"id":"robo"}', '2026-01-01T00:00:00Z', '{}', '', '', ''
       FROM past`,
    ).bind(workspace, count),
  ]);
  return last?.results[0]?.id ?? 0;
}

test(`the last ${MOST_REPLAYED} events are replayed, one more is a reset, and after either comes what happens`, async () => {
  const stage = new Stage();
  const ada = await stage.user("ada", "admin");
  const robo = await stage.agent("robo");
  const before = await lived(stage.workspace, MOST_REPLAYED);
  const [within, beyond] = [await Listener.open(ada.token), await Listener.open(ada.token)];
  const heads = await within.subscribe(["locks"], { locks: 0 });
  await beyond.subscribe(["system"], { system: before - 1 });
  const reset = { event: "reset", channel: "system", payload: { seq: heads.locks } };
  await eventually(async () => expect(beyond.told).toContainEqual(reset));
  await eventually(async () => expect(within.seqs("locks").at(-1)).toBe(heads.locks));
  const wanted = { resource_type: "resource", resource_id: "db:live" };
  ok<Lock>(await robo.post("/locks/acquire", wanted), 201);
  await eventually(async () => {
    expect(beyond.seqs("system")).toHaveLength(1);
    expect(within.seqs("locks")).toHaveLength(MOST_REPLAYED + 1);
  });
  const seqs = within.seqs("locks");
  expect(seqs[0]).toBeGreaterThan(before);
  expect(seqs).toEqual([...new Set(seqs)].sort((a, b) => a - b));
  expect(beyond.events("system")).toMatchObject([{ event: "lock:acquired", seq: seqs.at(-1), prev: heads.locks }]);
  expect([...within.errors(), ...beyond.errors()]).toEqual([]);
});
