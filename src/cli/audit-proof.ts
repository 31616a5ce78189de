/** Both proofs of the trail in one form: that of a file by itself, and that of the server against its actors. */

import type { OfflineOptions } from "../audit/offline-check.ts";
import { Unreadable } from "../audit/offline-check.ts";
import type { Countersign, Schema } from "../client/index.ts";
import { type Reading, told, verifyFile } from "./audit-verify.ts";
import { usage } from "./terminal/told-failure.ts";

export interface Proof {
  readonly valid: boolean;
  /** What `--json` prints. */
  readonly verdict: object;
  readonly told: string;
}

/** @throws CliFailure if there is no such file, or no export in it */
export async function verifyOffline(file: string, options: OfflineOptions, reading: Reading): Promise<Proof> {
  try {
    const verdict = await verifyFile(file, options, reading);
    return { valid: verdict.valid, verdict, told: told(verdict) };
  } catch (thrown) {
    if (thrown instanceof Unreadable || (thrown as NodeJS.ErrnoException).code !== undefined) {
      throw usage(`${file} cannot be verified: ${(thrown as Error).message}`);
    }
    throw thrown;
  }
}

/** One chain, or all of them page by page. */
export async function verifyServed(
  client: Countersign,
  subject: string | undefined,
  tell: (text: string) => void,
): Promise<Proof> {
  if (subject !== undefined) {
    const verdict = (await client.audit.verify({ subject })) as Schema<"ChainVerdict">;
    const bad = verdict.first_bad;
    const said =
      bad === undefined ? `valid: ${verdict.checked} rows` : `TAMPERED WITH: seq ${bad.seq} is ${bad.problem}`;
    return { valid: verdict.valid, verdict, told: said };
  }
  let chains = 0;
  let checked = 0;
  const bad: Schema<"TrailVerdict">["bad"][number][] = [];
  for (let cursor: string | undefined; ; ) {
    // Without a subject it answers a page of the trail.
    const page = (await client.audit.verify(cursor === undefined ? {} : { cursor })) as Schema<"TrailVerdict">;
    chains += page.chains;
    checked += page.checked;
    bad.push(...page.bad);
    tell(`verifying: ${chains} chains, ${checked} rows`);
    cursor = page.next_cursor;
    if (cursor === undefined) break;
  }
  const valid = bad.length === 0;
  const lines = bad.map(({ subject: chain, first_bad }) => `  ${chain} seq ${first_bad.seq} is ${first_bad.problem}`);
  const head = valid
    ? `valid: ${checked} rows in ${chains} chains`
    : `TAMPERED WITH: ${bad.length} of ${chains} chains`;
  return { valid, verdict: { valid, chains, checked, bad }, told: [head, ...lines].join("\n") };
}
