import { afterEach, describe, expect, test, vi } from "vitest";
import type { Event } from "../src/realtime/contract.ts";
import { bearer, fetched } from "./support/listener.ts";
import { detailsOf, ok, type Person, pass, refusal, Stage, stopClock, WEB } from "./support/stage.ts";

afterEach(() => void vi.useRealTimers());

async function pair(stage = new Stage()): Promise<{ alice: Person; robo: Person }> {
  const [alice, robo] = await Promise.all([stage.user("alice", "author"), stage.agent("robo")]);
  return { alice, robo };
}

const CHANNEL = `resource:${WEB}`;
const PATH = `/channels/${encodeURIComponent(CHANNEL)}`;

interface Page {
  readonly events: readonly Event[];
  readonly next_seq: number;
  readonly reset?: true;
}

async function poll(who: Person, query = "", path = PATH): Promise<Page> {
  return ok<Page>(await who.get(`${path}/events${query}`));
}

async function cycle(agent: Person): Promise<void> {
  const wanted = { resource_type: "resource", resource_id: WEB, wait_for_available: false };
  const { id } = ok<{ id: string }>(await agent.post("/locks/acquire", wanted), 201);
  ok(await agent.post("/locks/release", { lock_id: id }), 204);
}

describe("a long poll", () => {
  test("answers what came after a seq, page by page, and where to go on", async () => {
    const { alice, robo } = await pair();
    expect(await poll(alice)).toEqual({ events: [], next_seq: 0 });
    await cycle(robo);
    await cycle(robo);
    const first = await poll(alice, "?limit=3");
    expect(first.events.map(({ event }) => event)).toEqual(["lock:acquired", "lock:released", "lock:acquired"]);
    const rest = await poll(alice, `?after=${first.next_seq}`);
    expect(rest.events.map(({ prev }) => prev)).toEqual([first.next_seq]);
    expect(await poll(alice, `?after=${rest.next_seq}`)).toEqual({ events: [], next_seq: rest.next_seq });
  });

  test("waits for the next event", async () => {
    const { alice, robo } = await pair();
    const waiting = poll(alice, "?wait=25");
    await cycle(robo);
    expect((await waiting).events[0]).toMatchObject({ event: "lock:acquired", channel: CHANNEL, prev: 0 });
  });

  test("of a lock that no resource key names tells of it as of any other", async () => {
    const { alice, robo } = await pair();
    const wanted = { resource_type: "resource", resource_id: "nightly job" };
    const { id } = ok<{ id: string }>(await robo.post("/locks/acquire", wanted), 201);
    const { events } = await poll(alice, "", "/channels/resource:nightly%20job");
    expect(events).toEqual([expect.objectContaining({ channel: "resource:nightly job", event: "lock:acquired" })]);
    expect(events[0]?.payload).toMatchObject({ lock_id: id });
  });

  test("after a seq that there never was says so, and where to go on", async () => {
    const { alice, robo } = await pair();
    await cycle(robo);
    const { next_seq } = await poll(alice);
    expect(await poll(alice, "?after=1000000")).toEqual({ events: [], next_seq, reset: true });
  });

  const bystander = pair();

  test.each([
    ["/channels/nonsense/events", 400, "VALIDATION_ERROR"],
    ["/channels/%00/events", 400, "VALIDATION_ERROR"],
    ["/channels/resource:database:a%00b/events", 400, "VALIDATION_ERROR"],
    ["/channels/system/events", 403, "FORBIDDEN"],
    ["/channels/user:bob/events", 403, "FORBIDDEN"],
    [`${PATH}/events?wait=26`, 400, "VALIDATION_ERROR"],
    [`${PATH}/events?after=-1`, 400, "VALIDATION_ERROR"],
    [`${PATH}/events?limit=0`, 400, "VALIDATION_ERROR"],
    [`${PATH}/events?since=1`, 400, "VALIDATION_ERROR"],
    ["/channels/task:1/events", 400, "VALIDATION_ERROR"],
    ["/channels/task:00000000-0000-4000-8000-000000000000/events", 404, "TASK_NOT_FOUND"],
  ])("%s is %i %s", async (path, status, code) => {
    const { alice } = await bystander;
    expect(refusal(await alice.get(path))).toEqual([status, code]);
  });

  test("of a person that nobody knows is 404, for those who may ask", async () => {
    const stage = new Stage();
    const ada = await stage.user("ada", "admin");
    expect(refusal(await ada.get("/channels/user:nobody/events"))).toEqual([404, "USER_NOT_FOUND"]);
    expect(refusal(await ada.get("/channels/agent:nobody/events"))).toEqual([404, "AGENT_NOT_FOUND"]);
    expect(await poll(ada, "", "/channels/user:ada")).toEqual({ events: [], next_seq: 0 });
  });

  test("needs the scope of the channel, if the token was narrowed", async () => {
    const stage = new Stage();
    await pair(stage);
    const made = await stage.root.post("/users/alice/tokens", { scopes: ["tasks:read"] });
    const { token } = ok<{ token: string }>(made, 201);
    const answer = await fetched(`${PATH}/events`, bearer(token));
    expect(answer.status).toBe(403);
    const refused = { status: 403, body: await answer.json(), headers: answer.headers };
    expect(detailsOf(refused)).toEqual({ scope: "locks:read" });
  });
});

/** Reads a stream of server-sent events, blocks as they come. */
class Blocks {
  readonly status: number;
  readonly #reader: ReadableStreamDefaultReader<string>;
  #rest = "";

  constructor(answer: Response) {
    if (answer.body === null) throw new Error("no stream");
    this.status = answer.status;
    this.#reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  }

  static async open(path: string, headers: Record<string, string>): Promise<Blocks> {
    const blocks = new Blocks(await fetched(path, headers));
    expect(await blocks.next()).toBe("retry: 2000");
    return blocks;
  }

  /** The next block; null at the end. */
  async next(): Promise<string | null> {
    while (!this.#rest.includes("\n\n")) {
      const { done, value } = await this.#reader.read();
      if (done) return null;
      this.#rest += value;
    }
    const [block = "", ...more] = this.#rest.split("\n\n");
    this.#rest = more.join("\n\n");
    return block;
  }

  close(): Promise<void> {
    return this.#reader.cancel();
  }
}

describe("a stream", () => {
  test("begins now, and tells each event with its seq as id", async () => {
    const { alice, robo } = await pair();
    await cycle(robo);
    const { next_seq } = await poll(alice);
    const answer = await fetched(`${PATH}/stream`, bearer(alice.token));
    expect(answer.headers.get("Content-Type")).toBe("text/event-stream; charset=utf-8");
    const blocks = new Blocks(answer);
    expect(await blocks.next()).toBe("retry: 2000");
    await cycle(robo);
    const [event] = (await poll(alice, `?after=${next_seq}`)).events;
    expect(await blocks.next()).toBe(`id: ${event?.seq}\ndata: ${JSON.stringify(event)}`);
    await blocks.close();
  });

  test("goes on after Last-Event-ID: nothing missing, nothing twice", async () => {
    const { alice, robo } = await pair();
    await cycle(robo);
    await cycle(robo);
    const all = (await poll(alice)).events;
    const blocks = await Blocks.open(`${PATH}/stream`, {
      ...bearer(alice.token),
      "Last-Event-ID": String(all[0]?.seq),
    });
    for (const { seq } of all.slice(1)) expect(await blocks.next()).toContain(`id: ${seq}\n`);
    await blocks.close();
  });

  test("after an id that there never was says where to go on", async () => {
    const { alice } = await pair();
    const blocks = await Blocks.open(`${PATH}/stream`, { ...bearer(alice.token), "Last-Event-ID": "1000" });
    expect(await blocks.next()).toContain("event: reset\nid: 0\n");
    await blocks.close();
  });

  test("opens with a ticket, once", async () => {
    const { alice, robo } = await pair();
    const { ticket } = ok<{ ticket: string }>(await alice.post("/ws/tickets"), 201);
    const blocks = await Blocks.open(`${PATH}/stream?ticket=${ticket}`, {});
    await cycle(robo);
    expect(await blocks.next()).toContain("lock:acquired");
    expect((await fetched(`${PATH}/stream?ticket=${ticket}`, {})).status).toBe(401);
    await blocks.close();
  });

  test("ends within a minute when its token is revoked", async () => {
    stopClock();
    const stage = new Stage();
    const { alice, robo } = await pair(stage);
    const blocks = await Blocks.open(`${PATH}/stream`, bearer(alice.token));
    ok(await stage.root.delete(`/users/alice/tokens/${alice.token_id}`), 204);
    pass(30_000);
    // What it waits for already still comes.
    await cycle(robo);
    expect(await blocks.next()).toContain("lock:acquired");
    let last: string | null = "";
    while (last !== null) last = await blocks.next();
  });

  test("is refused, before it begins, to who may not have it or for an id that is no number", async () => {
    const { alice } = await pair();
    const status = async (path: string, headers = {}) =>
      (await fetched(path, { ...bearer(alice.token), ...headers })).status;
    expect(await status("/channels/system/stream")).toBe(403);
    expect(await status("/channels/nonsense/stream")).toBe(400);
    expect(await status(`${PATH}/stream`, { "Last-Event-ID": "latest" })).toBe(400);
    expect((await fetched(`${PATH}/stream`, {})).status).toBe(401);
  });
});
