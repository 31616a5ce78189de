/**
 * The file of a retention: chain by chain every row before a date, as an export writes them, where each chain's rows begin and
 * end, and a signed last line (docs/design/retention.md). Each chain is proved on the way: what was tampered with is not retired.
 */
import { createHash } from "node:crypto";
import type { Env } from "../env.ts";
import { condition } from "../http/pagination.ts";
import type { FirstBad } from "./contract.ts";
import { ndjsonLine } from "./export-format.ts";
import { ledgerOf, type Standing } from "./ledger-api.ts";
import { auditPages } from "./pages.ts";
import type { StoredAuditRow } from "./query.ts";
import type { ChainLine, Retention, RetiredHead } from "./retention-contract.ts";
import { type ChainCheck, type Link, startOf, UNCHECKED, verifyChain } from "./verify.ts";

/** Thrown in the middle of the file, which thereby breaks off. */
class TamperedChain extends Error {
  override readonly name = "TamperedChain";
}

interface Chain {
  readonly actor: string;
  readonly from: Link;
  readonly head: Link;
  check: ChainCheck;
}

/** The file's text, piece by piece. Whoever reads to the end can confirm it: its digest is known to the ledger from then on. */
export async function* retentionFile(
  env: Env,
  workspace: string,
  { id, before }: Retention,
): AsyncGenerator<string, void> {
  const ledger = ledgerOf(env, workspace);
  const digest = createHash("sha256");
  const counted = { rows: 0, chains: 0 };
  const give = (text: string) => {
    digest.update(text);
    return text;
  };
  const where = [condition("workspace = ?", workspace), condition("at < ?", before)];
  let chain: Chain | undefined;
  for await (const page of auditPages({ db: env.DB, where, order: ["actor", "seq"], index: "audit_chain" })) {
    const standings = new Map((await ledger.standings(actorsIn(page))).map((standing) => [standing.source, standing]));
    const ended: RetiredHead[] = [];
    let text = "";
    for (const row of page) {
      if (row.actor !== chain?.actor) {
        if (chain !== undefined) text += chainLine(chain, ended);
        chain = begun(row.actor, standings.get(row.actor));
        counted.chains += 1;
      }
      chain.check = verifyChain([row], chain.head, chain.check);
      const bad = chain.check.first_bad ?? (row.seq > chain.head.seq ? chain.check.beyond : undefined);
      if (bad !== undefined) return await broken(chain.actor, bad);
      counted.rows += 1;
      text += ndjsonLine(row);
    }
    if (!(await ledger.noteRetired(id, ended))) throw replaced();
    yield give(text);
  }
  if (chain !== undefined) {
    const ended: RetiredHead[] = [];
    const text = chainLine(chain, ended);
    if (!(await ledger.noteRetired(id, ended))) throw replaced();
    yield give(text);
  }
  const seal = await ledger.sealRetention(id, { ...counted, sha256: digest.copy().digest("hex") });
  if (seal === null) throw replaced();
  const last = give(`${JSON.stringify(seal)}\n`);
  await ledger.retentionSealed(id, { ...counted, sha256: digest.digest("hex") });
  yield last;

  async function broken(subject: string, first_bad: FirstBad): Promise<never> {
    await ledger.spoilRetention(id, { subject, first_bad });
    throw new TamperedChain(`${subject} does not verify at seq ${first_bad.seq}`);
  }
}

function replaced(): Error {
  return new Error("another retention has taken this one's place");
}

function actorsIn(page: readonly StoredAuditRow[]): string[] {
  return [...new Set(page.map(({ actor }) => actor))];
}

function begun(actor: string, standing: Standing | undefined): Chain {
  const from = startOf(standing?.beginning ?? null);
  return { actor, from: from.last, head: standing?.head ?? UNCHECKED.last, check: from };
}

function chainLine({ actor, from, check }: Chain, ended: RetiredHead[]): string {
  const line: ChainLine = { chain: { actor, from, to: check.last, rows: check.checked } };
  ended.push({ source: actor, ...check.last });
  return `${JSON.stringify(line)}\n`;
}
