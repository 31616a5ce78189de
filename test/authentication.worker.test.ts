import { createExecutionContext, runInDurableObject, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { AuditRow } from "../src/audit/contract.ts";
import type { Env } from "../src/env.ts";
import { newToken } from "../src/users/token-text.ts";
import worker from "../src/worker.ts";
import { api, newAgent, newUser, root } from "./support/api.ts";
import { expectFailure, under } from "./support/failure.ts";
import { crash, ledgerStub } from "./support/ledger.ts";
import { eventually, ok, pass, START, Stage, stopClock } from "./support/stage.ts";

const ORIGIN = "https://countersign.test";
const ROOT = env.ROOT_TOKEN ?? "";

/** Bearers of tokens that nobody has name no workspace: they are counted here. */
const stage = new Stage("default");

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
  let minute = START;
  beforeEach(() => {
    stopClock();
    minute += 24 * 60 * 60 * 1000;
    vi.setSystemTime(minute);
  });
  afterEach(() => {
    vi.useRealTimers();
  });

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

const noDatabase = {
  prepare() {
    throw new Error("D1_ERROR: no such host db-7.internal, in SELECT * FROM tokens");
  },
};

describe("authentication", () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it("without a good token is 401 and says how, whatever is wrong", async () => {
    const stranger = newToken();
    const mistyped = stranger.slice(0, -1) + (stranger.endsWith("0") ? "1" : "0");
    for (const header of [
      undefined,
      "",
      "Bearer",
      "Bearer ",
      `Basic ${btoa("root:root")}`,
      `Token ${ROOT}`,
      ROOT,
      `Bearer ${ROOT} extra`,
      `Bearer ${ROOT.slice(0, -1)}`,
      `Bearer ${ROOT}x`,
      `Bearer ${stranger}`,
      `Bearer ${mistyped}`,
      "Bearer null",
    ]) {
      const answer = await api(null).get("/me", header === undefined ? {} : { Authorization: header });
      const error = expectFailure(answer, "UNAUTHENTICATED");
      expect(answer.headers.get("WWW-Authenticate"), header).toBe("Bearer");
      expect(JSON.stringify(error)).not.toContain(ROOT.slice(0, 12));
    }
  });

  it("takes the scheme in any case", async () => {
    expect((await api(null).get("/me", { Authorization: `bEARER  ${ROOT}` })).status).toBe(200);
  });

  it("knows a mistyped token without asking D1", async () => {
    const serve = under({ DB: noDatabase });
    expectFailure(await api("cs_mistyped", serve).get("/me"), "UNAUTHENTICATED");
    expectFailure(await api(newToken(), serve).get("/me"), "UNAVAILABLE");
  });

  it("without ROOT_TOKEN, or with a short one, is 503 and says what to set", async () => {
    for (const ROOT_TOKEN of [undefined, "", "x".repeat(31)]) {
      const answer = await api(ROOT_TOKEN ?? "any", under({ ROOT_TOKEN })).get("/me");
      expect(expectFailure(answer, "UNAVAILABLE").message).toContain("ROOT_TOKEN");
      expect(answer.headers.get("Retry-After")).toMatch(/^\d+$/);
    }
    const health = await under({ ROOT_TOKEN: undefined })(new Request(`${ORIGIN}/healthz`));
    expect(health.status).toBe(200);
  });

  it("of root is an admin of the workspace that it names, default by default", async () => {
    expect((await root.get("/me")).body).toStrictEqual({
      id: "root",
      kind: "user",
      roles: ["admin"],
      scopes: null,
      workspace: "default",
    });
    expect((await root.get("/me", { "X-Workspace": "acme-2" })).body.workspace).toBe("acme-2");
    for (const name of ["Acme", "a_b", "-a", "a-", "a/b", "x".repeat(65), "..", ""]) {
      const error = expectFailure(await root.get("/me", { "X-Workspace": name }), "VALIDATION_ERROR");
      expect(error.details?.field, name).toBe("X-Workspace");
    }
  });

  it("of anybody else is for their own workspace only", async () => {
    const admin = await newUser("local-admin", ["admin"]);
    expectFailure(await admin.api.get("/me", { "X-Workspace": "acme" }), "FORBIDDEN");
    expect((await admin.api.get("/me", { "X-Workspace": "default" })).status).toBe(200);
    const acme = { "X-Workspace": "acme" };
    const made = await root.post("/users", { id: "local-admin", name: "Another", roles: ["author"] }, acme);
    expect(made.status).toBe(201);
    const other = api(String(made.body.token));
    expect((await other.get("/me")).body).toMatchObject({ workspace: "acme", roles: ["author"] });
    expect((await other.get<{ users: { name: string }[] }>("/users")).body.users).toMatchObject([{ name: "Another" }]);
  });

  it("forgets a revoked token within 30 s where it was kept, at once where somebody decides or configures", async () => {
    const admin = await newUser("short-lived", ["admin"]);
    expect((await admin.api.get("/me")).status).toBe(200);
    await root.delete(`/users/short-lived/tokens/${admin.token_id}`);
    expectFailure(await admin.api.post("/users", { id: "late", name: "x", roles: [] }), "UNAUTHENTICATED");
    const cached = await newUser("cached", ["author"]);
    await cached.api.get("/me");
    await root.patch("/users/cached", { active: false });
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 30_000 });
    expectFailure(await cached.api.get("/me"), "UNAUTHENTICATED");
  });

  it("lets a known token keep leases alive for 15 minutes while D1 fails, and do nothing else", async () => {
    const agent = await newAgent("survivor", { roles: ["system", "admin"] });
    expect((await api(agent.token, under({})).get("/me")).status).toBe(200);
    const caller = api(agent.token, under({ DB: noDatabase }));
    const start = Date.now();
    const at = (ms: number) => vi.useFakeTimers({ toFake: ["Date"], now: start + ms });
    at(14 * 60_000);
    expect((await caller.post("/agents/survivor/heartbeat")).status).toBe(200);
    expectFailure(await caller.get("/me"), "UNAVAILABLE");
    const configured = await caller.patch("/agents/survivor", { max_tasks: 9 });
    expectFailure(configured, "UNAVAILABLE");
    expect(configured.headers.get("Retry-After")).toBe("2");
    at(15 * 60_000 + 1_000);
    expectFailure(await caller.post("/agents/survivor/heartbeat"), "UNAVAILABLE");
  });

  it("keeps D1's own words to itself while it fails", async () => {
    const serve = under({ DB: noDatabase });
    for (const path of ["/users", "/agents", "/users/ada"]) {
      const answer = await api(ROOT, serve).get(path);
      expect(JSON.stringify(expectFailure(answer, "UNAVAILABLE"))).not.toMatch(/SELECT|db-7|D1/);
    }
  });
});
