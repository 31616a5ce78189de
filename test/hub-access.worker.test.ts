import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, test, vi } from "vitest";
import { freshTaskAddress, idOf } from "../src/actor/ids.ts";
import { hubFor, hubKey } from "../src/realtime/hub-address.ts";
import { newTicket, TICKET_MS } from "../src/realtime/ticket.ts";
import { bearer, fetched, Listener, upgrade } from "./support/listener.ts";
import { as, eventually, ok, type Person, pass, Stage, stopClock, WEB } from "./support/stage.ts";

afterEach(() => void vi.useRealTimers());

const CHANNEL = `resource:${WEB}`;

async function ticketFor(person: Person): Promise<string> {
  const { ticket } = ok<{ ticket: string }>(await person.post("/ws/tickets"), 201);
  return `?ticket=${encodeURIComponent(ticket)}`;
}

async function status(answer: Promise<Response>): Promise<[number, string]> {
  const { status, webSocket, ...rest } = await answer.then(async (response) => ({
    status: response.status,
    webSocket: response.webSocket,
    body: await response.json<{ error: { code: string } }>(),
  }));
  expect(webSocket).toBeNull();
  return [status, rest.body.error.code];
}

/** The key of the hub that serves a user here. */
function hubOf({ id }: Pick<Person, "id">): string {
  return hubKey(hubFor({ kind: "user", id }, undefined, 4));
}

describe("a ticket", () => {
  test("opens one socket, once", async () => {
    const { alice } = await new Stage().cast();
    const query = await ticketFor(alice);
    const socket = await Listener.open(null, query);
    expect(await socket.subscribe(["user:alice"])).toEqual({ "user:alice": 0 });
    expect(await status(upgrade({}, query))).toEqual([401, "UNAUTHENTICATED"]);
    expect(await status(fetched(`/channels/user:alice/stream${query}`, {}))).toEqual([401, "UNAUTHENTICATED"]);
  });

  test("opens one socket, however many try at once", async () => {
    const { alice } = await new Stage().cast();
    const query = await ticketFor(alice);
    const answers = await Promise.all(Array.from({ length: 5 }, () => upgrade({}, query)));
    expect(answers.map((answer) => answer.status).sort()).toEqual([101, 401, 401, 401, 401]);
    for (const { webSocket } of answers) if (webSocket !== null) new Listener(webSocket).close();
  });

  test("is over after a minute", async () => {
    stopClock();
    const { alice } = await new Stage().cast();
    const query = await ticketFor(alice);
    pass(TICKET_MS);
    expect(await status(upgrade({}, query))).toEqual([401, "UNAUTHENTICATED"]);
  });

  test("dies with the token that it was made with", async () => {
    const stage = new Stage();
    const { alice } = await stage.cast();
    const query = await ticketFor(alice);
    ok(await stage.root.delete(`/users/alice/tokens/${alice.token_id}`), 204);
    expect(await status(upgrade({}, query))).toEqual([401, "UNAUTHENTICATED"]);
  });

  test("is of one workspace: nobody can make it another's, and no object is called for one that was made up", async () => {
    const [stage, other] = [new Stage(), new Stage()];
    const { alice } = await stage.cast();
    const query = await ticketFor(alice);
    const forged = query.replace(stage.workspace, other.workspace);
    expect(await status(upgrade({}, forged))).toEqual([401, "UNAUTHENTICATED"]);
    const invented = newTicket("some other root token, 32 characters", other.workspace, { continent: "EU", shard: 0 });
    expect(await status(upgrade({}, `?ticket=${invented}`))).toEqual([401, "UNAUTHENTICATED"]);
    expect(await tables(other, "hub:EU/0")).toEqual([]);
  });

  test("is kept as a hash only, and shown once: not again under the same Idempotency-Key", async () => {
    const stage = new Stage();
    const { alice } = await stage.cast();
    const key = { "Idempotency-Key": "k1" };
    const first = ok<{ ticket: string; expires_at: string }>(await alice.post("/ws/tickets", undefined, key), 201);
    const again = await alice.post("/ws/tickets", undefined, key);
    expect(again.headers.get("Idempotency-Replayed")).toBe("true");
    expect(ok(again, 201)).toEqual({ secret_shown: true, expires_at: first.expires_at });
    const secret = first.ticket.split(".")[2] ?? "";
    expect(secret).toHaveLength(43);
    const stored = await runInDurableObject(stage.stub(hubOf(alice)), (_, { storage: { sql } }) =>
      ["tickets", "documents", "replays"].map((table) => sql.exec(`SELECT * FROM ${table}`).toArray()),
    );
    expect(stored[0]).toHaveLength(1);
    expect(JSON.stringify(stored)).not.toContain(secret);
  });
});

function tables(stage: Stage, key: string): Promise<unknown[]> {
  return runInDurableObject(stage.stub(key), (_, { storage: { sql } }) =>
    sql.exec("SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_cf%' ESCAPE '\\'").toArray(),
  );
}

describe("an upgrade", () => {
  test.each([
    ["without a token", {}, ""],
    ["with one that nobody has", bearer(`cs_${"0".repeat(49)}`), ""],
    ["with a ticket that is none", {}, "?ticket=x"],
    ["with an empty ticket", {}, "?ticket="],
  ])("%s is 401", async (_, headers, query) => {
    expect(await status(upgrade(headers, query))).toEqual([401, "UNAUTHENTICATED"]);
  });

  test("that is none is a 400 that says what is missing", async () => {
    const { alice } = await new Stage().cast();
    expect(await status(fetched("/ws", bearer(alice.token)))).toEqual([400, "VALIDATION_ERROR"]);
    expect(await status(upgrade(bearer(alice.token), "?surprise=1"))).toEqual([400, "VALIDATION_ERROR"]);
  });
});

describe("rights", () => {
  test("a channel that one may not have, that is none, or that is of nobody refuses only itself", async () => {
    const stage = new Stage();
    const { alice } = await stage.cast();
    const ada = await stage.user("ada", "admin");
    const socket = await Listener.open(ada.token);
    const stray = `task:${idOf(freshTaskAddress(Date.now()))}`;
    const wanted = [CHANNEL, "user:alice", "system", "no such", stray, "user:nobody", "agent:alice", "agent:robo"];
    expect(Object.keys(await socket.subscribe(wanted)).sort()).toEqual(["agent:robo", CHANNEL, "system", "user:alice"]);
    await eventually(async () =>
      expect(socket.errors().toSorted((a, b) => a[0].localeCompare(b[0]))).toEqual([
        ["AGENT_NOT_FOUND", "agent:alice"],
        ["TASK_NOT_FOUND", stray],
        ["USER_NOT_FOUND", "user:nobody"],
        ["VALIDATION_ERROR", "no such"],
      ]),
    );
    expect(await tables(stage, "inbox:nobody")).toEqual([]);
    expect(await tables(stage, stray)).toEqual([]);

    const own = await Listener.open(alice.token);
    expect(Object.keys(await own.subscribe(["user:alice", "user:bob", "system", "locks"]))).toEqual(["user:alice"]);
    await eventually(async () =>
      expect(own.errors()).toEqual([
        ["FORBIDDEN", "user:bob"],
        ["FORBIDDEN", "system"],
        ["FORBIDDEN", "locks"],
      ]),
    );
  });

  test("roles taken away end the channels that needed them, and no others", async () => {
    const stage = new Stage();
    await stage.cast();
    const ada = await stage.user("ada", "admin", "author");
    const socket = await Listener.open(ada.token);
    await socket.subscribe(["system", "user:alice", "user:ada", CHANNEL]);
    ok(await stage.root.patch("/users/ada", { roles: ["author"] }));
    await eventually(async () =>
      expect(socket.told.at(-1)).toEqual({
        event: "unsubscribed",
        payload: { channels: expect.arrayContaining(["system", "user:alice"]) },
      }),
    );
    expect(socket.errors().map(([code]) => code)).toEqual(["FORBIDDEN", "FORBIDDEN"]);
    expect(socket.closed).toBeUndefined();
    socket.say({ action: "subscribe", channels: ["system"] });
    await eventually(async () => expect(socket.errors()).toHaveLength(3));
  });
});

describe("a socket ends with 4401", () => {
  const ends = (socket: Listener) => eventually(async () => expect(socket.closed?.code).toBe(4401));

  test("when its token is revoked; those of other tokens stay", async () => {
    const stage = new Stage();
    const { alice } = await stage.cast();
    const second = ok<{ token: string; token_id: string }>(await stage.root.post("/users/alice/tokens", {}), 201);
    const [kept, dead] = [await Listener.open(alice.token), await Listener.open(second.token)];
    ok(await stage.root.delete(`/users/alice/tokens/${second.token_id}`), 204);
    await ends(dead);
    expect(await kept.subscribe(["user:alice"])).toEqual({ "user:alice": 0 });
    // The worker may still know the token; the hub does not take its word for it.
    expect(await status(upgrade(bearer(second.token)))).toEqual([401, "UNAUTHENTICATED"]);
  });

  test("when its user leaves, its agent is removed or deactivated", async () => {
    const stage = new Stage();
    const { alice, robo } = await stage.cast();
    const drone = await stage.agent("drone");
    const sockets = [];
    for (const { token } of [alice, robo, drone]) sockets.push(await Listener.open(token));
    ok(await stage.root.patch("/users/alice", { active: false }));
    ok(await stage.root.delete("/agents/robo"), 204);
    ok(await stage.root.patch("/agents/drone", { active: false }));
    for (const socket of sockets) await ends(socket);
  });

  test("when its token expires", async () => {
    stopClock();
    const stage = new Stage();
    const { alice } = await stage.cast();
    const made = await stage.root.post("/users/alice/tokens", { expires_in_seconds: 60 });
    const socket = await Listener.open(ok<{ token: string }>(made, 201).token);
    await socket.subscribe(["user:alice"]);
    pass(60_000);
    expect(await stage.ring(hubOf(alice))).toBe(true);
    await ends(socket);
  });
});

describe("what a client says", () => {
  test("is answered with an error when it is malformed, and the third time with an end", async () => {
    const { alice } = await new Stage().cast();
    const socket = await Listener.open(alice.token);
    socket.say("{");
    socket.say({ action: "shout" });
    await eventually(async () => expect(socket.errors()).toHaveLength(2));
    expect(await socket.subscribe(["user:alice"])).toEqual({ "user:alice": 0 });
    socket.say(new ArrayBuffer(4));
    await eventually(async () => expect(socket.closed?.code).toBe(1008));
    expect(socket.errors().map(([code]) => code)).toEqual(["MALFORMED_JSON", "VALIDATION_ERROR", "MALFORMED_JSON"]);
  });

  test("ends the socket when it is over 32 KiB", async () => {
    const { alice } = await new Stage().cast();
    const socket = await Listener.open(alice.token);
    socket.say("x".repeat(32_769));
    await eventually(async () => expect(socket.closed?.code).toBe(1009));
  });

  test("gets 100 channels, and the 101st refused", async () => {
    const stage = new Stage();
    const { alice } = await stage.cast();
    const socket = await Listener.open(alice.token);
    const all = Array.from({ length: 101 }, (_, n) => `resource:service:prod/s${n}`);
    await socket.subscribe(all.slice(0, 1));
    // The others as they would stand on disk: to follow them for real takes a resource each.
    await runInDurableObject(stage.stub(hubOf(alice)), (_, { storage: { sql } }) => {
      for (const name of all.slice(1, 99)) sql.exec("INSERT INTO subscriptions VALUES (?, 1, NULL)", name);
    });
    expect(Object.keys(await socket.subscribe(all.slice(99)))).toEqual(all.slice(99, 100));
    await eventually(async () => expect(socket.errors()).toEqual([["RATE_LIMITED", all[100]]]));
    socket.say({ action: "unsubscribe", channels: all.slice(1, 2) });
    expect(Object.keys(await socket.subscribe(all.slice(100)))).toEqual(all.slice(100));
  });
});

test("who has a token needs no ticket, and uses none up", async () => {
  const { alice } = await new Stage().cast();
  const query = await ticketFor(alice);
  (await Listener.open(alice.token, query)).close();
  (await Listener.open(null, query)).close();
});

test("root listens in the workspace that it names", async () => {
  const stage = new Stage();
  await stage.cast();
  const answer = await upgrade({ ...bearer(env.ROOT_TOKEN ?? ""), "X-Workspace": stage.workspace });
  if (answer.webSocket === null) throw new Error(await answer.text());
  const socket = new Listener(answer.webSocket);
  expect(Object.keys(await socket.subscribe(["user:alice", "user:root", "system"]))).toHaveLength(3);
  expect((await as(env.ROOT_TOKEN ?? "").get("/channels/user:alice/events")).status).toBe(404);
});
