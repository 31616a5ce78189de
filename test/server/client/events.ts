/** Channels through the client: nothing missing, nothing twice, over sockets that are cut and without sockets at all. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ChannelItem, Countersign, type Settings } from "../../../src/client/index.ts";
import type { Task } from "../../../src/tasks/task-contract.ts";
import { FaultProxy } from "../../support/fault-proxy.ts";
import { type Cast, draftOf, written } from "../../support/main-job.ts";
import { until } from "../../support/server.ts";
import type { SharedServer } from "../../support/shared-server.ts";

export function eventsSuite(shared: SharedServer): void {
  let cast: Cast;
  let proxy: FaultProxy;
  beforeAll(async () => {
    cast = await shared.cast("client-events");
    proxy = await FaultProxy.before(shared.url);
  });
  afterAll(() => proxy.close());

  const clientOf = (more: Partial<Settings> = {}) =>
    new Countersign({ url: proxy.url, token: cast.author.token, retry: { base_ms: 1, cap_ms: 20 }, ...more });

  /** A task under review, whose comments make events; which is told from another. */
  async function discussed(): Promise<{ id: string; channel: string; say: (body: string) => Promise<unknown> }> {
    const { id } = await cast.author.post<Task>("/tasks", 201, draftOf("alice", [written("service", "talked-about")]));
    await cast.author.post(`/tasks/${id}/submit`, 202);
    return { id, channel: `task:${id}`, say: (body) => cast.author.post(`/tasks/${id}/comments`, 201, { body }) };
  }

  /** The next comments, so many; leaves the iteration open. */
  async function next(items: AsyncGenerator<ChannelItem>, count: number): Promise<ChannelItem[]> {
    const read: ChannelItem[] = [];
    while (read.length < count) {
      const { value, done } = await items.next();
      if (done === true) throw new Error("the events ended");
      if (value.event === "task:commented" || value.event === "reset") read.push(value);
    }
    return read;
  }

  /** The next comments, so many, and no more. */
  async function comments(items: AsyncGenerator<ChannelItem>, count: number): Promise<ChannelItem[]> {
    const read = await next(items, count);
    await items.return(undefined);
    return read;
  }

  const seqs = (items: readonly ChannelItem[]) => items.map((item) => ("seq" in item ? item.seq : "reset"));

  describe.each([
    ["over a WebSocket", {}],
    ["by long poll", { WebSocket: null }],
  ] as const)("%s", (way, settings) => {
    test("events come from the start of the channel on, each once, in order, and then live", async () => {
      const { channel, say } = await discussed();
      await say("one");
      await say("two");
      const reading = comments(clientOf(settings).events([channel], { since: 0 }), 4);
      await say("three");
      await say("four");
      const read = await reading;
      expect(read.map((item) => "seq" in item)).toEqual([true, true, true, true]);
      expect(seqs(read)).toEqual([...seqs(read)].sort((a, b) => Number(a) - Number(b)));
      expect(new Set(seqs(read)).size).toBe(4);
      const [, second] = seqs(read);
      const later = await comments(clientOf(settings).events([channel], { since: { [channel]: Number(second) } }), 2);
      expect(seqs(later)).toEqual(seqs(read).slice(2));
    });

    test("without `since` only what happens from now on", async () => {
      const { channel, say } = await discussed();
      await say("before");
      proxy.passed.length = 0;
      const reading = comments(clientOf(settings).events([channel]), 1);
      const listening = way === "by long poll" ? "wait=25" : "/ws?";
      await until(() => proxy.passed.some(({ path }) => path.includes(listening)));
      const saying = new AbortController();
      const talking = (async () => {
        while (!saying.signal.aborted) await say("after");
      })();
      const [event] = await reading;
      saying.abort();
      await talking;
      const all = await comments(clientOf(settings).events([channel], { since: 0 }), 1);
      expect(seqs(all)[0]).toBeLessThan(Number(seqs([event as ChannelItem])[0]));
    });

    test("a channel that one may not have is an error, not an endless wait", async () => {
      const other = clientOf(settings).events(["agent:migrator"]);
      await expect(other.next()).rejects.toMatchObject({ code: "FORBIDDEN" });
    });

    test("the signal ends it quietly", async () => {
      const { channel } = await discussed();
      const signal = AbortSignal.timeout(200);
      for await (const { event } of clientOf(settings).events([channel], { signal })) expect.unreachable(event);
    });
  });

  test("cut again and again while much happens, and answers lost: nothing is missing, nothing comes twice", async () => {
    const { channel, say } = await discussed();
    let dice = 3;
    proxy.fault = ({ path }) => {
      dice = (dice * 1_103_515_245 + 12_345) % 2 ** 31;
      if (path.includes("/ws/tickets") && dice % 3 === 0) return "unanswered";
      return dice % 5 === 0 ? "lost" : "none";
    };
    proxy.passed.length = 0;
    const sockets = () => proxy.passed.filter(({ path }) => path.includes("/ws?")).length;
    const reading = comments(clientOf().events([channel], { since: 0 }), 60);
    await until(() => sockets() > 0);
    for (let said = 1; said <= 60; said += 1) {
      await say(`number ${said}`);
      if (said % 12 !== 0 || said === 60) continue;
      const before = sockets();
      proxy.cutSockets();
      await until(() => sockets() > before);
    }
    const read = seqs(await reading);
    proxy.fault = () => "none";
    expect(new Set(read).size).toBe(60);
    expect(read).toEqual(seqs(await comments(clientOf({ WebSocket: null }).events([channel], { since: 0 }), 60)));
    expect(sockets()).toBeGreaterThan(4);
  });

  test("where nothing lets WebSockets through it polls instead", async () => {
    const { channel, say } = await discussed();
    proxy.passed.length = 0;
    proxy.fault = ({ path }) => (path.includes("/ws?") ? "lost" : "none");
    await say("heard all the same");
    const read = await comments(clientOf().events([channel], { since: 0 }), 1);
    proxy.fault = () => "none";
    expect(read).toHaveLength(1);
    expect(proxy.passed.filter(({ path }) => path.includes("/ws?"))).toHaveLength(3);
  });

  test("a server that was killed and came back goes on where it was", async () => {
    const { channel, say } = await discussed();
    const items = clientOf().events([channel], { since: 0 });
    await say("before");
    const before = await next(items, 1);
    await shared.crash();
    await say("after");
    const after = await next(items, 1);
    await items.return(undefined);
    expect(seqs([...before, ...after])).toEqual([...new Set(seqs([...before, ...after]))]);
    expect(after.map(({ event }) => event)).toEqual(["task:commented"]);
  });
}
