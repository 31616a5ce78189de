import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isActive } from "./active-hours.ts";
import { ActiveHours } from "./contract.ts";

const EVERY_DAY: ActiveHours["days"] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const WORKDAYS: ActiveHours["days"] = ["mon", "tue", "wed", "thu", "fri"];

function hours(timezone: string, days: ActiveHours["days"], from: string, to: string): ActiveHours {
  return ActiveHours.parse({ timezone, days, from, to });
}

function activeAt(window: ActiveHours, instant: string): boolean {
  return isActive(window, Date.parse(instant));
}

describe("a window within one day", () => {
  const office = hours("UTC", WORKDAYS, "09:00", "17:00");

  test("opens at the first instant of from and is shut at the first instant of to", () => {
    expect(activeAt(office, "2026-11-20T08:59:59.999Z")).toBe(false);
    expect(activeAt(office, "2026-11-20T09:00:00.000Z")).toBe(true);
    expect(activeAt(office, "2026-11-20T16:59:59.999Z")).toBe(true);
    expect(activeAt(office, "2026-11-20T17:00:00.000Z")).toBe(false);
  });

  test("is shut on days that it does not name", () => {
    expect(activeAt(office, "2026-11-21T12:00:00Z")).toBe(false);
    expect(activeAt(office, "2026-11-22T12:00:00Z")).toBe(false);
    expect(activeAt(office, "2026-11-23T12:00:00Z")).toBe(true);
  });

  test("takes the weekday of its own zone, not of UTC", () => {
    const fridayInAuckland = hours("Pacific/Auckland", ["fri"], "00:00", "23:59");
    expect(activeAt(fridayInAuckland, "2026-11-19T11:00:00Z")).toBe(true);
    expect(activeAt(fridayInAuckland, "2026-11-20T11:00:00Z")).toBe(false);
    const thursdayInHonolulu = hours("Pacific/Honolulu", ["thu"], "23:00", "23:59");
    expect(activeAt(thursdayInHonolulu, "2026-11-20T09:30:00Z")).toBe(true);
  });

  test("counts midnight as 00:00", () => {
    const firstMinute = hours("UTC", EVERY_DAY, "00:00", "00:01");
    expect(activeAt(firstMinute, "2026-11-20T00:00:30Z")).toBe(true);
    expect(activeAt(firstMinute, "2026-11-20T23:59:30Z")).toBe(false);
  });

  test("works in zones that are not whole hours off, however the zone is spelled", () => {
    const kathmandu = hours("asia/KATHMANDU", ["fri"], "09:00", "10:00");
    expect(activeAt(kathmandu, "2026-11-20T03:14:59Z")).toBe(false);
    expect(activeAt(kathmandu, "2026-11-20T03:15:00Z")).toBe(true);
    expect(activeAt(hours("Asia/Kathmandu", ["fri"], "09:00", "10:00"), "2026-11-20T03:15:00Z")).toBe(true);
  });
});

describe("a window past midnight", () => {
  const fridayNight = hours("UTC", ["fri"], "22:00", "06:00");

  test("belongs to the day it began", () => {
    expect(activeAt(fridayNight, "2026-11-20T22:00:00Z")).toBe(true);
    expect(activeAt(fridayNight, "2026-11-21T05:59:59Z")).toBe(true);
    expect(activeAt(fridayNight, "2026-11-21T06:00:00Z")).toBe(false);
    expect(activeAt(fridayNight, "2026-11-21T22:00:00Z")).toBe(false);
  });

  test("is not open in the early hours of the day that it names", () => {
    expect(activeAt(fridayNight, "2026-11-20T05:00:00Z")).toBe(false);
  });

  test("runs from Saturday into Sunday and from Sunday into Monday", () => {
    expect(activeAt(hours("UTC", ["sat"], "22:00", "06:00"), "2026-11-22T03:00:00Z")).toBe(true);
    expect(activeAt(hours("UTC", ["sun"], "22:00", "06:00"), "2026-11-23T03:00:00Z")).toBe(true);
    expect(activeAt(hours("UTC", ["mon"], "22:00", "06:00"), "2026-11-23T03:00:00Z")).toBe(false);
  });

  test("spans 24 hours when to equals from", () => {
    const wholeShift = hours("UTC", ["fri"], "09:00", "09:00");
    expect(activeAt(wholeShift, "2026-11-20T08:59:59Z")).toBe(false);
    expect(activeAt(wholeShift, "2026-11-20T09:00:00Z")).toBe(true);
    expect(activeAt(wholeShift, "2026-11-21T08:59:59Z")).toBe(true);
    expect(activeAt(wholeShift, "2026-11-21T09:00:00Z")).toBe(false);
  });
});

describe("when the clocks change", () => {
  test("09:00 in Berlin stays 09:00 in Berlin on both sides of the change", () => {
    const morning = hours("Europe/Berlin", EVERY_DAY, "09:00", "10:00");
    expect(activeAt(morning, "2026-03-28T08:00:00Z")).toBe(true);
    expect(activeAt(morning, "2026-03-29T08:00:00Z")).toBe(false);
    expect(activeAt(morning, "2026-03-29T07:00:00Z")).toBe(true);
    expect(activeAt(morning, "2026-10-24T07:00:00Z")).toBe(true);
    expect(activeAt(morning, "2026-10-25T07:00:00Z")).toBe(false);
    expect(activeAt(morning, "2026-10-25T08:00:00Z")).toBe(true);
  });

  test("09:00 in New York stays 09:00 in New York on both sides of the change", () => {
    const morning = hours("America/New_York", EVERY_DAY, "09:00", "10:00");
    expect(activeAt(morning, "2026-03-07T14:00:00Z")).toBe(true);
    expect(activeAt(morning, "2026-03-08T14:00:00Z")).toBe(false);
    expect(activeAt(morning, "2026-03-08T13:00:00Z")).toBe(true);
    expect(activeAt(morning, "2026-11-01T13:00:00Z")).toBe(false);
    expect(activeAt(morning, "2026-11-01T14:00:00Z")).toBe(true);
  });

  test("in spring the window that lies in the skipped hour never opens, and one that reaches past it opens late", () => {
    // Berlin, 29 March 2026: 01:59:59 +01:00 is followed by 03:00:00 +02:00 at 01:00Z.
    const skipped = hours("Europe/Berlin", EVERY_DAY, "02:00", "03:00");
    expect(activeAt(skipped, "2026-03-29T00:59:59Z")).toBe(false);
    expect(activeAt(skipped, "2026-03-29T01:00:00Z")).toBe(false);
    const reachingPast = hours("Europe/Berlin", EVERY_DAY, "02:30", "03:30");
    expect(activeAt(reachingPast, "2026-03-29T00:59:59Z")).toBe(false);
    expect(activeAt(reachingPast, "2026-03-29T01:00:00Z")).toBe(true);
    expect(activeAt(reachingPast, "2026-03-29T01:30:00Z")).toBe(false);
  });

  test("in autumn the window is open in both copies of the repeated hour", () => {
    // New York, 1 November 2026: 01:00–02:00 comes at 05:00Z (-04:00) and again at 06:00Z (-05:00).
    const repeated = hours("America/New_York", EVERY_DAY, "01:15", "01:45");
    expect(activeAt(repeated, "2026-11-01T05:30:00Z")).toBe(true);
    expect(activeAt(repeated, "2026-11-01T05:45:00Z")).toBe(false);
    expect(activeAt(repeated, "2026-11-01T06:30:00Z")).toBe(true);
    expect(activeAt(repeated, "2026-11-01T06:45:00Z")).toBe(false);
  });

  test("a night across the change still belongs to the day it began, an hour shorter or longer", () => {
    const saturdayNight = hours("Europe/Berlin", ["sat"], "22:00", "06:00");
    const openHours = (start: string) => {
      const first = Date.parse(start);
      return Array.from({ length: 24 }, (_, hour) => isActive(saturdayNight, first + hour * 3_600_000)).filter(Boolean)
        .length;
    };
    expect(openHours("2026-03-21T12:00:00Z")).toBe(8);
    expect(openHours("2026-03-28T12:00:00Z")).toBe(7);
    expect(openHours("2026-10-24T12:00:00Z")).toBe(9);
  });
});

test("a window and the window from its end to its start are never open together, and one of them always is", () => {
  const clock = fc
    .tuple(fc.integer({ min: 0, max: 23 }), fc.integer({ min: 0, max: 59 }))
    .map(([hour, minute]) => `${String(hour).padStart(2, "0")}:${String(minute).padStart(2, "0")}`);
  const zone = fc.constantFrom("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC");
  const instant = fc.integer({ min: Date.parse("2020-01-01T00:00:00Z"), max: Date.parse("2030-01-01T00:00:00Z") });
  fc.assert(
    fc.property(clock, clock, zone, instant, (from, to, timezone, now) => {
      fc.pre(from !== to);
      const here = isActive({ timezone, days: EVERY_DAY, from, to }, now);
      const elsewhere = isActive({ timezone, days: EVERY_DAY, from: to, to: from }, now);
      expect(here).toBe(!elsewhere);
    }),
    { numRuns: 500 },
  );
});
