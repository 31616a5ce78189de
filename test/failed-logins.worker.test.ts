import { createExecutionContext, runInDurableObject, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { AuditRow } from "../src/audit/contract.ts";
import type { Env } from "../src/env.ts";
import { newToken } from "../src/users/token-text.ts";
import worker from "../src/worker.ts";
import { crash, ledgerStub } from "./support/ledger.ts";
import { eventually, ok, pass, START, Stage, stopClock } from "./support/stage.ts";

/** Bearers of tokens that nobody has name no workspace: they are counted here. */
const stage = new Stage("default");

let minute = START;
beforeEach(() => {
  stopClock();
  minute += 24 * 60 * 60 * 1000;
  vi.setSystemTime(minute);
});
afterEach(() => {
  vi.useRealTimers();
});

let addresses = 0;
function freshAddress(): string {
  addresses += 1;
  return `198.51.100.${addresses}`;
}

/** One try with a token; answers once whatever it left to do is done. */
async function attempt(token: string, ip: string, bindings: Env = env): Promise<number> {
  const headers = { Authorization: `Bearer ${token}`, "CF-Connecting-IP": ip, "User-Agent": "probe" };
  const ctx = createExecutionContext();
  const response = await worker.fetch(new Request("https://countersign.test/api/v1/me", { headers }), bindings, ctx);
  await response.arrayBuffer();
  await waitOnExecutionContext(ctx);
  return response.status;
}

async function rowsOf(ip: string, on = stage): Promise<AuditRow[]> {
  return ok<{ entries: AuditRow[] }>(
    await on.root.get(`/audit?action=auth.failed&sort_order=asc&subject_id=${encodeURIComponent(ip)}`),
  ).entries;
}

async function minuteEnds(on = stage): Promise<void> {
  pass(66_000);
  await on.ring("config");
}

describe("login failures", () => {
  it("of one address and minute are one row, written when the minute is over", async () => {
    const ip = freshAddress();
    const tries = await Promise.all(Array.from({ length: 5 }, () => attempt(newToken(), ip)));
    expect(tries).toEqual([401, 401, 401, 401, 401]);
    expect(await rowsOf(ip)).toEqual([]);
    await minuteEnds();
    const rows = await eventually(async () => {
      const found = await rowsOf(ip);
      expect(found).toHaveLength(1);
      return found;
    });
    expect(rows).toMatchObject([
      {
        actor: "config",
        subject_type: "address",
        subject_id: ip,
        who: { id: "anonymous", roles: [] },
        where: { ip, service: "api", user_agent: "probe" },
        details: { count: 5, unknown: 5, minute: new Date(minute).toISOString() },
      },
    ]);
    await stage.expectVerified("config");
  });

  it("of two addresses and two minutes are four rows", async () => {
    const [a, b] = [freshAddress(), freshAddress()];
    for (let n = 0; n < 2; n += 1) {
      await Promise.all([attempt(newToken(), a), attempt(newToken(), b), attempt(newToken(), b)]);
      await minuteEnds();
    }
    await eventually(async () => {
      const counts = async (ip: string) => (await rowsOf(ip)).map(({ details }) => details?.count);
      expect([await counts(a), await counts(b)]).toEqual([
        [1, 1],
        [2, 2],
      ]);
    });
  });

  it("with a dead token are written where its holder belongs, and name no token", async () => {
    const own = new Stage();
    const alice = await own.user("alice", "author");
    const { token, token_id } = ok<{ token: string; token_id: string }>(
      await own.root.post("/users/alice/tokens", { expires_in_seconds: 60 }),
      201,
    );
    const ip = freshAddress();
    expect(await attempt(token, ip)).toBe(200);
    pass(61_000);
    // Once as the isolate remembers it, and once as D1 has it.
    expect(await attempt(token, ip)).toBe(401);
    await minuteEnds(own);
    const rows = await eventually(async () => {
      const found = await rowsOf(ip, own);
      expect(found).toHaveLength(1);
      return found;
    });
    expect(rows).toMatchObject([{ details: { count: 1, expired: 1 } }]);
    expect(JSON.stringify(rows)).not.toContain(token_id);
    expect(await rowsOf(ip)).toEqual([]);
    expect((await alice.get("/me")).status).toBe(200);
  });

  it("are not what is mistyped, no token at all, or good", async () => {
    const ip = freshAddress();
    const token = newToken();
    const mistyped = `${token.slice(0, -1)}${token.endsWith("A") ? "B" : "A"}`;
    for (const text of [mistyped, "nonsense", "cs_"]) expect(await attempt(text, ip)).toBe(401);
    expect(await attempt(env.ROOT_TOKEN ?? "", ip)).toBe(200);
    await minuteEnds();
    expect(await rowsOf(ip)).toEqual([]);
  });

  it("are not counted while D1 cannot say whose token it is", async () => {
    const ip = freshAddress();
    const down = { prepare: () => ({ bind: () => ({ first: async () => Promise.reject(new Error("D1_ERROR")) }) }) };
    expect(await attempt(newToken(), ip, { ...env, DB: down as unknown as D1Database })).toBe(503);
    await minuteEnds();
    expect(await rowsOf(ip)).toEqual([]);
  });

  it("cost one call to the ledger for many of them, and none of them is lost with the ledger", async () => {
    const [a, b] = [freshAddress(), freshAddress()];
    await Promise.all(Array.from({ length: 40 }, (_, n) => attempt(newToken(), n % 2 === 0 ? a : b)));
    const kept = await runInDurableObject(ledgerStub("default"), (_, state) =>
      state.storage.sql.exec("SELECT body FROM documents WHERE key = 'failed_logins'").toArray(),
    );
    expect(kept).toHaveLength(1);
    await crash("default");
    await minuteEnds();
    await eventually(async () => {
      for (const ip of [a, b]) expect((await rowsOf(ip)).map(({ details }) => details?.count)).toEqual([20]);
    });
  });
});
