import type { ActorApi } from "../actor/actor.ts";
import type { Caller } from "../actor/caller.ts";
import type { LedgerIntake } from "../actor/ledger-api.ts";
import { type ActorKey, actorOf, type Remote } from "../actor/remote.ts";
import type { Result } from "../actor/result.ts";
import type { Env } from "../env.ts";
import type { ConfigurationCommand } from "./configuration.ts";

export interface ChainHead {
  readonly source: string;
  readonly seq: number;
  readonly hash: string;
}

export interface LedgerApi extends LedgerIntake, ActorApi {
  /** Applies one change of configuration: its D1 rows and its audit row go in one batch. */
  configure(caller: Caller, command: ConfigurationCommand): Promise<Result<Record<string, unknown>>>;
  /** The heads of the chains above `after`, by name. */
  heads(after: string, limit: number): ChainHead[];
  headOf(source: string): ChainHead | null;
  /** From now on this hub is told when tokens are revoked and when roles change; false if D1 does not show yet what was before. */
  enrol(hub: ActorKey): Promise<boolean>;
  /** What waits for D1. */
  backlog(): { readonly unshipped: number };
}

export function ledgerOf(env: Env, workspace: string): Remote<LedgerApi> {
  return actorOf<LedgerApi>(env, workspace, "config");
}
