/** A list that an actor keeps itself: its rows are numbered as they come, and read newest first. */

/** The rows before `before` (a number of the list; absent: from the newest), without the first `offset`. */
export interface NumberedRequest {
  readonly before?: number;
  readonly offset: number;
  readonly limit: number;
}

export interface NumberedPage<Row extends { readonly n: number }> {
  /** newest first; `n` rises with each row */
  readonly rows: readonly Row[];
  readonly total: number;
  readonly more: boolean;
}
