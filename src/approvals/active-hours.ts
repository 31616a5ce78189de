import type { ActiveHours } from "./contract.ts";

const WEEK = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"] as const;
type Day = (typeof WEEK)[number];

/**
 * Whether a reviewer policy's window is open at `now` (ms since epoch), by the wall clock of its zone: `from` inclusive, `to`
 * exclusive. When `to` ≤ `from` the window runs past midnight and belongs to the day it began; equal times span 24 hours
 * (03-tasks-and-approvals, "Reviewer policies"). In the hour that a zone repeats in autumn the window is open both times; an
 * hour skipped in spring is no part of it.
 */
export function isActive(hours: ActiveHours, now: number): boolean {
  const { day, time } = wallClock(hours.timezone, now);
  const beganToday = hours.days.includes(day) && time >= hours.from;
  if (hours.from < hours.to) return beganToday && time < hours.to;
  return beganToday || (hours.days.includes(dayBefore(day)) && time < hours.to);
}

/** The weekday and the time as `HH:MM`, which compares as text. */
function wallClock(timezone: string, now: number): { day: Day; time: string } {
  const parts = new Map(
    formatterOf(timezone)
      .formatToParts(now)
      .map((part) => [part.type, part.value]),
  );
  const day = WEEK.find((name) => name === parts.get("weekday")?.toLowerCase());
  if (day === undefined) throw new Error(`no weekday for ${now} in ${timezone}`);
  return { day, time: `${parts.get("hour")}:${parts.get("minute")}` };
}

function dayBefore(day: Day): Day {
  return WEEK.at(WEEK.indexOf(day) - 1) ?? day;
}

/** Building a formatter costs far more than using it. Keyed in lower case, so that spellings of one zone share one. */
const formatters = new Map<string, Intl.DateTimeFormat>();

function formatterOf(timezone: string): Intl.DateTimeFormat {
  const key = timezone.toLowerCase();
  const known = formatters.get(key);
  if (known !== undefined) return known;
  const formatter = new Intl.DateTimeFormat("en-US", {
    timeZone: timezone,
    weekday: "short",
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
  });
  formatters.set(key, formatter);
  return formatter;
}
