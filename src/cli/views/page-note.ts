import type { Schema } from "../../client/index.ts";
import type { Look } from "../terminal/table.ts";

/** A list with what it is a part of; `nothing` in its place if it is empty. */
export function listed(
  body: string,
  { page, limit, total, has_more }: Schema<"Pagination">,
  look: Look,
  nothing: string,
): string {
  if (total === 0) return look.paint("dim", nothing);
  if (!has_more) return body;
  const last = Math.ceil(total / limit);
  return `${body}\n${look.paint("dim", `page ${page} of ${last}, ${total} in all: --page ${page + 1}`)}`;
}
