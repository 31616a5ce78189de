/** What a change of configuration comes to, as a pure planner decides it; the ledger carries it out. */
import type { Happening } from "../actor/journal.ts";
import type { ActorKey } from "../actor/remote.ts";
import type { Result } from "../actor/result.ts";
import type { ConfigurationChange } from "../db/configuration.ts";

export interface Plan {
  readonly changes: readonly ConfigurationChange[];
  readonly happenings: readonly Happening[];
  /** What the client is answered; holds no secret, since it is kept for replays. */
  readonly answer: Record<string, unknown>;
  /** Actors that have to know. */
  readonly effects?: readonly News[];
  /** Actors that have to know once D1 has the change, because they will look there. */
  readonly news?: readonly News[];
}

export interface News {
  readonly target: ActorKey;
  readonly body: unknown;
}

/** A kind of configuration: what its commands need to read, and the rule that plans them. */
export interface Planner<Command, Current> {
  /** Reads D1; only ledgers call it, one command at a time, so what it reads cannot change before the plan stands. */
  read(db: D1Database, workspace: string, command: Command): Promise<Current>;
  /** `now` is an RFC 3339 timestamp. */
  plan(command: Command, current: Current, now: string): Result<Plan>;
}
