/** The table of 06-performance as Markdown. Pure. */
import type { Row } from "./measures/measure.ts";

export function table(rows: readonly Row[]): string {
  const lines = rows.map(({ measure, target, result, met }) => {
    const verdict = met === undefined ? "" : met ? "yes" : "**no**";
    return `| ${measure} | ${target} | ${result} | ${verdict} |`;
  });
  return ["| measure | target | result | met |", "|---|---|---|---|", ...lines].join("\n");
}
