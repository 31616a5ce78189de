import type { Entry } from "../actor/journal.ts";

/** Those of `fields` that the entry's details have. */
export function picked({ details = {} }: Entry, fields: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(fields.flatMap((field) => (details[field] === undefined ? [] : [[field, details[field]]])));
}

/** The entry's time without its logical digits, as all times of the API but the trail's are. */
export function timeOf({ at }: Entry): string {
  return `${at.slice(0, -"000Z".length)}Z`;
}

export function reasonOf({ why }: Entry): { readonly reason?: string } {
  return why?.reason === undefined ? {} : { reason: why.reason };
}
