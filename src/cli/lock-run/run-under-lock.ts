/** `countersign lock run KEY -- COMMAND`: the command runs while the lock is held, and not a moment longer. */

import { constants } from "node:os";
import { isCountersignError, type Schema } from "../../client/index.ts";
import type { Cli } from "../commands/cli.ts";
import { given } from "../commands/options.ts";
import { EXIT } from "../terminal/exit-code.ts";
import { toldFailure } from "../terminal/told-failure.ts";
import { type ChildEnd, runChild } from "./run-child.ts";

export interface RunFlags {
  readonly type: Schema<"Lock">["resource_type"];
  readonly mode: "shared" | "exclusive";
  /** s */
  readonly ttl: number;
  /** s */
  readonly wait: number;
  /** s between SIGTERM and SIGKILL */
  readonly grace: number;
  readonly purpose?: string;
  readonly priority?: number;
}

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

const UNSTARTED = { "not found": "there is no such command", "not executable": "it cannot be run" } as const;

/** Stopped by a signal before the command began. */
class Stopped extends Error {
  readonly signal: NodeJS.Signals;
  constructor(signal: NodeJS.Signals) {
    super(`stopped by ${signal}`);
    this.signal = signal;
  }
}

/**
 * Whoever stops this stops the command: signals are passed on, and the lock is given back once it has ended.
 * @returns the command's own exit code (128 + n if signal n ended it), or one of {@link EXIT} from 124 on
 */
export async function runUnderLock(
  cli: Cli,
  key: string,
  command: readonly string[],
  flags: RunFlags,
): Promise<number> {
  const waiting = new AbortController();
  let forward: ((signal: NodeJS.Signals) => void) | undefined;
  const onSignal = (signal: NodeJS.Signals) =>
    forward === undefined ? waiting.abort(new Stopped(signal)) : forward(signal);
  for (const signal of SIGNALS) process.on(signal, onSignal);
  let ended: ChildEnd | undefined;
  try {
    const client = cli.client();
    await client.withLock(
      { resource_type: flags.type, resource_id: key },
      {
        mode: flags.mode,
        ttl_seconds: flags.ttl,
        max_wait_seconds: flags.wait,
        purpose: flags.purpose ?? `runs ${command[0] ?? ""}`.slice(0, 200),
        signal: waiting.signal,
        ...given({ priority: flags.priority }),
      },
      async (lock) => {
        const env = { COUNTERSIGN_LOCK_ID: lock.id, COUNTERSIGN_FENCING_TOKEN: String(lock.fencing_token) };
        const child = runChild(command, { env, lost: lock.signal, graceMs: flags.grace * 1000 });
        forward = child.kill;
        ended = await child.ended;
        if (ended.how === "not found" || ended.how === "not executable")
          cli.note(`${command[0]}: ${UNSTARTED[ended.how]}`);
      },
    );
    return ended === undefined ? EXIT.notStarted : codeOf(ended);
  } catch (thrown) {
    if (thrown instanceof Stopped) return 128 + numberOf(thrown.signal);
    if (ended !== undefined && isCountersignError(thrown, "LEASE_LOST")) {
      cli.note(`the lease on ${key} was lost while ${command[0]} ran: what it did may not have been alone`);
      return EXIT.leaseLost;
    }
    // The command ended, only giving the lock back did not work: it lapses by itself.
    if (ended !== undefined && toldFailure(thrown) !== undefined) return codeOf(ended);
    cli.fail(thrown);
    return EXIT.notStarted;
  } finally {
    for (const signal of SIGNALS) process.off(signal, onSignal);
  }
}

function codeOf(end: ChildEnd): number {
  switch (end.how) {
    case "exited":
      return end.code;
    case "signalled":
      return 128 + numberOf(end.signal);
    case "not found":
      return EXIT.notFound;
    case "not executable":
      return EXIT.notExecutable;
  }
}

function numberOf(signal: NodeJS.Signals): number {
  return constants.signals[signal];
}
