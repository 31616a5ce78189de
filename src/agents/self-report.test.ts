import { expect, it } from "vitest";
import { isSameReport, selfReport } from "./self-report.ts";

const here = { service: "api", colo: "FRA", country: "DE" };

it("a version stands until another is said; draining is said with every heartbeat", () => {
  const first = selfReport(undefined, { status: "draining", metrics: { version: "1.2.3" } }, here);
  expect(first).toEqual({ draining: true, version: "1.2.3", location: { colo: "FRA", country: "DE" } });
  expect(selfReport(first, {}, here)).toEqual({ ...first, draining: false });
});

it.each([[{ load: 3 }], [{ version: 7 }], [undefined]])("metrics %j name no version", (metrics) => {
  expect(selfReport(undefined, { metrics }, here)).not.toHaveProperty("version");
});

it("a version is cut to what a list can show, never within a character", () => {
  const version = `${"x".repeat(99)}😀`;
  expect(selfReport(undefined, { metrics: { version } }, here).version).toBe(`${"x".repeat(99)}\ufffd`);
});

it("what is said again need not be written down; what differs in anything must", () => {
  const report = selfReport(undefined, { status: "idle", metrics: { version: "1" } }, here);
  expect(isSameReport(report, selfReport(report, { status: "busy", metrics: { load: 0.9 } }, here))).toBe(true);
  expect(isSameReport(undefined, report)).toBe(false);
  for (const other of [
    selfReport(report, { status: "draining" }, here),
    selfReport(report, { metrics: { version: "2" } }, here),
    selfReport(report, {}, { ...here, colo: "CDG" }),
    selfReport(report, {}, { ...here, country: "FR" }),
  ]) {
    expect(isSameReport(report, other)).toBe(false);
  }
});
