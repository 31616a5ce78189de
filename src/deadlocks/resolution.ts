/** What becomes of a cycle that was found (04-locks-and-deadlocks, "Resolution"): plain records, to be stored and sent. */
import type { Session } from "../locks/lock-types.ts";
import { type Question, questionOf } from "./confirmation.ts";
import type { DeadlockInfo } from "./contract.ts";
import type { Link } from "./cycle.ts";
import type { Contender, DeadlockStrategy, PastAborts } from "./victim.ts";

/** A cycle under way to its end. `id` is unique in the workspace's coordinator, over restarts too. */
export interface Case {
  readonly id: string;
  /** ms */
  readonly detected_at: number;
  readonly links: readonly Link[];
  /** Keys of the sessions on which this cycle depends: no other case may touch them meanwhile. */
  readonly involved: readonly string[];
}

/** A confirmed deadlock with its victim, from the abort on until all that the victim had is released. */
export interface DoomedCase extends Case {
  readonly victim: Contender;
  readonly strategy: DeadlockStrategy;
  /** Locks in which the victim's session held or waited, as the graph knew them. */
  readonly locks: readonly string[];
  /** Ids of its leases and claims, as the graph knew them. */
  readonly ids: readonly string[];
}

export interface Resolved {
  readonly deadlock: DeadlockInfo;
  readonly victim: Session;
  readonly retry_after_ms: number;
  /** To be stored, and given back after a restart. */
  readonly past: PastAborts;
}

/** What the coordinator's actor has to do next. Each is followed by a call that tells what came of it. */
export type Command =
  /** Store the name, drop it: locks to be asked after a restart. */
  | { readonly do: "remember_lock" | "forget_lock"; readonly lock: string }
  | { readonly do: "ask_snapshot"; readonly lock: string }
  | { readonly do: "let_in"; readonly case: Case; readonly lock: string; readonly claim: string }
  | { readonly do: "confirm"; readonly case: Case; readonly questions: readonly Question[] }
  /**
   * End the victim's claim, if it still waits. Store the case first: from here on it has to be brought to its end, also by
   * another life of the coordinator.
   */
  | { readonly do: "abort"; readonly case: DoomedCase }
  /** Release what the victim's session had asked for before it gave way. */
  | ({ readonly do: "release"; readonly case: DoomedCase } & GaveWay);

/** When a victim gave way (ms). */
export interface GaveWay {
  /** By the clock of the lock where it did. */
  readonly before: number;
  /** By the coordinator's clock, when it heard so. */
  readonly heard_at: number;
}

/** How to begin: by letting a reader in where only the queue holds it up, else by asking whether the cycle is real. */
export function firstStep(opened: Case): Command {
  const soft = opened.links.find((link) => link.soft);
  return soft === undefined
    ? { do: "confirm", case: opened, questions: opened.links.map(questionOf) }
    : { do: "let_in", case: opened, lock: soft.lock, claim: soft.claim };
}

/** The deadlock as the API tells it. Each session holds what the one before it waits for. */
export function deadlockInfo(ended: DoomedCase, released_locks: readonly string[]): DeadlockInfo {
  const { links, victim, strategy } = ended;
  return {
    detected_at: new Date(ended.detected_at).toISOString(),
    cycle: links.map(({ agent_id, session_id, claim }, at) => ({
      agent_id,
      session_id,
      holds_lock: heldUpBy(links.at(at - 1)) ?? claim,
      waits_for: claim,
    })),
    resolution: {
      victim_agent_id: victim.agent_id,
      victim_session_id: victim.session_id,
      strategy,
      released_locks: [...released_locks],
    },
  };
}

function heldUpBy(link: Link | undefined): string | undefined {
  return link?.blocker.kind === "lease" ? link.blocker.lease : link?.blocker.claim;
}
