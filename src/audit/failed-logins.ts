/**
 * Login failures (05-realtime-and-audit, "Audit"): tokens of the right form that nobody has, or that are dead, counted by
 * client address and minute. Isolates count and hand over; the ledger adds up, and writes one row when the minute is over. Pure.
 */
import type { Where } from "../actor/caller.ts";
import type { Happening } from "../actor/journal.ts";

/** Why a token of the right form was no good. A revoked token is one that nobody has. */
export type DeadToken = "unknown" | "expired" | "inactive";

/** What one address tried in one minute. */
export interface FailedLogins {
  /** ms; when the minute began */
  readonly minute: number;
  /** null: all addresses together for which there was no room */
  readonly ip: string | null;
  /** from where the first of them came */
  readonly where: Where;
  readonly count: number;
  readonly reasons: Readonly<Partial<Record<DeadToken, number>>>;
}

const MINUTE_MS = 60_000;
/** Isolates hand over what they counted within a second or so; what comes later still counts for the minute it comes in. */
const GRACE_MS = 5_000;
/** Addresses told apart in one minute; whoever has more of them is told of as a whole. */
export const MAX_ADDRESSES = 1_000;

export function failedLogin(reason: DeadToken, where: Where, now: number): FailedLogins {
  return { minute: minuteOf(now), ip: where.ip ?? "unknown", where, count: 1, reasons: { [reason]: 1 } };
}

/** `tallies` with `more` counted in. What belongs to a minute that is closed by `now` counts for the present one. */
export function tallied(
  tallies: readonly FailedLogins[],
  more: readonly FailedLogins[],
  now: number,
): readonly FailedLogins[] {
  const known = new Map(tallies.map((tally) => [keyOf(tally), tally]));
  for (const late of more) {
    const next = closesAt(late) > now ? late : { ...late, minute: minuteOf(now) };
    const isNew = !known.has(keyOf(next));
    const crowded = isNew && [...known.values()].filter(({ minute }) => minute === next.minute).length >= MAX_ADDRESSES;
    const tally = crowded ? { ...next, ip: null, where: { service: next.where.service } } : next;
    const before = known.get(keyOf(tally));
    known.set(keyOf(tally), before === undefined ? tally : sum(before, tally));
  }
  return [...known.values()];
}

/** Those whose minute is over, oldest first, and those that go on. */
export function closed(
  tallies: readonly FailedLogins[],
  now: number,
): { readonly over: readonly FailedLogins[]; readonly open: readonly FailedLogins[] } {
  const over = tallies.filter((tally) => closesAt(tally) <= now).sort((a, b) => a.minute - b.minute);
  return { over, open: tallies.filter((tally) => closesAt(tally) > now) };
}

/** When the next row is to be written (ms). */
export function nextClosing(tallies: readonly FailedLogins[]): number | undefined {
  return tallies.length === 0 ? undefined : Math.min(...tallies.map(closesAt));
}

/** The row of the trail. Nobody is known to have acted, and no token is named. */
export function authFailed({ minute, ip, where, count, reasons }: FailedLogins): Happening {
  return {
    action: "auth.failed",
    subject_type: "address",
    subject_id: ip ?? "others",
    who: { id: "anonymous", kind: "user", roles: [] },
    where,
    details: { count, minute: new Date(minute).toISOString(), ...reasons },
  };
}

function minuteOf(now: number): number {
  return Math.floor(now / MINUTE_MS) * MINUTE_MS;
}

function closesAt({ minute }: FailedLogins): number {
  return minute + MINUTE_MS + GRACE_MS;
}

function keyOf({ minute, ip }: FailedLogins): string {
  return `${minute} ${ip ?? ""}`;
}

function sum(a: FailedLogins, b: FailedLogins): FailedLogins {
  const reasons = { ...a.reasons };
  for (const [reason, count] of Object.entries(b.reasons) as [DeadToken, number][]) {
    reasons[reason] = (reasons[reason] ?? 0) + count;
  }
  return { ...a, count: a.count + b.count, reasons };
}
