/** One-click links: POST /approvals/{id}/links, and the page behind /links/{token}. */
import { createExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { type LinkToken, linkToken, readLinkToken } from "../src/approvals/link-token.ts";
import type { Env } from "../src/env.ts";
import type { Task } from "../src/tasks/task-contract.ts";
import worker from "../src/worker.ts";
import { openApi } from "./support/api.ts";
import {
  approve,
  eventually,
  ok,
  orders,
  type Person,
  pass,
  refusal,
  requestOf,
  Stage,
  stopClock,
} from "./support/stage.ts";

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const ROOT = env.ROOT_TOKEN ?? "";

interface Links {
  readonly links?: { readonly review: string };
  readonly secret_shown?: true;
  readonly expires_at: string;
}

async function linkFor(reviewer: Person, task: Task, of: Person | string = reviewer, body = {}): Promise<string> {
  const { links } = ok<Links>(await reviewer.post(`/approvals/${requestOf(of, task).id}/links`, body), 201);
  return links?.review ?? "no link";
}

interface Page {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
}

async function visit(url: string, init: RequestInit = {}, bindings: Env = env): Promise<Page> {
  const response = await worker.fetch(new Request(url, init), bindings, createExecutionContext());
  return { status: response.status, text: await response.text(), headers: response.headers };
}

function send(url: string, fields: Record<string, string>): Promise<Page> {
  return visit(url, { method: "POST", body: new URLSearchParams(fields) });
}

/** A link of this test's own making, over a real one. */
function altered(url: string, change: Partial<LinkToken>): string {
  const token = readLinkToken(ROOT, url.split("/links/")[1] ?? "");
  if (token === null) throw new Error("not a link");
  return `${new URL(url).origin}/links/${linkToken(ROOT, { ...token, ...change })}`;
}

describe("POST /approvals/{id}/links", () => {
  it("gives the reviewer a link for a day, or as long as asked for, and the trail knows", async () => {
    const stage = new Stage();
    const { alice, bob } = await stage.cast();
    stopClock();
    const task = await stage.submitted(alice);
    const { id } = requestOf(bob, task);
    const made = ok<Links>(await bob.post(`/approvals/${id}/links`), 201);
    expect(Date.parse(made.expires_at) - Date.now()).toBe(86_400_000);
    const token = readLinkToken(ROOT, made.links?.review.split("/links/")[1] ?? "");
    expect(token).toMatchObject({ workspace: stage.workspace, approval_id: id, reviewer_id: "bob" });
    const short = ok<Links>(await bob.post(`/approvals/${id}/links`, { expires_in_seconds: 60 }), 201);
    expect(Date.parse(short.expires_at) - Date.now()).toBe(60_000);
    for (const expires_in_seconds of [0, 59, 604_801, "60"]) {
      const answer = await bob.post(`/approvals/${id}/links`, { expires_in_seconds });
      expect(refusal(answer)).toEqual([400, "VALIDATION_ERROR"]);
    }
    const { entries } = ok<{ entries: { action: string; details: object }[] }>(
      await bob.get(`/tasks/${task.id}/audit`),
    );
    const created = entries.filter(({ action }) => action === "token.created");
    expect(created.map(({ details }) => details)).toMatchObject([{ link_for: "bob", token_id: token?.token_id }, {}]);
    expect(JSON.stringify(entries)).not.toContain("csl_");
  });

  it("is for who may answer, and for a request that is open", async () => {
    const stage = new Stage();
    const { alice, bob, carol, robo } = await stage.cast();
    const ada = await stage.user("ada", "admin");
    const task = await stage.submitted(alice, { resources: [orders] });
    const path = `/approvals/${requestOf(bob, task).id}/links`;
    expect(refusal(await alice.post(path))).toEqual([403, "SELF_APPROVAL"]);
    for (const who of [carol, robo, stage.root]) expect(refusal(await who.post(path))).toEqual([403, "FORBIDDEN"]);
    ok(await ada.post(path), 201);
    ok(await approve(bob, task));
    expect(refusal(await bob.post(path))).toEqual([409, "APPROVAL_ALREADY_RESOLVED"]);
    const unknown = `/approvals/${requestOf(bob, task).id.slice(0, -8)}000000ff/links`;
    expect(refusal(await bob.post(unknown))).toEqual([404, "APPROVAL_NOT_FOUND"]);
  });

  it("shows its secret once under an Idempotency-Key", async () => {
    const stage = new Stage();
    const { alice, bob } = await stage.cast();
    const { id } = requestOf(bob, await stage.submitted(alice));
    const make = () => bob.post<Links>(`/approvals/${id}/links`, {}, { "Idempotency-Key": "k" });
    const first = ok<Links>(await make(), 201);
    const again = ok<Links>(await make(), 201);
    expect(again).toEqual({ secret_shown: true, expires_at: first.expires_at });
  });
});

describe("the page of a link", () => {
  it("shows the change, its risk and both choices, and changes nothing however often it is looked at", async () => {
    const stage = new Stage();
    const { alice, bob } = await stage.cast();
    const task = await stage.submitted(alice);
    const url = await linkFor(bob, task);
    for (let n = 0; n < 3; n += 1) {
      const { status, text } = await visit(url);
      expect(status).toBe(200);
      for (const part of [
        "alice",
        "Turn the new checkout on",
        "service:prod/web",
        "MEDIUM",
        "checkout",
        "Approve",
        "Reject",
      ]) {
        expect(text).toContain(part);
      }
      const head = await visit(url, { method: "HEAD" });
      expect([head.status, head.text]).toEqual([200, ""]);
    }
    expect(await stage.task(task.id)).toEqual(task);
  });

  it("runs no script, loads nothing, is kept nowhere and tells no other site", async () => {
    const stage = new Stage();
    const { alice, bob } = await stage.cast();
    const url = await linkFor(bob, await stage.submitted(alice));
    for (const { headers, text } of [await visit(url), await visit(`${new URL(url).origin}/links/csl_no`)]) {
      const policy = headers.get("Content-Security-Policy") ?? "";
      expect(policy).toMatch(
        /^default-src 'none'; style-src 'sha256-[^']+'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'$/,
      );
      const style = /<style>(.*?)<\/style>/s.exec(text)?.[1] ?? "";
      const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(style));
      expect(policy).toContain(Buffer.from(digest).toString("base64"));
      expect(text).not.toMatch(/<script|<link|<img|style=|\son\w+=/i);
      expect(Object.fromEntries(headers)).toMatchObject({
        "cache-control": "no-store",
        "referrer-policy": "no-referrer",
        "x-robots-tag": "noindex, nofollow",
        "x-frame-options": "DENY",
        "x-content-type-options": "nosniff",
        "content-type": "text/html; charset=utf-8",
      });
    }
  });

  it("escapes whatever an author wrote", async () => {
    const stage = new Stage();
    const { alice, bob } = await stage.cast();
    const evil = `</style><script>alert(1)</script>"'<img src=x onerror=alert(1)>`;
    const resources = [{ type: "service", id: `web${evil}`, namespace: "prod", actions: ["write"] }];
    const task = await stage.submitted(alice, {
      description: evil,
      type: evil.slice(0, 90),
      resources,
      parameters: { [evil]: evil },
    });
    const { text } = await visit(await linkFor(bob, task));
    expect(text).not.toMatch(/<script|<img/);
    expect(text).toContain("&lt;script&gt;");
  });

  it("keeps the token out of the logs", async () => {
    const stage = new Stage();
    const { alice, bob } = await stage.cast();
    const url = await linkFor(bob, await stage.submitted(alice));
    const lines: string[] = [];
    vi.spyOn(console, "log").mockImplementation((line) => lines.push(String(line)));
    await visit(url);
    await visit(url, { method: "PUT" });
    await visit(`${url}x`);
    // A line is written once the answer is on its way.
    const requests = () => lines.filter((line) => line.includes('"event":"request"'));
    await eventually(async () => expect(requests()).toHaveLength(3));
    expect(lines.join()).toContain('"route":"/links/{token}"');
    expect(lines.join()).not.toContain("csl_");
  });
});

describe("deciding by a link", () => {
  it("approves as its reviewer, in the trail, too", async () => {
    const stage = new Stage();
    const { alice, bob } = await stage.cast();
    const task = await stage.submitted(alice);
    const url = await linkFor(bob, task);
    const { status, text } = await send(url, { action: "approve", reason: " looks right " });
    expect([status, text]).toEqual([200, expect.stringContaining("You approved this change")]);
    expect(await stage.task(task.id)).toMatchObject({
      state: "APPROVED",
      approvals: [{ reviewer_id: "bob", reviewer_name: "bob", action: "approve", reason: "looks right" }],
    });
    const { entries } = ok<{ entries: { action: string; who: object; where: object }[] }>(
      await bob.get(`/tasks/${task.id}/audit`),
    );
    const token = readLinkToken(ROOT, url.split("/links/")[1] ?? "");
    expect(entries.find(({ action }) => action === "approval.approved")).toMatchObject({
      who: { id: "bob", kind: "user", token_id: token?.token_id },
      where: { service: "link" },
    });
    await stage.expectVerified(`task:${task.id}`);
  });

  it("rejects with a reason only, and asks for it on the page", async () => {
    const stage = new Stage();
    const { alice, bob } = await stage.cast();
    const task = await stage.submitted(alice);
    const url = await linkFor(bob, task);
    for (const fields of [
      { action: "reject" },
      { action: "reject", reason: " " },
      { action: "request_changes", reason: "x" },
      {},
    ]) {
      const { status, text } = await send(url, fields as Record<string, string>);
      expect([status, text]).toEqual([400, expect.stringContaining('role="alert"')]);
    }
    expect((await send(url, { action: "reject", reason: "x".repeat(2_001) })).status).toBe(400);
    expect((await stage.task(task.id)).approvals).toEqual([]);
    expect((await send(url, { action: "reject", reason: "not today" })).status).toBe(200);
    expect((await stage.task(task.id)).state).toBe("REJECTED");
  });

  it("works once: then this link and every other one of the request is over", async () => {
    const stage = new Stage();
    const { alice, bob } = await stage.cast();
    const task = await stage.submitted(alice, { resources: [orders] });
    const [url, second] = [await linkFor(bob, task), await linkFor(bob, task)];
    const answers = await Promise.all([url, url, second, second].map((one) => send(one, { action: "approve" })));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 410, 410, 410]);
    for (const page of [await visit(url), await visit(second), await send(url, { action: "reject", reason: "no" })]) {
      expect([page.status, page.text]).toEqual([410, expect.stringContaining("already approved")]);
    }
    expect((await stage.task(task.id)).approvals).toHaveLength(1);
  });

  it("is over when it expires, when its revision is, and when the task goes away", async () => {
    const stage = new Stage();
    const { alice, bob } = await stage.cast();
    stopClock();
    const task = await stage.submitted(alice);
    const [short, long] = [await linkFor(bob, task, bob, { expires_in_seconds: 60 }), await linkFor(bob, task)];
    pass(60_000);
    for (const page of [await visit(short), await send(short, { action: "approve" })]) {
      expect([page.status, page.text]).toEqual([410, expect.stringContaining("expired")]);
    }
    ok(await alice.patch(`/tasks/${task.id}`, { config: { priority: 1 } }));
    for (const page of [await visit(long), await send(long, { action: "approve" })]) {
      expect([page.status, page.text]).toEqual([410, expect.stringContaining("This request is over")]);
    }
    const edited = await stage.task(task.id);
    const fresh = await linkFor(bob, edited);
    ok(await alice.post(`/tasks/${task.id}/cancel`));
    expect((await send(fresh, { action: "approve" })).status).toBe(410);
    expect((await stage.task(task.id)).approvals).toEqual([]);
  });

  it("goes by what its reviewer is now: no role, no approval; gone, no decision", async () => {
    const stage = new Stage();
    const { alice, bob, carol } = await stage.cast();
    const task = await stage.submitted(alice);
    const url = await linkFor(bob, task);
    ok(await stage.root.patch("/users/bob", { roles: ["author"] }));
    const page = await visit(url);
    expect(page.text).not.toContain('value="approve"');
    expect((await send(url, { action: "approve" })).status).toBe(403);
    expect((await stage.task(task.id)).state).toBe("REVIEWING");
    const theirs = await linkFor(carol, task);
    ok(await stage.root.patch("/users/carol", { active: false }));
    for (const gone of [await visit(theirs), await send(theirs, { action: "reject", reason: "no" })]) {
      expect([gone.status, gone.text]).toEqual([403, expect.stringContaining("no longer active")]);
    }
  });

  it("never lets anybody decide on their own change", async () => {
    const stage = new Stage();
    const { alice, bob } = await stage.cast();
    const task = await stage.submitted(alice);
    const url = altered(await linkFor(bob, task), { reviewer_id: "alice" });
    expect((await send(url, { action: "approve" })).status).toBe(403);
    const stranger = altered(url, { workspace: `other-${crypto.randomUUID()}` });
    expect((await send(stranger, { action: "approve" })).status).toBe(403);
    expect((await stage.task(task.id)).approvals).toEqual([]);
  });

  it("takes forms only, of a size", async () => {
    const stage = new Stage();
    const { alice, bob } = await stage.cast();
    const url = await linkFor(bob, await stage.submitted(alice));
    const json = { method: "POST", body: '{"action":"approve"}', headers: { "Content-Type": "application/json" } };
    expect((await visit(url, json)).status).toBe(415);
    expect((await send(url, { action: "approve", reason: "x".repeat(1024 * 1024) })).status).toBe(413);
    expect((await send(url, { action: "approve", reason: "a\u0000b" })).status).toBe(400);
    expect((await visit(url, { method: "DELETE" })).status).toBe(405);
  });

  it("is 503 while the database does not answer, and works after", async () => {
    const stage = new Stage();
    const { alice, bob } = await stage.cast();
    const url = await linkFor(bob, await stage.submitted(alice));
    const dead = {
      ...env,
      DB: {
        prepare: () => {
          throw new Error("D1_ERROR: no answer, for a test");
        },
      } as unknown as D1Database,
    };
    const page = await visit(url, { method: "POST", body: new URLSearchParams({ action: "approve" }) }, dead);
    expect(page.status).toBe(503);
    expect((await send(url, { action: "approve" })).status).toBe(200);
  });
});

describe("a token that is not ours", () => {
  it("leads nowhere, and soon to 429", async () => {
    const url = "https://countersign.test/links";
    for (const token of ["x", "csl_x.y", "%00", "%ff", `csl_${"A".repeat(2_000)}.${"A".repeat(43)}`]) {
      const { status, text } = await visit(`${url}/${token}`);
      expect([token, status, text]).toEqual([token, 404, expect.stringContaining("leads nowhere")]);
    }
    let left = 3;
    const limited = {
      ...env,
      RATE_LIMIT_READS: "6000",
      RATE_LIMIT_WRITES: "3000",
      ADDRESSES: { limit: async () => ({ success: left-- > 0 }) },
    };
    const statuses: number[] = [];
    for (let n = 0; n < 4; n += 1) statuses.push((await visit(`${url}/csl_x`, {}, limited)).status);
    expect(statuses).toEqual([404, 404, 404, 429]);
  });
});

it("the pages are documented", async () => {
  const { paths } = await openApi();
  const responses = paths["/links/{token}"]?.post?.responses ?? {};
  expect(Object.keys(paths["/links/{token}"] ?? {}).sort()).toEqual(["get", "post"]);
  expect(Object.keys(responses)).toEqual(["200", "400", "403", "404", "409", "410", "413", "415", "429", "503"]);
});
