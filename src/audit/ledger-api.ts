/** What others may ask of the ledger of a workspace, besides what every actor sends it (actor/ledger-api.ts). */
import type { ActorApi } from "../actor/actor-api.ts";
import type { Caller } from "../actor/caller.ts";
import type { LedgerIntake } from "../actor/ledger-api.ts";
import { type ActorKey, actorOf, type Remote } from "../actor/remote.ts";
import type { Result } from "../actor/result.ts";
import type { Env } from "../env.ts";
import type { TokenHolder } from "../users/token-holder.ts";
import type { ConfigurationCommand } from "./configuration.ts";
import type { FailedLogins } from "./failed-logins.ts";
import type { Contents, Retention, RetentionState, RetiredHead, Seal } from "./retention-contract.ts";
import type { Link } from "./verify.ts";

export interface ChainHead {
  readonly source: string;
  readonly seq: number;
  readonly hash: string;
}

/** Where a chain begins in D1, if not with its first entry. */
export interface Beginning extends Link {
  /** Rows up to here are being deleted right now: those that still stand were proved before, and are passed over. */
  readonly forgetting: boolean;
}

/** Where a chain stands, and where it begins in D1 if not with its first entry. */
export interface Standing {
  readonly source: string;
  readonly head: ChainHead | null;
  readonly beginning: Beginning | null;
}

/** What waits, and what is stuck. */
export interface Backlog {
  /** audit rows that D1 does not have yet */
  readonly unshipped: number;
  /** `at` of the oldest of them */
  readonly oldest?: string;
  /** pairs of actors whose effects are held up for good */
  readonly parked: number;
  /** the hubs that ever had a socket of this workspace */
  readonly hubs: readonly ActorKey[];
}

/** What operators and the edge ask of a ledger besides. */
export interface LedgerOperations {
  /** Counts login failures towards the rows of their minutes. */
  noteFailedLogins(more: readonly FailedLogins[]): void;
  /** Who holds this token, as the configuration journal has it; null if nobody does. `hash` is hex SHA-256 of its text. */
  tokenHolder(tokenId: string, hash: string): TokenHolder | null;
  /** Sends everything that still exists to D1 again (docs/design/rebuild.md). */
  rebuildAll(caller: Caller): Promise<Result<{ readonly chains: number }>>;
  standings(sources: readonly string[]): Standing[];
  /** docs/design/retention.md */
  retentionState(): Promise<RetentionState>;
  prepareRetention(caller: Caller, before: string): Promise<Result<Retention>>;
  noteRetired(id: string, heads: readonly RetiredHead[]): boolean;
  sealRetention(id: string, contents: Contents): Promise<Seal | null>;
  retentionSealed(id: string, contents: Contents): void;
  spoilRetention(id: string, problem: NonNullable<Retention["problem"]>): void;
  confirmRetention(caller: Caller, id: string, sha256: string): Promise<Result<Retention>>;
}

export interface LedgerApi extends LedgerIntake, LedgerOperations, ActorApi {
  /** Applies one change of configuration: its D1 rows and its audit row go in one batch. */
  configure(caller: Caller, command: ConfigurationCommand): Promise<Result<Record<string, unknown>>>;
  /** The heads of the chains above `after`, by name. */
  heads(after: string, limit: number): ChainHead[];
  headOf(source: string): ChainHead | null;
  /** From now on this hub is told when tokens are revoked and when roles change; false if D1 does not show yet what was before. */
  enrol(hub: ActorKey): Promise<boolean>;
  backlog(): Backlog;
}

export function ledgerOf(env: Env, workspace: string): Remote<LedgerApi> {
  return actorOf<LedgerApi>(env, workspace, "config");
}
