/**
 * How a receiver of webhooks is: it takes them, takes them late, answers 500, dies before it takes one or, every other time, after
 * that and before it answers, says nothing at all, or is not there.
 */
export const MOODS = ["well", "slow", "failing", "dying", "silent", "down"] as const;
export type Mood = (typeof MOODS)[number];

/** What goes wrong in a worker under chaos, and how often: plain JSON, told to it over HTTP while it runs. */
export interface Faults {
  /** Of each commit, that its actor dies with it: before the write is safe, or right after. */
  readonly death: number;
  /** Of each commit, that its actor is evicted as soon as it is idle; its sockets stay with the platform. */
  readonly eviction: number;
  /** Of each delivery of effects: that it is lost, done without an answer, done twice, or late. */
  readonly delivery: number;
  /** Of each alarm: that it rings late, rings twice, or fails when all is done and is rung again. */
  readonly alarm: number;
  /** Of each shipment to the ledger, that its acknowledgement is lost. */
  readonly shipment: number;
  /** Of each flush, that the ledger dies before D1 has it, or before it knows that D1 has it. */
  readonly flush: number;
  readonly database: "well" | "slow" | "down";
  /** What webhooks meet; not within the worker. */
  readonly receiver: Mood;
  /** How far its clock is from the true one (ms). */
  readonly skew_ms: number;
  /** How far, either way, the clock of one life of one actor may be from it besides (ms): each draws its own when it begins. */
  readonly life_skew_ms: number;
}

export const NO_FAULTS: Faults = {
  death: 0,
  eviction: 0,
  delivery: 0,
  alarm: 0,
  shipment: 0,
  flush: 0,
  database: "well",
  receiver: "well",
  skew_ms: 0,
  life_skew_ms: 0,
};

/** How often each kind of thing went wrong. */
export type Mishaps = Readonly<Record<string, number>>;

/** What an actor owes to others. */
export interface Debt {
  readonly actor: string;
  /** messages to other actors */
  readonly effects: number;
  /** how far its chain is ahead of what it knows the ledger to have of it */
  readonly unshipped: number;
}

/** Below the server's origin: PUT takes {@link Faults} and answers {@link Mishaps}, POST takes keys of actors and answers their {@link Debt}s. */
export const CHAOS_PATH = "/chaos";
