/** What has to work in every runtime that the client is for. Asks nothing of it but what the client asks, and `setTimeout`. */
import { type ChannelItem, Countersign, isCountersignError } from "countersign/client";

/** Whom a scenario meets, as JSON. Nobody else is on this server while it runs. */
export interface Meeting {
  readonly url: string;
  /** The same server over a network that loses the first answer to each new task. */
  readonly faulty: string;
  /** Tokens: of an agent that is also an author, and of the one reviewer. */
  readonly agent: string;
  readonly reviewer: string;
  /** Names what this run touches. */
  readonly run: string;
}

/** Runs every step. @param tell hears of each step that is through @throws with the name of the step that failed */
export async function scenario(meeting: Meeting, tell: (step: string) => void): Promise<void> {
  for (const [name, step] of Object.entries(STEPS)) {
    try {
      await step(new Party(meeting));
    } catch (thrown) {
      throw new Error(`${name}: ${thrown instanceof Error ? thrown.message : String(thrown)}`, { cause: thrown });
    }
    tell(name);
  }
}

class Party {
  readonly meeting: Meeting;
  readonly agent: Countersign;
  readonly reviewer: Countersign;

  constructor(meeting: Meeting) {
    this.meeting = meeting;
    this.agent = new Countersign({ url: meeting.url, token: meeting.agent });
    this.reviewer = new Countersign({ url: meeting.url, token: meeting.reviewer });
  }

  resource(id: string) {
    return { type: "service", id: `${this.meeting.run}-${id}`, namespace: "prod", actions: ["write"] } as const;
  }

  async draft(client: Countersign, id: string) {
    const { id: me } = await client.users.me();
    return client.tasks.create({
      config: { type: "test.change", description: "A change", resources: [this.resource(id)] },
      metadata: { author_id: me, author_name: me },
    });
  }

  /** Answers the next request that comes to the reviewer's inbox. */
  async respond(answer: { action: "approve" } | { action: "reject"; reason: string }): Promise<void> {
    for (;;) {
      const [waiting] = (await this.reviewer.approvals.list({ status: ["PENDING"] })).approvals;
      if (waiting !== undefined) return void (await this.reviewer.approvals.respond(waiting.id, answer));
      await pause(50);
    }
  }
}

const STEPS: Readonly<Record<string, (party: Party) => Promise<void>>> = {
  "an error has its code, its request and what to do": async ({ agent }) => {
    const missing = await agent.tasks.get("00000000-0000-8000-8000-000000000000").catch((thrown: unknown) => thrown);
    holds(isCountersignError(missing, "TASK_NOT_FOUND"), missing);
    holds(missing.status === 404 && !missing.retry.retryable && missing.request_id !== undefined, missing);
    const nobody = new Countersign({ url: agent.settings.url, token: "cs_nobody" });
    const refused = await nobody.users.me().catch((thrown: unknown) => thrown);
    holds(isCountersignError(refused, "UNAUTHENTICATED"), refused);
  },

  "a lost answer is asked for again, and done once": async (party) => {
    const client = new Countersign({ url: party.meeting.faulty, token: party.meeting.agent });
    const task = await party.draft(client, "retried");
    for (let drafts: string[] = []; drafts.length === 0; await pause(50)) {
      const { tasks } = await party.agent.tasks.list({ state: ["DRAFT"], limit: 100 });
      drafts = tasks.map(({ id }) => id);
      holds(drafts.every((id) => id === task.id) && drafts.length <= 1, drafts);
    }
    await client.tasks.delete(task.id);
  },

  "a lock is waited for, and kept for longer than its lease": async ({ agent, meeting }) => {
    const key = `service:prod/${meeting.run}-locked`;
    const options = { ttl_seconds: 5, max_wait_seconds: 30 };
    const told: string[] = [];
    let second: Promise<number> | undefined;
    const first = await agent.withLock(key, options, async (lock) => {
      second = agent.withLock(key, options, async ({ fencing_token }) => {
        told.push("second");
        return fencing_token;
      });
      await pause(6_000);
      told.push(lock.signal.aborted ? "lost" : "first");
      return lock.fencing_token;
    });
    const next = (await second) ?? 0;
    holds(told.join() === "first,second" && next > first, { told, first, next });
  },

  "a tool waits for consent, which is good once": async (party) => {
    const call = { tool: `shell-${party.meeting.run}`, args: { command: "ls", amount: 1e21 }, key: party.meeting.run };
    const [consent] = await Promise.all([party.agent.requireApproval(call), party.respond({ action: "approve" })]);
    holds(consent.status === "approved" && /^[0-9a-f]{64}$/.test(consent.call_hash), consent);
    const again = await party.agent.requireApproval(call).catch((thrown: unknown) => thrown);
    holds(isCountersignError(again, "APPROVAL_USED"), again);
  },

  "whoever waits for approval learns who said no, and why": async (party) => {
    const task = await party.draft(party.agent, "refused");
    await party.agent.tasks.submit(task.id);
    const [verdict] = await Promise.all([
      party.agent.waitForApproval(task.id),
      party.respond({ action: "reject", reason: "not on Friday" }),
    ]);
    holds(verdict.status === "rejected" && verdict.reason === "not on Friday", verdict);
  },

  "events come over a WebSocket, where there is one": async (party) => {
    const { settings } = party.agent;
    // Node 20 has none.
    if (globalThis.WebSocket === undefined) return events(party, new Countersign(settings), "socket");
    let heard = 0;
    class Heard extends WebSocket {
      constructor(url: string) {
        super(url);
        this.addEventListener("message", () => {
          heard += 1;
        });
      }
    }
    await events(party, new Countersign({ ...settings, WebSocket: Heard }), "socket");
    // The subscription is confirmed, then come the four.
    holds(heard >= 5, { heard });
  },

  "events come by long poll": async (party) =>
    events(party, new Countersign({ ...party.agent.settings, WebSocket: null }), "poll"),
};

/** What was before and what comes live, in order, each once. */
async function events({ agent, meeting }: Party, listener: Countersign, id: string): Promise<void> {
  const key = `service:prod/${meeting.run}-${id}`;
  const take = () => agent.withLock(key, {}, async () => undefined);
  await take();
  const seen: ChannelItem[] = [];
  for await (const event of listener.events([`resource:${key}`], { since: 0 })) {
    seen.push(event);
    if (seen.length === 2) await take();
    if (seen.length === 4) break;
  }
  const names = seen.map(({ event }) => event).join();
  holds(names === "lock:acquired,lock:released,lock:acquired,lock:released", seen);
}

function holds(condition: boolean, seen: unknown): asserts condition {
  if (condition) return;
  throw new Error(seen instanceof Error ? `${seen.name} ${seen.message}` : JSON.stringify(seen));
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
