/** /webhooks: who may configure where events go, what is refused, and the channel of one reviewer in Slack. */
import { createExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import worker from "../src/worker.ts";
import { hook, listen, type Received, Receiver } from "./support/receiver.ts";
import { detailsOf, eventually, ok, pass, refusal, requestOf, Stage, stopClock } from "./support/stage.ts";

const usual = { name: "hooked", url: "https://example.com/hook", events: ["**"] };

beforeEach(() => {
  stopClock();
  listen();
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** The links in a Slack message. */
function linksIn({ message }: Received): string[] {
  const { blocks } = message as unknown as { blocks: { elements?: { url?: string }[] }[] };
  return blocks.flatMap(({ elements = [] }) => elements.flatMap(({ url }) => url ?? []));
}

async function open(url: string, form?: Record<string, string>): Promise<number> {
  const init = form === undefined ? {} : { method: "POST", body: new URLSearchParams(form) };
  return (await worker.fetch(new Request(url, init), env, createExecutionContext())).status;
}

describe("/webhooks", () => {
  it("is for admins", async () => {
    const stage = new Stage();
    const { alice, bob, robo } = await stage.cast();
    for (const person of [alice, bob, robo]) {
      expect(refusal(await person.get("/webhooks"))).toEqual([403, "FORBIDDEN"]);
      expect(refusal(await person.post("/webhooks", usual))).toEqual([403, "FORBIDDEN"]);
    }
  });

  it("creates, lists, reads, changes and deletes", async () => {
    const stage = new Stage();
    const { webhook } = await hook(stage.root, new Receiver(), { id: "ops", events: ["task:*"] });
    expect(webhook).toMatchObject({ id: "ops", events: ["task:*"], format: "json", enabled: true });
    const { webhooks } = ok<{ webhooks: unknown[] }>(await stage.root.get("/webhooks"));
    expect(webhooks).toEqual([webhook]);
    expect(ok(await stage.root.get("/webhooks/ops"))).toEqual(webhook);
    const changed = ok<object>(await stage.root.patch("/webhooks/ops", { name: "other", description: "for a while" }));
    expect(changed).toMatchObject({ name: "other", description: "for a while", events: ["task:*"] });
    expect(ok(await stage.root.patch("/webhooks/ops", { description: null }))).not.toHaveProperty("description");
    expect(refusal(await stage.root.post("/webhooks", { ...usual, id: "ops" }))).toEqual([409, "ALREADY_EXISTS"]);
    ok(await stage.root.delete("/webhooks/ops"), 204);
    for (const path of ["", "/deliveries"]) {
      expect(refusal(await stage.root.get(`/webhooks/ops${path}`))).toEqual([404, "WEBHOOK_NOT_FOUND"]);
    }
  });

  it("that was deleted is sent nothing, also under its id again", async () => {
    const stage = new Stage();
    const [gone, next] = [new Receiver(() => new Response(null, { status: 500 })), new Receiver()];
    await hook(stage.root, gone, { id: "ops", events: ["user.created"] });
    await stage.user("one", "author");
    await gone.has(1);
    ok(await stage.root.delete("/webhooks/ops"), 204);
    // It is told of what happens from the millisecond of its creation on.
    pass(1);
    await hook(stage.root, next, { id: "ops", events: ["user.created"] });
    expect(ok(await stage.root.get("/webhooks/ops/deliveries"))).toMatchObject({ deliveries: [] });
    await stage.user("two", "author");
    const [only] = await next.has(1);
    expect(only?.message.data.subject_id).toBe("two");
    expect(gone.received).toHaveLength(1);
  });

  it.each([
    ["a private address", { url: "https://169.254.169.254/latest" }, "url"],
    ["plain http", { url: "http://example.com/" }, "url"],
    ["a password in the address", { url: "https://me:secret@example.com/" }, "url"],
    ["no events", { events: [] }, "events"],
    ["another format", { format: "xml" }, "format"],
    ["links in messages that nobody reads as Slack's", { links_for: "nobody" }, "links_for"],
    ["links for nobody", { links_for: "nobody", format: "slack" }, "links_for"],
    ["a secret of one's own", { secret: "whsec_AAAA" }, "secret"],
  ])("refuses %s", async (_, body, field) => {
    const stage = new Stage();
    const refused = await stage.root.post("/webhooks", { ...usual, ...body });
    expect(refusal(refused)).toEqual([400, "VALIDATION_ERROR"]);
    expect(detailsOf(refused).field).toBe(field);
    expect(ok(await stage.root.get("/webhooks"))).toMatchObject({ webhooks: [] });
  });

  it("keeps the name of a route of its own", async () => {
    const stage = new Stage();
    expect(refusal(await stage.root.post("/webhooks", { ...usual, id: "executor-secret" }))).toEqual([
      409,
      "ALREADY_EXISTS",
    ]);
  });

  it("pages its log, newest first, and knows its own deliveries only", async () => {
    const stage = new Stage();
    const receiver = new Receiver();
    await hook(stage.root, receiver, { id: "ops", events: ["none"] });
    await hook(stage.root, receiver, { id: "other", events: ["none"] });
    const sent: string[] = [];
    for (let n = 0; n < 3; n += 1) sent.push(ok<{ id: string }>(await stage.root.post("/webhooks/ops/test")).id);
    interface Page {
      readonly deliveries: readonly { readonly id: string; readonly event: string }[];
      readonly pagination: { readonly next_cursor?: string };
    }
    const first = ok<Page>(await stage.root.get("/webhooks/ops/deliveries?limit=2&status=delivered"));
    const { next_cursor = "" } = first.pagination;
    const second = ok<Page>(await stage.root.get(`/webhooks/ops/deliveries?limit=2&cursor=${next_cursor}`));
    expect([...first.deliveries, ...second.deliveries].map(({ id }) => id)).toEqual(sent.toReversed());
    expect(first.pagination).toMatchObject({ total: 3, has_more: true });
    const redeliver = (id: string) => stage.root.post(`/webhooks/other/deliveries/${id}/redeliver`);
    expect(refusal(await redeliver(sent[0] ?? ""))).toEqual([404, "NOT_FOUND"]);
    expect(refusal(await redeliver(crypto.randomUUID()))).toEqual([404, "NOT_FOUND"]);
    expect(refusal(await redeliver("no-id"))).toEqual([400, "VALIDATION_ERROR"]);
  });
});

describe("a Slack channel", () => {
  it("of one reviewer has links for what that reviewer is asked, and for nothing else; they decide once", async () => {
    const stage = new Stage();
    const { alice, bob } = await stage.cast();
    const receiver = new Receiver();
    const events = ["approval:requested"];
    await hook(stage.root, receiver, { format: "slack", links_for: "bob", events });
    const task = await stage.submitted(alice);
    const received = await receiver.has(2);
    const links = received.flatMap(linksIn);
    expect(links).toHaveLength(1);
    const [link = ""] = links;
    const mine = received.find((one) => linksIn(one).length > 0);
    expect(mine?.body).toContain(requestOf(bob, task).id);
    expect(mine?.body).toContain("service.configure");

    expect(await open(link)).toBe(200);
    expect(await open(link, { action: "approve" })).toBe(200);
    await stage.becomes(task.id, "APPROVED");
    expect(await open(link)).toBe(410);
    await eventually(async () => {
      const { entries } = ok<{ entries: object[] }>(await stage.root.get("/audit?action=token.created&who=bob"));
      expect(entries).toMatchObject([{ where: { service: expect.stringMatching(/^webhook:/) } }]);
    });
  });

  it("of everybody has no link", async () => {
    const stage = new Stage();
    const { alice } = await stage.cast();
    const receiver = new Receiver();
    await hook(stage.root, receiver, { format: "slack", events: ["approval:requested"] });
    await stage.submitted(alice);
    expect((await receiver.has(2)).flatMap(linksIn)).toEqual([]);
  });
});
