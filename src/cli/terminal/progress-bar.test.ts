import fc from "fast-check";
import { expect, it } from "vitest";
import { progressBar } from "./progress-bar.ts";

it("shows how far it is, in cells and in percent", () => {
  expect(progressBar(0)).toBe("░░░░░░░░░░░░░░░░░░░░   0 %");
  expect(progressBar(0.255)).toBe("█████░░░░░░░░░░░░░░░  25 %");
  expect(progressBar(1)).toBe("████████████████████ 100 %");
});

it("is as wide at any share, never shrinks as work goes on, and is full only when all is done", () => {
  const cells = (bar: string) => bar.split("█").length - 1;
  fc.assert(
    fc.property(
      fc.double({ min: -1, max: 2, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (share, more) => {
        const [now, later] = [progressBar(share), progressBar(share + more)];
        expect(now).toHaveLength(26);
        expect(cells(later)).toBeGreaterThanOrEqual(cells(now));
        expect(now.endsWith("100 %")).toBe(share >= 1);
      },
    ),
  );
});
