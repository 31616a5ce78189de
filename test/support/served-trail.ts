/** The audit trail as an auditor of a spawned server reads it. */
import type { AuditRow, TrailVerdict } from "../../src/audit/contract.ts";
import type { Session } from "./wire.ts";

interface Page {
  readonly entries: readonly AuditRow[];
  readonly pagination: { readonly next_cursor?: string };
}

/** Every row, oldest first. */
export async function wholeTrail(auditor: Session): Promise<AuditRow[]> {
  const rows: AuditRow[] = [];
  for (let cursor: string | undefined = ""; cursor !== undefined; ) {
    const from = cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`;
    const page: Page = await auditor.get<Page>(`/audit?sort_order=asc&limit=100${from}`);
    rows.push(...page.entries);
    cursor = page.pagination.next_cursor;
  }
  return rows;
}

/** The verdict on all chains: how many there are, how many rows they have, and which of them are bad. */
export async function verdictOnTrail(auditor: Session): Promise<Pick<TrailVerdict, "chains" | "checked" | "bad">> {
  const all = { chains: 0, checked: 0, bad: [] as TrailVerdict["bad"] };
  for (let cursor: string | undefined = ""; cursor !== undefined; ) {
    const from = cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`;
    const page: TrailVerdict = await auditor.get<TrailVerdict>(`/audit/verify?limit=20${from}`);
    all.chains += page.chains;
    all.checked += page.checked;
    all.bad.push(...page.bad);
    cursor = page.next_cursor;
  }
  return all;
}
