/** Rows as columns that line up, cut to the width of the terminal. */
import type { Ink, Paint } from "./paint.ts";
import { plainLine } from "./plain-text.ts";
import { fitted, padded, widthOf } from "./text-width.ts";

export interface Column<Row> {
  readonly title: string;
  readonly text: (row: Row) => string;
  readonly ink?: (row: Row) => Ink | undefined;
  /** May be cut where the terminal is too narrow; ids may not. */
  readonly flexible?: boolean;
}

/** What a view needs to know of the terminal. */
export interface Look {
  readonly paint: Paint;
  /** Columns; infinite where nobody looks. */
  readonly width: number;
  /** ms; for what is told relative to now */
  readonly now: number;
}

const BETWEEN = "  ";
/** A flexible column is not made narrower than this. */
const NARROWEST = 8;

/** With a head line; no line is wider than the terminal as long as the fixed columns fit in it. */
export function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[], look: Look): string {
  const cells = rows.map((row) => columns.map(({ text }) => plainLine(text(row))));
  const natural = columns.map(({ title }, at) =>
    Math.max(widthOf(title), ...cells.map((line) => widthOf(line[at] ?? ""))),
  );
  const widths = shrunk(natural, columns.map(isFlexible), look.width - BETWEEN.length * (columns.length - 1));
  const line = (texts: readonly string[], ink: (at: number) => Ink | undefined) =>
    texts
      .map((text, at) => {
        const width = widths[at] ?? 0;
        const shown = fitted(text, width);
        const filled = at === texts.length - 1 ? shown : padded(shown, width);
        const wanted = ink(at);
        return wanted === undefined ? filled : look.paint(wanted, filled);
      })
      .join(BETWEEN)
      .trimEnd();
  const head = line(
    columns.map(({ title }) => title),
    () => "dim",
  );
  const body = cells.map((texts, at) => {
    const row = rows[at];
    return line(texts, (column) => (row === undefined ? undefined : columns[column]?.ink?.(row)));
  });
  return [head, ...body].join("\n");
}

function isFlexible<Row>({ flexible }: Column<Row>): boolean {
  return flexible === true;
}

/** Takes what is too much from the widest flexible columns first. */
function shrunk(natural: readonly number[], flexible: readonly boolean[], room: number): number[] {
  const widths = [...natural];
  let over = widths.reduce((sum, width) => sum + width, 0) - room;
  while (over > 0 && over < Number.POSITIVE_INFINITY) {
    const widest = widths.reduce(
      (best, width, at) => (flexible[at] === true && width > (widths[best] ?? NARROWEST) ? at : best),
      -1,
    );
    const width = widths[widest];
    if (width === undefined || width <= NARROWEST) break;
    widths[widest] = width - 1;
    over -= 1;
  }
  return widths;
}
