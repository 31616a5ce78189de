/** Lines over a logarithmic x as SVG: enough to see whether something grows. Pure. */

export interface Series {
  readonly name: string;
  /** x > 0 */
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

const [WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT] = [720, 400, 60, 50, 40, 130];
const COLOURS = ["#2563eb", "#dc2626", "#059669", "#d97706", "#7c3aed", "#0891b2", "#db2777", "#4b5563"];

export function plot(title: string, xLabel: string, yLabel: string, series: readonly Series[]): string {
  const all = series.flatMap(({ points }) => points);
  const [low, high] = [Math.log10(Math.min(...all.map(({ x }) => x))), Math.log10(Math.max(...all.map(({ x }) => x)))];
  const top = Math.max(...all.map(({ y }) => y)) * 1.1;
  const px = (x: number) => LEFT + ((Math.log10(x) - low) / Math.max(high - low, 1e-9)) * (WIDTH - LEFT - RIGHT);
  const py = (y: number) => HEIGHT - BOTTOM - (y / top) * (HEIGHT - BOTTOM - TOP);
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((share) => share * top);
  const xs = [...new Set(all.map(({ x }) => x))];
  const lines = series.map(({ name, points }, n) => {
    const colour = COLOURS[n % COLOURS.length];
    const path = points.map(({ x, y }) => `${px(x).toFixed(1)},${py(y).toFixed(1)}`).join(" ");
    const last = points.at(-1);
    const label = last === undefined ? "" : text(px(last.x) + 8, TOP + 14 + n * 18, name, `fill="${colour}"`);
    return `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"/>${label}`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12"><title>${title}</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="white"/>`,
    text(LEFT, 22, title, 'font-size="15" font-weight="bold"'),
    ...ticks.map(
      (y) =>
        `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${py(y)}" y2="${py(y)}" stroke="#e5e7eb"/>${text(LEFT - 8, py(y) + 4, y.toFixed(y < 10 ? 1 : 0), 'text-anchor="end"')}`,
    ),
    ...xs.map((x) => text(px(x), HEIGHT - BOTTOM + 18, x.toLocaleString("en"), 'text-anchor="middle"')),
    text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, xLabel, 'text-anchor="middle"'),
    text(14, TOP - 6, yLabel, ""),
    ...lines,
    "</svg>\n",
  ].join("\n");
}

function text(x: number, y: number, content: string, attributes: string): string {
  const escaped = content.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${attributes}>${escaped}</text>`;
}
