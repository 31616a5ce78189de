/**
 * Delta debugging (Zeller & Hildebrandt 2002): leaves out ever smaller parts of a list as long as what is left still fails.
 * `fails` may be run at most `budget` times; then the smallest list so far is the answer. For tests only.
 */
export async function shrunk<T>(
  items: readonly T[],
  fails: (items: readonly T[]) => Promise<boolean>,
  budget: number,
): Promise<readonly T[]> {
  let smallest = items;
  let left = budget;
  for (let parts = 2; smallest.length > 0 && left > 0; ) {
    const size = Math.ceil(smallest.length / parts);
    let smaller: readonly T[] | undefined;
    for (let at = 0; at < smallest.length && left > 0 && smaller === undefined; at += size) {
      const rest = smallest.toSpliced(at, size);
      left -= 1;
      if (await fails(rest)) smaller = rest;
    }
    if (smaller !== undefined) {
      smallest = smaller;
      parts = Math.max(2, parts - 1);
    } else if (size > 1) parts = Math.min(smallest.length, parts * 2);
    else break;
  }
  return smallest;
}
