/** Outbound webhooks (docs/design/webhooks.md): what is sent to whom, signed how, and what becomes of what is not taken. */
import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { gate } from "./support/ledger.ts";
import { believes, hook, listen, Receiver } from "./support/receiver.ts";
import { eventually, ok, pass, refusal, Stage, stopClock } from "./support/stage.ts";

interface Log {
  readonly deliveries: readonly Readonly<Record<string, unknown> & { id: string; event: string; status: string }>[];
  readonly pagination: { readonly total: number; readonly next_cursor?: string };
}

const MINUTE = 60_000;

beforeEach(() => {
  stopClock();
  listen();
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

function status(code: number, headers: Record<string, string> = {}) {
  return () => new Response(code === 204 ? null : "what it says does not matter", { status: code, headers });
}

async function log(stage: Stage, id: string, query = ""): Promise<Log> {
  return ok<Log>(await stage.root.get(`/webhooks/${id}/deliveries${query}`));
}

/** The log once it looks like this. */
async function logged(stage: Stage, id: string, ...expected: object[]): Promise<Log["deliveries"]> {
  return eventually(async () => {
    const { deliveries } = await log(stage, id);
    expect(deliveries).toMatchObject(expected);
    return deliveries;
  });
}

/** The numbers of what was parked. */
function parkedIn(stage: Stage, id: string): Promise<number[]> {
  return runInDurableObject(stage.stub(`webhook:${id}`), (_, { storage }) =>
    storage.sql
      .exec<{ n: number }>("SELECT n FROM deliveries WHERE status = 'parked' ORDER BY n")
      .toArray()
      .map(({ n }) => n),
  );
}

describe("a webhook", () => {
  it("is sent the events that it asks for, as Standard Webhooks has it, and no other", async () => {
    const stage = new Stage();
    const receiver = new Receiver();
    const { secret } = await hook(stage.root, receiver, { events: ["task:*", "approval:requested"] });
    const { alice, bob } = await stage.cast();
    const { id } = await stage.submitted(alice);

    const received = await receiver.has(5);
    expect(receiver.types.sort()).toEqual([
      "approval:requested",
      "approval:requested",
      "task:state_changed",
      "task:state_changed",
      "task:state_changed",
    ]);
    for (const one of received) {
      expect(believes(secret, one)).toBe(true);
      expect(one.message.data).toMatchObject({ workspace: stage.workspace, task_id: id, seq: expect.any(Number) });
      expect(Date.parse(one.message.timestamp)).toBeGreaterThan(0);
      expect(one.headers).toMatchObject({ "content-type": "application/json" });
    }
    expect(new Set(received.map((one) => one.id)).size).toBe(5);
    const asked = received.filter(({ message }) => message.type === "approval:requested");
    expect(asked.map(({ message }) => message.data.reviewer_id).sort()).toEqual([bob.id, "carol"]);
  });

  it("is told of all that happens after it was made, and of nothing before", async () => {
    const stage = new Stage();
    await stage.user("before", "author");
    const receiver = new Receiver();
    await hook(stage.root, receiver, { events: ["user.*"] });
    for (const id of ["one", "two", "three"]) await stage.user(id, "author");
    const received = await receiver.has(3);
    expect(received.map(({ message }) => message.data.subject_id)).toEqual(["one", "two", "three"]);
  });

  it("catches up with what happened while its pushes were lost and its object was dead", async () => {
    const stage = new Stage();
    const receiver = new Receiver();
    const { webhook } = await hook(stage.root, receiver, { events: ["user.created"] });
    await stage.user("one", "author");
    await receiver.has(1);
    // The ledger forgets who missed a renewal: nothing is pushed any more.
    pass(13 * MINUTE);
    await stage.user("two", "author");
    await stage.abort(`webhook:${webhook.id}`);
    await stage.user("three", "author");
    expect(receiver.received.every(({ message }) => message.data.subject_id === "one")).toBe(true);
    await stage.ring(`webhook:${webhook.id}`);
    // A death may come before an outcome is noted: then that one is sent again.
    const heard = () => [...new Set(receiver.received.map(({ message }) => message.data.subject_id))];
    await eventually(async () => expect(heard()).toEqual(["one", "two", "three"]));
  });

  it("waits for D1 while it catches up, and then is told of everything, once", async () => {
    const stage = new Stage();
    const receiver = new Receiver();
    const { webhook } = await hook(stage.root, receiver, { events: ["user.created"] });
    await stage.user("one", "author");
    await logged(stage, webhook.id, { status: "delivered" });
    pass(13 * MINUTE);
    await stage.user("two", "author");
    await stage.user("three", "author");
    const down = vi.spyOn(env.DB, "prepare").mockImplementation(() => {
      throw new Error("D1_ERROR: the database is down");
    });
    await stage.abort(`webhook:${webhook.id}`);
    for (let tries = 0; tries < 3; tries += 1) {
      pass(5_000);
      await stage.ring(`webhook:${webhook.id}`);
    }
    expect(down).toHaveBeenCalled();
    expect(receiver.received).toHaveLength(1);
    down.mockRestore();
    pass(5_000);
    await stage.ring(`webhook:${webhook.id}`);
    const subjects = (await receiver.has(3)).map(({ message }) => message.data.subject_id);
    expect(subjects.sort()).toEqual(["one", "three", "two"]);
    await logged(stage, webhook.id, { status: "delivered" }, { status: "delivered" }, { status: "delivered" });
    pass(10 * MINUTE);
    await stage.ring(`webhook:${webhook.id}`);
    expect(receiver.received).toHaveLength(3);
  });

  it("keeps 10,000 that wait; beyond, the oldest are parked, and the trail says so", async () => {
    const stage = new Stage();
    const receiver = new Receiver();
    const { webhook } = await hook(stage.root, receiver, { events: ["user.created"] });
    // As it would be after 9,999 that its receiver did not take: due in an hour.
    await runInDurableObject(stage.stub(`webhook:${webhook.id}`), (_, { storage }) => {
      storage.sql.exec(
        `WITH RECURSIVE old (n) AS (SELECT -9999 UNION ALL SELECT n + 1 FROM old WHERE n < -1)
         INSERT INTO deliveries SELECT n, 'user.created', 1, 'waiting', 1, ?2, 503, NULL, ?1, NULL FROM old`,
        Date.now(),
        Date.now() + 60 * MINUTE,
      );
    });
    receiver.answer = status(503);
    for (const id of ["one", "two", "three"]) await stage.user(id, "author");
    await receiver.has(3);
    await eventually(async () => {
      const path = `/audit?subject_type=webhook&subject_id=${webhook.id}&action=webhook.overflowed`;
      const { entries } = ok<{ entries: { details: { parked: number } }[] }>(await stage.root.get(path));
      // What gives way soon after is told of later, together.
      expect(entries).toHaveLength(1);
      expect(await parkedIn(stage, webhook.id)).toHaveLength(2);
    });
    const [waiting, parked] = [
      await log(stage, webhook.id, "?status=waiting&limit=1"),
      await parkedIn(stage, webhook.id),
    ];
    expect(waiting.pagination.total).toBe(10_000);
    expect(parked).toEqual([-9999, -9998]);
  });

  it("that is disabled is sent nothing, and not told of it later", async () => {
    const stage = new Stage();
    const receiver = new Receiver();
    const { webhook } = await hook(stage.root, receiver, { events: ["user.created"] });
    ok(await stage.root.patch(`/webhooks/${webhook.id}`, { enabled: false }));
    await stage.user("meanwhile", "author");
    expect(refusal(await stage.root.post(`/webhooks/${webhook.id}/test`))).toEqual([409, "INVALID_STATE"]);
    pass(1_000);
    ok(await stage.root.patch(`/webhooks/${webhook.id}`, { enabled: true }));
    await stage.user("after", "author");
    const [only] = await receiver.has(1);
    expect(only?.message.data.subject_id).toBe("after");
  });
});

describe("a message", () => {
  it("that is not taken is sent again under the same id, later and later, then parked, reported, and sent again on demand", async () => {
    const stage = new Stage();
    const receiver = new Receiver(status(500));
    const { webhook, secret } = await hook(stage.root, receiver, { events: ["user.created"] });
    const key = `webhook:${webhook.id}`;
    await stage.user("someone", "author");
    for (let attempt = 1; attempt <= 10; attempt += 1) {
      await receiver.has(attempt);
      await logged(stage, webhook.id, { attempts: attempt });
      // Longer than any wait.
      pass(27 * 60 * MINUTE);
      await stage.ring(key);
    }
    const [delivery] = await logged(stage, webhook.id, { status: "parked", attempts: 10, last_status: 500 });
    expect(new Set(receiver.received.map(({ id }) => id))).toEqual(new Set([delivery?.id]));
    expect(receiver.received).toHaveLength(10);
    await eventually(async () => {
      const { entries } = ok<{ entries: { details: object }[] }>(await stage.root.get("/audit?action=webhook.parked"));
      expect(entries).toMatchObject([{ details: { delivery_id: delivery?.id, attempts: 10 } }]);
    });

    receiver.answer = status(200);
    const redeliver = `/webhooks/${webhook.id}/deliveries/${delivery?.id}/redeliver`;
    expect(ok(await stage.root.post(redeliver), 202)).toMatchObject({
      id: delivery?.id,
      status: "waiting",
      attempts: 0,
    });
    await logged(stage, webhook.id, { status: "delivered", attempts: 1, last_status: 200 });
    expect(receiver.received).toHaveLength(11);
    expect(receiver.received.every((one, at) => one.id === delivery?.id && (at < 10 || believes(secret, one)))).toBe(
      true,
    );
    await stage.expectVerified();
  });

  it("holds up no other while its receiver does not answer", async () => {
    const stage = new Stage();
    let first: string | undefined;
    const hanging = gate();
    const receiver = new Receiver(async ({ id }) => {
      first ??= id;
      if (id === first) await hanging.opened;
      return new Response(null, { status: id === first ? 503 : 200 });
    });
    const { webhook } = await hook(stage.root, receiver, { events: ["user.created"] });
    await stage.user("hangs", "author");
    await stage.user("passes", "author");
    await eventually(async () => {
      const { deliveries } = await log(stage, webhook.id, "?status=delivered");
      expect(deliveries).toHaveLength(1);
    });
    hanging.open();
    await logged(stage, webhook.id, { status: "delivered" }, { status: "waiting", last_status: 503 });
  });

  it("waits as long as the receiver asks", async () => {
    const stage = new Stage();
    const receiver = new Receiver(status(429, { "Retry-After": "3600" }));
    const { webhook } = await hook(stage.root, receiver, { events: ["user.created"] });
    await stage.user("someone", "author");
    const [delivery] = await logged(stage, webhook.id, { last_status: 429 });
    const waits = Date.parse(String(delivery?.next_at)) - Date.parse(String(delivery?.created_at));
    expect(Math.round(waits / MINUTE)).toBe(60);
  });

  it("whose sender died before it knew the answer is sent again under the same id", async () => {
    const stage = new Stage();
    const receiver: Receiver = new Receiver(async () => {
      if (receiver.received.length === 1) await gate().opened;
      return new Response(null, { status: 200 });
    });
    const { webhook } = await hook(stage.root, receiver, { events: ["user.created"] });
    await stage.user("someone", "author");
    await receiver.has(1);
    await stage.abort(`webhook:${webhook.id}`);
    pass(MINUTE);
    await stage.ring(`webhook:${webhook.id}`);
    const [one, two] = await receiver.has(2);
    expect(two?.id).toBe(one?.id);
    await logged(stage, webhook.id, { status: "delivered", attempts: 1 });
  });

  it("answered 410 disables the webhook, and everybody can see why", async () => {
    const stage = new Stage();
    const receiver = new Receiver(status(410));
    const { webhook } = await hook(stage.root, receiver, { events: ["user.created"] });
    await stage.user("someone", "author");
    await eventually(async () => {
      expect(ok(await stage.root.get(`/webhooks/${webhook.id}`))).toMatchObject({
        enabled: false,
        disabled_reason: "the receiver answered 410 Gone",
      });
    });
    await stage.user("another", "author");
    await logged(stage, webhook.id, { status: "parked", last_status: 410 });
    receiver.answer = status(200);
    // It is told of what happens from the millisecond of its change on.
    pass(1);
    const back = ok<object>(await stage.root.patch(`/webhooks/${webhook.id}`, { enabled: true }));
    expect(back).toMatchObject({ enabled: true });
    expect(back).not.toHaveProperty("disabled_reason");
    await stage.user("third", "author");
    await receiver.has(2);
  });

  it("goes nowhere if what was allowed is not allowed any more", async () => {
    const stage = new Stage();
    const { webhook } = await hook(stage.root, new Receiver(), { events: ["user.created"] });
    vi.spyOn(URL, "parse").mockReturnValue(new URL("https://10.0.0.1/hook"));
    await stage.user("someone", "author");
    await logged(stage, webhook.id, { status: "waiting", last_error: expect.stringContaining("private") });
  });
});

describe("a secret", () => {
  it("is shown once, not even to a replay, and stands in no trail and no table", async () => {
    const stage = new Stage();
    const body = { name: "hooked", url: "https://hooks.example.com/services/T0/B0/pAsSwOrD", events: ["none"] };
    const headers = { "Idempotency-Key": "once" };
    const made = ok<{ secret: string; webhook: { id: string } }>(
      await stage.root.post("/webhooks", body, headers),
      201,
    );
    expect(made.secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    const replayed = ok(await stage.root.post("/webhooks", body, headers), 201);
    expect(replayed).toEqual({ webhook: made.webhook, secret_shown: true });
    expect(JSON.stringify(ok(await stage.root.get(`/webhooks/${made.webhook.id}`)))).not.toContain(made.secret);
    const stored = await env.DB.prepare("SELECT body FROM webhooks WHERE workspace = ?1").bind(stage.workspace).all();
    expect(JSON.stringify(stored.results)).not.toContain(made.secret);
    const trail = JSON.stringify(ok(await stage.root.get("/audit?subject_type=webhook")));
    expect(trail).toContain("webhook.created");
    expect(trail).not.toContain(made.secret);
    expect(trail).not.toContain("pAsSwOrD");
  });

  it("that was replaced signs beside the new one for a day", async () => {
    const stage = new Stage();
    const receiver = new Receiver();
    const { webhook, secret: old } = await hook(stage.root, receiver, { events: ["none"] });
    const { secret } = ok<{ secret: string }>(await stage.root.post(`/webhooks/${webhook.id}/rotate-secret`));
    expect(secret).not.toBe(old);
    ok(await stage.root.post(`/webhooks/${webhook.id}/test`));
    pass(24 * 60 * MINUTE + 1);
    ok(await stage.root.post(`/webhooks/${webhook.id}/test`));
    const [during, after] = await receiver.has(2);
    vi.setSystemTime(Number(during?.headers["webhook-timestamp"]) * 1000);
    expect(during && [old, secret].map((one) => believes(one, during))).toEqual([true, true]);
    vi.setSystemTime(Number(after?.headers["webhook-timestamp"]) * 1000);
    expect(after && [old, secret].map((one) => believes(one, after))).toEqual([false, true]);
  });
});
