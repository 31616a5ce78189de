import { env } from "cloudflare:workers";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { freshTaskAddress, idOf } from "../src/actor/ids.ts";
import { canonicalJson, linkHash } from "../src/actor/journal.ts";
import { chain } from "../src/audit/chain.fixture.ts";
import { AUDIT_COLUMNS, entryOf, type StoredAuditRow } from "../src/audit/query.ts";
import { root } from "./support/api.ts";
import { dropTriggers } from "./support/database.ts";
import {
  freshWorkspace,
  inWorkspace,
  lockAndRelease,
  stored,
  verify,
  verifyAll,
  workspace,
  write,
} from "./support/trail.ts";

/** The first touch of every object that the file needs: where ten others want the processor, longer than a hook may take by default (ms). */
const FIRST_TOUCH_MS = 60_000;

describe("tampering with the trail", () => {
  const key = "database:prod/orders";
  const subject = `resource:${key}`;
  let restoreTriggers: () => Promise<void>;

  beforeAll(async () => {
    freshWorkspace();
    restoreTriggers = await dropTriggers();
    await lockAndRelease(key, 3);
    await lockAndRelease("service:bystander");
    expect(await verify(subject)).toMatchObject({ valid: true, checked: 6 });
    expect(await verify("resource:service:bystander")).toMatchObject({ valid: true });
    await env.DB.prepare(`CREATE TABLE as_written AS SELECT ${AUDIT_COLUMNS} FROM audit_log WHERE workspace = ?`)
      .bind(workspace)
      .run();
  }, FIRST_TOUCH_MS);

  afterEach(async () => {
    const restore = `INSERT INTO audit_log (${AUDIT_COLUMNS}) SELECT ${AUDIT_COLUMNS} FROM as_written`;
    await env.DB.batch([
      env.DB.prepare("DELETE FROM audit_log WHERE workspace = ? OR id IN (SELECT id FROM as_written)").bind(workspace),
      env.DB.prepare(restore),
    ]);
  });

  afterAll(async () => {
    await env.DB.prepare("DROP TABLE as_written").run();
    await restoreTriggers();
  });

  /** Six entries of a real chain, beside a bystander's, proved. */
  async function honest(): Promise<StoredAuditRow[]> {
    expect(await verifyAll()).toMatchObject({ valid: true, chains: 2, checked: 8 });
    return stored(subject);
  }

  async function change(row: StoredAuditRow | undefined, set: string): Promise<void> {
    const { meta } = await env.DB.prepare(`UPDATE audit_log SET ${set} WHERE id = ?`)
      .bind(row?.id ?? 0)
      .run();
    expect(meta.changes).toBe(1);
  }

  async function remove(row: StoredAuditRow | undefined): Promise<void> {
    const { meta } = await env.DB.prepare("DELETE FROM audit_log WHERE id = ?")
      .bind(row?.id ?? 0)
      .run();
    expect(meta.changes).toBe(1);
  }

  async function found(seq: number | undefined, problem: string): Promise<void> {
    const first_bad = { seq, problem };
    expect(await verify(subject)).toMatchObject({ valid: false, first_bad });
    expect(await verifyAll()).toMatchObject({ valid: false, chains: 2, bad: [{ subject, first_bad }] });
  }

  it.each([
    ["subject_type", "'task'"],
    ["subject_id", "'database:prod/other'"],
    ["action", "'lock.queued'"],
    ["from_state", "'held'"],
    ["to_state", "'free'"],
    ["who", `json_set(who, '$.id', 'eve')`],
    ["who", `json_set(who, '$.roles', json('["reviewer"]'))`],
    ["at", "'2026-11-20T00:00:00.000000Z'"],
    ['"where"', `json_set("where", '$.ip', '198.51.100.1')`],
    ['"where"', "'no JSON'"],
    ["why", `'{"reason":"because"}'`],
    ["request_id", "'00000000-0000-4000-8000-000000000000'"],
    ["details", "NULL"],
    ["details", "'{}'"],
    ["details", "json_set(details, '$.fencing_token', 999)"],
    ["details", `'{"task_id":"hidden",' || substr(details, 2)`],
    ["hash", "replace(hash, substr(hash, 1, 1), 'x')"],
    ["seq", "seq + 1000"],
  ])("is found when %s of a row becomes %s", async (column, value) => {
    const rows = await honest();
    await change(rows[5], `${column} = ${value}`);
    const [bad] = (await stored(subject)).slice(5);
    await found(bad?.seq, "altered");
  });

  it("is found when a row in the middle was altered, at that row", async () => {
    const rows = await honest();
    await change(rows[2], "action = 'lock.forged'");
    await found(rows[2]?.seq, "altered");
  });

  it("is found when a row's link was altered", async () => {
    const rows = await honest();
    await change(rows[3], `prev_hash = '${"0".repeat(64)}'`);
    await found(rows[3]?.seq, "unlinked");
  });

  it.each(["workspace", "actor"])("is found when a row was moved to another %s", async (column) => {
    const rows = await honest();
    await change(rows[2], `${column} = 'task:elsewhere'`);
    expect(await verify(subject)).toMatchObject({ first_bad: { seq: rows[3]?.seq, problem: "unlinked" } });
    expect((await verifyAll()).valid).toBe(false);
  });

  it.each([0, 1, 4])("is found when row %i was removed", async (at) => {
    const rows = await honest();
    await remove(rows[at]);
    await found(rows[at + 1]?.seq, "unlinked");
  });

  it("is found when the last row was removed", async () => {
    const rows = await honest();
    await remove(rows[5]);
    await found(rows[5]?.seq, "missing");
  });

  it("is found when the whole chain was removed", async () => {
    const rows = await honest();
    for (const row of rows) await remove(row);
    await found(rows[5]?.seq, "missing");
  });

  it("is found when everything from a row on was removed and written anew, well linked", async () => {
    const rows = await honest();
    let prev = rows[2]?.hash ?? "";
    for (const row of rows.slice(3)) {
      const entry = { ...entryOf(row), action: "lock.forged" };
      const hash = linkHash(prev, canonicalJson(entry));
      await change(row, `action = 'lock.forged', prev_hash = '${prev}', hash = '${hash}'`);
      prev = hash;
    }
    await found(rows[5]?.seq, "altered");
  });

  /** A well-linked row that its actor never wrote. */
  async function forge(seq: number, after: string, actor = subject): Promise<void> {
    await write(chain(workspace, actor, [seq], () => ({ action: "lock.forged" }), { hash: after }));
  }

  it("is found when a row was put in between, though it links to the one before it", async () => {
    const rows = await honest();
    // Make room, as an entry outside the chain would leave it.
    for (const row of rows.slice(3).reverse()) await change(row, "seq = seq + 1");
    await forge((rows[2]?.seq ?? 0) + 1, rows[2]?.hash ?? "");
    expect((await verify(subject)).valid).toBe(false);
    expect((await verifyAll()).bad).toMatchObject([{ subject }]);
  });

  it("is found when a row was put in ahead of the first", async () => {
    const rows = await honest();
    await forge(-1, rows[0]?.prev_hash ?? "");
    await found(rows[0]?.seq, "unlinked");
  });

  it("is found when a row was added after the last", async () => {
    const rows = await honest();
    const seq = (rows[5]?.seq ?? 0) + 1;
    await forge(seq, rows[5]?.hash ?? "");
    await found(seq, "unknown");
  });

  it("is found when a chain was made up as a whole", async () => {
    await honest();
    const actor = `task:${idOf(freshTaskAddress(Date.now()))}`;
    await write(chain(workspace, actor, [1, 2, 3]));
    expect((await verify(subject)).valid).toBe(true);
    expect(await verifyAll()).toMatchObject({
      valid: false,
      chains: 3,
      bad: [{ subject: actor, first_bad: { seq: 1, problem: "unknown" } }],
    });
  });

  it("is not seen in a row that was removed and put back as it was", async () => {
    const rows = await honest();
    const [row] = rows;
    if (row === undefined) throw new Error("six rows");
    const entry = entryOf(row);
    if (entry === undefined) throw new Error("an honest row");
    await remove(row);
    await write([{ entry, prev_hash: row.prev_hash, hash: row.hash }]);
    expect(await verify(subject)).toMatchObject({ valid: true, checked: 6 });
    expect((await stored(subject)).map(({ id: _, ...put }) => put)).toEqual(rows.map(({ id: _, ...kept }) => kept));
  });

  it("is found in the configuration's chain as in any other", async () => {
    freshWorkspace();
    for (const id of ["a", "b"]) await root.post("/policies", { id, name: id }, inWorkspace());
    const rows = await stored("config");
    await change(rows[0], "details = json_set(details, '$.policy.min_approvers', 10)");
    expect(await verify("config")).toMatchObject({ valid: false, first_bad: { seq: 1, problem: "altered" } });
    expect((await verifyAll()).bad).toMatchObject([{ subject: "config" }]);
  });
});
