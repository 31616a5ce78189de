/** Lists that an actor answers, newest first (02, "Lists"): a cursor leads to what is older than the last row seen. */
import type { NumberedPage, NumberedRequest } from "../actor/numbered-page.ts";
import { DEFAULT_LIMIT, type Order, type Page, type PageRequest, readCursor, writeCursor } from "./pagination.ts";

const NEWEST_FIRST: Order = { column: "n", direction: "desc" };

/** One page of what `list` gives. A cursor that is none ends the request with a 400 that names `cursor`. */
export async function numberedPage<Row extends { readonly n: number }>(
  { page: wanted = 1, limit = DEFAULT_LIMIT, cursor }: PageRequest,
  list: (request: NumberedRequest) => Promise<NumberedPage<Row>>,
): Promise<Page<Row>> {
  const seen = cursor === undefined ? undefined : readCursor(cursor, NEWEST_FIRST);
  const page = seen?.page ?? wanted;
  const from = seen === undefined ? { offset: (page - 1) * limit } : { before: Number(seen.sort_value), offset: 0 };
  const { rows, total, more } = await list({ ...from, limit });
  const last = rows.at(-1);
  const next = more && last !== undefined ? { sort_value: last.n, sort_tie: null } : undefined;
  return {
    rows,
    pagination: {
      page,
      limit,
      total,
      has_more: more,
      ...(next !== undefined && { next_cursor: writeCursor(next, page + 1, NEWEST_FIRST) }),
    },
  };
}
