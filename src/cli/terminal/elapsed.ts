/** Times as people say them. */

const UNITS = [
  ["d", 86_400],
  ["h", 3_600],
  ["m", 60],
  ["s", 1],
] as const;

/** `3m ago`, `in 2h`, `now`; `-` for none. @param at RFC 3339, @param now ms */
export function elapsed(at: string | null | undefined, now: number): string {
  if (at == null) return "-";
  const seconds = Math.round((now - Date.parse(at)) / 1000);
  const [unit, size] = UNITS.find(([, each]) => Math.abs(seconds) >= each) ?? ["s", 0];
  if (size === 0) return "now";
  const count = Math.floor(Math.abs(seconds) / size);
  return seconds > 0 ? `${count}${unit} ago` : `in ${count}${unit}`;
}
