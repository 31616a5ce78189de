/** How far something is, where it is known how much there is of it. */

const CELLS = 20;

/** `█████░░░░░░░░░░░░░░░  25 %`. Never full before all is done. @param share 0 to 1; what is more or less counts as these */
export function progressBar(share: number): string {
  const percent = Math.floor(100 * Math.min(1, Math.max(0, share)));
  const full = Math.floor((CELLS * percent) / 100);
  return `${"█".repeat(full)}${"░".repeat(CELLS - full)} ${String(percent).padStart(3)} %`;
}
