import { expect, test } from "vitest";
import { hashedAddress } from "../actor/ids.ts";
import { restoredBook } from "./lock-book.ts";
import type { Claim, Lease } from "./lock-types.ts";
import { lockInfo, lockView } from "./lock-view.ts";

const ADDRESS = hashedAddress("resource", "database:prod/hot");
const NAME = { resource_type: "resource", resource_id: "database:prod/hot" } as const;

function asked(member: number) {
  return { agent_id: "bot", session_id: `s-${member}`, member, ttl_ms: 30_000, priority: 50, requested_at: 0 };
}
const lease = (n: number): Lease => ({
  ...asked(n),
  mode: "shared",
  token: n,
  acquired_at: 0,
  expires_at: 30_000,
  purpose: "名".repeat(200),
});
const claim = (n: number): Claim => ({ ...asked(n), mode: "exclusive", deadline: 60_000 });
const counted = <T>(from: number, count: number, of: (n: number) => T) =>
  Array.from({ length: count }, (_, at) => of(from + at));

/** 12,000 holders, of whom the last is asked about, and 1,000 that wait. */
const last = lease(12_000);
const book = restoredBook({ capacity: null, token: 0, mean_hold_ms: null }, [
  ...counted(1, 11_999, lease),
  last,
  ...counted(20_001, 1_000, claim),
]);

test("a lock that is shared by thousands tells its 1,000 earliest holders, and the lease asked about", () => {
  const view = lockView(ADDRESS, NAME, book, last, 1);
  expect(view).toMatchObject({ acquired: true, fencing_token: 12_000, holder: { session_id: "s-1" } });
  expect(view.holders).toHaveLength(1_000);
});

test("a row of a list tells as many holders and waiters as its page has room for, those first who are first", () => {
  const row = lockInfo(ADDRESS, NAME, book, last, 1, 100);
  expect([row.holders.length, row.queue.length]).toEqual([100, 100]);
  expect([row.holders[0]?.session_id, row.queue[0]?.session_id]).toEqual(["s-1", "s-20001"]);
  const alone = lockInfo(ADDRESS, NAME, book, last, 1, 10_000);
  expect([alone.holders.length, alone.queue.length]).toEqual([10_000, 1_000]);
});
