/** One thread of work of a soak: it does its deeds one after the other, holds several locks at a time, and gives way when told. */
import { setTimeout as pause } from "node:timers/promises";
import type { LockAnswer, LockCall, LockHistories } from "../../src/locks/history/lock-history.ts";
import type { Acquire } from "../../src/locks/history/lock-lives.ts";
import type { LockMode, Session } from "../../src/locks/lock-types.ts";
import { callLock, callLocks, type LockKey, type SendWired } from "../support/lock-calls.ts";
import type { Random } from "../support/random.ts";
import type { Deed } from "./program.ts";

/** Long enough that no lease and no wait of a round ends by itself. */
const TTL_MS = 60_000;
const WAIT_MS = 60_000;
/** Longer than a deadlock may stand: none ends because somebody lost patience. */
const HOLD_MS = 4_000;
/** Of what a lost answer may leave behind: nobody knows it. */
const SET_TTL_MS = 5_000;

interface Had {
  readonly lock: LockKey;
  readonly id: string;
}

interface Dependencies {
  readonly by: Session;
  readonly histories: LockHistories;
  readonly send: SendWired;
  readonly random: Random;
  /** The keys of the locks that a program knows by numbers. */
  readonly keyOf: (lock: number) => LockKey;
  /** Applies a task of the round, to its end. */
  readonly apply: (task: number) => Promise<void>;
  /** Resolves as soon as the server is there. */
  readonly up: () => Promise<void>;
}

export class SoakClient {
  readonly #deps: Dependencies;
  #had: Had[] = [];
  #sets = 0;

  constructor(deps: Dependencies) {
    this.#deps = deps;
  }

  async work(deeds: readonly Deed[]): Promise<void> {
    for (const deed of deeds) await this.#do(deed);
    while (this.#had.length > 0) await this.#release(0);
  }

  async #do(deed: Deed): Promise<void> {
    switch (deed.do) {
      case "acquire":
        await this.#acquire(this.#deps.keyOf(deed.lock), deed.mode, deed.isPatient);
        return;
      case "acquire_all":
        await this.#acquireAll(
          deed.locks.map((lock) => this.#deps.keyOf(lock)),
          deed.mode,
        );
        return;
      case "rest":
        await pause(deed.ms);
        return;
      case "apply":
        await this.#deps.apply(deed.task);
        return;
      case "release":
        await this.#release(deed.which);
        return;
      default: {
        const had = this.#had[deed.which % Math.max(1, this.#had.length)];
        if (had !== undefined) await this.#use(had, deed.do);
      }
    }
  }

  async #use({ lock, id }: Had, deed: "heartbeat" | "downgrade" | "upgrade" | "verify" | "read"): Promise<void> {
    const { by } = this.#deps;
    if (deed === "upgrade") {
      await this.#acquire(lock, "exclusive", true);
      return;
    }
    if (deed === "heartbeat") {
      await this.#call(lock, { do: "heartbeat", by, id, ttl_ms: TTL_MS });
      return;
    }
    if (deed !== "verify") {
      await this.#call(lock, { do: isShareable(lock) ? deed : "read", by, id });
      return;
    }
    const seen = await this.#call(lock, { do: "read", by, id });
    const token = seen?.kind === "lock" ? seen.lock.token : undefined;
    if (token !== undefined) await this.#call(lock, { do: "verify", by, token });
  }

  /** Asks again if the answer was lost: whatever came of it is then known. */
  async #acquire(lock: LockKey, mode: LockMode, isPatient: boolean): Promise<void> {
    const { by } = this.#deps;
    const hold_ms = isPatient ? HOLD_MS : 0;
    const call: Acquire = {
      do: "acquire",
      by,
      mode: modeOf(lock, mode),
      ttl_ms: TTL_MS,
      wait_ms: WAIT_MS,
      hold_ms,
    };
    let answer: LockAnswer | undefined;
    do answer = await this.#call(lock, call);
    while (answer === undefined);
    if (answer.kind !== "lock") return;
    const { id } = answer.lock;
    if (!this.#had.some((had) => had.id === id)) this.#had.push({ lock, id });
  }

  async #acquireAll(locks: readonly LockKey[], wanted: LockMode): Promise<void> {
    if (locks.length === 0) return;
    const modes = new Map(locks.map((lock) => [lock, modeOf(lock, wanted)]));
    const { histories, send, up, random } = this.#deps;
    this.#sets += 1;
    const by = { ...this.#deps.by, session_id: `${this.#deps.by.session_id}-set-${this.#sets}` };
    const calls = new Map(
      [...modes].map(([lock, mode]): [LockKey, Acquire] => {
        return [lock, { do: "acquire", by, mode, ttl_ms: SET_TTL_MS, wait_ms: 0, hold_ms: 0 }];
      }),
    );
    const answers = await histories.recordAll(calls, () => callLocks(send, modes, by, SET_TTL_MS));
    await up();
    await pause(random.between(0, 10));
    for (const [lock, answer] of answers ?? []) {
      if (answer.kind !== "lock") continue;
      const call: LockCall = { do: "release", by, id: answer.lock.id };
      while ((await this.#recorded(lock, call)) === undefined) await up();
    }
  }

  /** Until it is known that it has ended, however it did. */
  async #release(which: number): Promise<void> {
    const had = this.#had[which % Math.max(1, this.#had.length)];
    if (had === undefined) return;
    const answer = await this.#call(had.lock, { do: "release", by: this.#deps.by, id: had.id });
    if (answer !== undefined) this.#had = this.#had.filter((one) => one !== had);
  }

  /** A victim of a deadlock has lost everything: it looks at each of its leases and claims, and comes again later. */
  async #call(lock: LockKey, call: LockCall): Promise<LockAnswer | undefined> {
    const answer = await this.#recorded(lock, call);
    if (answer?.kind !== "gone" || answer.code !== "DEADLOCK_DETECTED") return answer;
    const lost = this.#had;
    this.#had = [];
    for (const { lock: other, id } of lost) {
      let seen: LockAnswer | undefined;
      do seen = await this.#recorded(other, { do: "read", by: this.#deps.by, id });
      while (seen === undefined);
      // What it asked for after the abort is spared.
      if (seen.kind === "lock") this.#had.push({ lock: other, id });
    }
    await pause(this.#deps.random.between(20, 200));
    return answer;
  }

  async #recorded(lock: LockKey, call: LockCall): Promise<LockAnswer | undefined> {
    const { histories, send, up } = this.#deps;
    const answer = await histories.record(lock, call, () => callLock(send, lock, call));
    if (answer === undefined) await up();
    return answer;
  }
}

function modeOf(lock: LockKey, wanted: LockMode): LockMode {
  return isShareable(lock) ? wanted : "exclusive";
}

/** A task's lock and a permit are exclusive: a downgrade changes nothing. */
function isShareable(lock: LockKey): boolean {
  return lock.startsWith("resource:");
}
