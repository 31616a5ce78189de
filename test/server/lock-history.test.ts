/**
 * Concurrent clients against the running server: what they saw of each lock must be linearizable (04, "Tests that must
 * exist"). `LOCK_HISTORY_SEED` repeats the clients' choices, though not their timing.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { checkLockHistory, explained } from "../../src/locks/history/check-lock-history.ts";
import {
  type LockAnswer,
  type LockCall,
  LockHistories,
  type RecordedCall,
} from "../../src/locks/history/lock-history.ts";
import type { Acquire } from "../../src/locks/history/lock-lives.ts";
import type { Session } from "../../src/locks/lock-types.ts";
import { fetched } from "../support/fetched.ts";
import { callLock, callLocks, type SendWired } from "../support/lock-calls.ts";
import { Random } from "../support/random.ts";
import { ROOT_TOKEN, type Server, startServer, until } from "../support/server.ts";

const BUSY = ["resource:database:prod/orders", "resource:database:prod/users"] as const;
/** What sets of locks begin with and nobody else wants: mostly free when one of the busy ones is not. */
const FIRST = "resource:configuration:prod/flags";
/** Whoever is the first to hold one of these abandons it: it comes back to life when that lease has lapsed. */
const FORSAKEN = ["resource:service:prod/web", "resource:service:prod/mail"] as const;
const AGENTS = 8;
const CLIENTS_PER_AGENT = 2;
/** Long enough for an abandoned lease to lapse, and to see what follows. */
const RUN_MS = 6_500;
/** The shortest there is (ms). */
const TTL_MS = 5_000;
/** Both clocks are this machine's, but each may be read somewhat before it counts; a call on its way arrives soon or never. */
const CLOCKS = { tolerance_ms: 200, patience_ms: 2_000 };

let server: Server;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.end());

async function newAgent(id: string): Promise<string> {
  const headers = { Authorization: `Bearer ${ROOT_TOKEN}`, "Content-Type": "application/json" };
  const body = JSON.stringify({ id, name: id });
  const response = await fetch(`${server.url}/api/v1/agents`, { method: "POST", headers, body });
  const { token } = (await response.json()) as { token: string };
  return token;
}

/** An agent's thread of work: it holds or waits for one lock at a time, so that no deadlock can come about. */
class Client {
  readonly #by: Session;
  readonly #token: string;
  readonly #histories: LockHistories;
  readonly #random: Random;
  #sets = 0;

  constructor(by: Session, token: string, histories: LockHistories, random: Random) {
    this.#by = by;
    this.#token = token;
    this.#histories = histories;
    this.#random = random;
  }

  /** `forsaken` are the leases that were abandoned, by lock. */
  async work(end: number, forsaken: Map<string, { readonly by: Session; readonly id: string }>): Promise<void> {
    while (Date.now() < end) {
      if (this.#random.chance(0.15)) {
        await this.#useAll();
        continue;
      }
      const lock = this.#random.pick(this.#random.chance(0.9) ? BUSY : FORSAKEN);
      const isFirst = FORSAKEN.some((name) => name === lock) && !forsaken.has(lock);
      const by = isFirst ? { ...this.#by, session_id: `${this.#by.session_id}-gone` } : this.#by;
      const answer = await this.#acquire(lock, by);
      if (answer?.kind !== "lock") continue;
      const { id, status } = answer.lock;
      if (isFirst && status === "held") forsaken.set(lock, { by, id });
      else await this.#use(lock, by, id);
    }
  }

  /** The first and both busy locks or none, for a session that does nothing else. */
  async #useAll(): Promise<void> {
    this.#sets += 1;
    const by = { ...this.#by, session_id: `${this.#by.session_id}-set-${this.#sets}` };
    const modes = new Map([FIRST, ...BUSY].map((lock) => [lock, this.#random.pick(["shared", "exclusive"] as const)]));
    const calls = new Map(
      [...modes].map(([lock, mode]) => {
        const call: Acquire = { do: "acquire", by, mode, ttl_ms: TTL_MS, wait_ms: 0, hold_ms: 0 };
        return [lock, call];
      }),
    );
    const answers = await this.#histories.recordAll(calls, () =>
      callLocks(wired(this.#token, this.#patience()), modes, by, TTL_MS),
    );
    for (const [lock, answer] of answers ?? []) {
      if (answer.kind === "lock") await this.#release(lock, by, answer.lock.id);
    }
  }

  /** Looks at a lease until it has lapsed, then takes the lock anew. */
  async outlive(lock: string, by: Session, id: string): Promise<void> {
    await until(async () => (await this.#call(lock, { do: "read", by, id }))?.kind === "gone");
    const answer = await this.#acquire(lock, by, { wait_ms: 2_000, hold_ms: 2_000 });
    if (answer?.kind === "lock") await this.#release(lock, by, answer.lock.id);
  }

  async #use(lock: string, by: Session, id: string): Promise<void> {
    while (this.#random.chance(0.6)) await this.#something(lock, by, id);
    await this.#release(lock, by, id);
  }

  async #something(lock: string, by: Session, id: string): Promise<void> {
    const choice = this.#random.between(0, 1);
    if (choice < 0.2) await this.#heartbeat(lock, by, id);
    else if (choice < 0.3) await this.#call(lock, { do: "read", by, id });
    else if (choice < 0.4) await this.#call(lock, { do: "downgrade", by, id });
    else if (choice < 0.5) await this.#verify(lock, by, id);
    else if (choice < 0.6) await this.#call(lock, this.#asking(by, 0, 0));
    else if (choice < 0.8) {
      const again = this.#call(lock, this.#asking(by, 0, 0));
      await Promise.all([again, this.#heartbeat(lock, by, id), this.#call(lock, { do: "read", by, id })]);
    } else await this.#trespass(lock, id);
  }

  /** A storage system asks about the token that it was shown, or about one that nobody was shown yet. */
  async #verify(lock: string, by: Session, id: string): Promise<void> {
    const seen = await this.#call(lock, { do: "read", by, id });
    const token = seen?.kind === "lock" ? (seen.lock.token ?? 1) : 1;
    await this.#call(lock, { do: "verify", by, token: token + this.#random.pick([0, 0, 0, 1]) });
  }

  #heartbeat(lock: string, by: Session, id: string): Promise<LockAnswer | undefined> {
    return this.#call(lock, { do: "heartbeat", by, id, ttl_ms: TTL_MS });
  }

  /** Another session of the same agent is another session. */
  async #trespass(lock: string, id: string): Promise<void> {
    const other = { ...this.#by, session_id: `${this.#by.session_id}-other` };
    const got = await this.#acquire(lock, other, { wait_ms: 0, hold_ms: 0 });
    if (got?.kind === "lock" && got.lock.id !== id) await this.#release(lock, other, got.lock.id);
  }

  /** Asks again if the answer was lost: whatever came of the first asking is then known. */
  async #acquire(lock: string, by: Session, waiting = this.#waiting()): Promise<LockAnswer | undefined> {
    const call = this.#asking(by, waiting.wait_ms, waiting.hold_ms);
    return (await this.#call(lock, call)) ?? this.#call(lock, { ...call, wait_ms: 2_000, hold_ms: 2_000 });
  }

  async #release(lock: string, by: Session, id: string): Promise<void> {
    const call: LockCall = { do: "release", by, id };
    if ((await this.#call(lock, call)) === undefined) await this.#call(lock, call);
  }

  /** A try, a place in the queue, or a call held open for the grant, some of them for longer than they want to wait. */
  #waiting(): { readonly wait_ms: number; readonly hold_ms: number } {
    return this.#random.pick([
      { wait_ms: 0, hold_ms: 0 },
      { wait_ms: 2_000, hold_ms: 0 },
      { wait_ms: 1_000, hold_ms: 2_000 },
      { wait_ms: 2_000, hold_ms: 1_000 },
    ]);
  }

  #asking(by: Session, wait_ms: number, hold_ms: number): Acquire {
    const mode = this.#random.pick(["shared", "exclusive"] as const);
    return { do: "acquire", by, mode, ttl_ms: TTL_MS, wait_ms, hold_ms };
  }

  #call(lock: string, call: LockCall): Promise<LockAnswer | undefined> {
    return this.#histories.record(lock, call, () => callLock(wired(this.#token, this.#patience()), lock, call));
  }

  /** One call in fifty has a client that goes away at once. */
  #patience(): AbortSignal | undefined {
    return this.#random.chance(0.02) ? AbortSignal.timeout(Math.floor(this.#random.between(0, 3))) : undefined;
  }
}

function wired(token: string, signal: AbortSignal | undefined): SendWired {
  return async (request) => {
    try {
      return await fetched(server.url, token, request, signal);
    } catch (error) {
      if (signal?.aborted) return undefined;
      throw error;
    }
  };
}

/** How often which answer was given. */
function tally(calls: readonly RecordedCall[]): Record<string, number> {
  const kinds = calls.map(({ answer }) => {
    if (answer?.kind === "lock") return answer.lock.reentrant ? "reentrant" : answer.lock.status;
    return answer === undefined ? "lost" : answer.kind === "gone" ? answer.code : answer.kind;
  });
  return Object.fromEntries(
    Object.entries(Object.groupBy(kinds, (kind) => kind)).map(([kind, all]) => [kind, all?.length ?? 0]),
  );
}

test("whatever concurrent clients see of each lock is linearizable", async () => {
  const seed = Number(process.env.LOCK_HISTORY_SEED ?? Math.floor(Math.random() * 2 ** 32));
  console.log(`LOCK_HISTORY_SEED=${seed}`);
  const random = new Random(seed);
  const histories = new LockHistories();
  const agents = Array.from({ length: AGENTS }, (_, index) => `agent-${index}`);
  const tokens = await Promise.all(agents.map(newAgent));
  const clients = agents.flatMap((agent_id, index) =>
    Array.from({ length: CLIENTS_PER_AGENT }, (_, thread) => {
      const by = { agent_id, session_id: `thread-${thread}` };
      return new Client(by, tokens[index] ?? "", histories, new Random(random.between(0, 2 ** 32)));
    }),
  );
  const end = Date.now() + RUN_MS;
  const forsaken = new Map<string, { readonly by: Session; readonly id: string }>();
  await Promise.all(clients.map((client) => client.work(end, forsaken)));
  for (const [lock, { by, id }] of forsaken) {
    const owner = clients[agents.indexOf(by.agent_id) * CLIENTS_PER_AGENT];
    await owner?.outlive(lock, by, id);
  }

  for (const lock of histories.locks) {
    const verdict = checkLockHistory(histories.of(lock), CLOCKS);
    expect(verdict.linearizable, `${lock}, LOCK_HISTORY_SEED=${seed}: ${explained(verdict)}`).toBe(true);
  }

  const seen = tally(histories.locks.flatMap((lock) => histories.of(lock)));
  console.log(JSON.stringify(seen));
  expect(histories.locks.toSorted()).toEqual([FIRST, ...BUSY, ...FORSAKEN].toSorted());
  expect(Object.keys(seen)).toEqual(expect.arrayContaining(KINDS));
  const weakened = histories.locks.flatMap((lock) => histories.of(lock)).filter(({ call }) => call.do === "downgrade");
  expect(weakened.length).toBeGreaterThan(0);
  // If its last grant had had the token of the first, the same history would be rejected: the check does check.
  expect(checkLockHistory(withLastTokenAgain(histories.of(FORSAKEN[0])), CLOCKS).linearizable).toBe(false);
});

/** All that has to have happened, or the clients were no test. */
const KINDS = ["held", "queued", "reentrant", "refused", "released", "verified", "undone", "lost", "LOCK_EXPIRED"];

function withLastTokenAgain(history: readonly RecordedCall[]): RecordedCall[] {
  const tokenOf = ({ answer }: RecordedCall) => (answer?.kind === "lock" ? (answer.lock.token ?? 0) : 0);
  const last = Math.max(...history.map(tokenOf));
  return history.map((one) =>
    tokenOf(one) === last && one.answer?.kind === "lock"
      ? { ...one, answer: { ...one.answer, lock: { ...one.answer.lock, token: 1 } } }
      : one,
  );
}
