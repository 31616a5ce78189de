import { canonicalJson } from "../actor/journal.ts";

/** Those fields of `set` that differ from what `record` has, with their new values; undefined asks for nothing. */
export function changed<T extends object, K extends keyof T>(
  record: T,
  set: { readonly [Field in K]?: T[Field] | undefined },
): { [Field in K]?: T[Field] } {
  const fields: { [Field in K]?: T[Field] } = {};
  for (const field of Object.keys(set) as K[]) {
    const value = set[field];
    if (value !== undefined && canonicalJson(value) !== canonicalJson(record[field])) fields[field] = value;
  }
  return fields;
}
