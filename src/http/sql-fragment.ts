/** Pieces of SQL with what is bound in them: text of our own, values of anybody. Pure. */

export type Bind = string | number;

/** A condition and what its anonymous `?` placeholders stand for, in order. */
export interface SqlFragment {
  readonly text: string;
  readonly binds: readonly Bind[];
}

/** @example condition("author_id = ?", author) */
export function condition(text: string, ...binds: readonly Bind[]): SqlFragment {
  return { text, binds };
}

/**
 * `column` is one of `values`; one placeholder, however many there are (D1 takes 100 a statement). A single value is an equation:
 * an index that goes on with a list's order then gives that order, where it would be lost over a set.
 */
export function oneOf(column: string, values: readonly Bind[]): SqlFragment {
  const [only, ...others] = values;
  if (only !== undefined && others.length === 0) return condition(`${column} = ?`, only);
  return condition(`${column} IN (SELECT value FROM json_each(?))`, JSON.stringify(values));
}
