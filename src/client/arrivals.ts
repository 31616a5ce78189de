/** What comes by itself, taken one after the other: a bounded queue between a socket and a reader. */
export class Arrivals<Item> implements AsyncIterable<Item> {
  readonly #waiting: Item[] = [];
  readonly #limit: number;
  #ended: { readonly error?: unknown } | undefined;
  #wake: (() => void) | undefined;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** False: the reader is that far behind that it has to be read anew; what came before is still handed on. */
  push(item: Item): boolean {
    if (this.#ended !== undefined || this.#waiting.length >= this.#limit) return false;
    this.#waiting.push(item);
    this.#wake?.();
    return true;
  }

  /** Nothing more comes; with an error, the reader gets it once it has read the rest. */
  end(error?: unknown): void {
    this.#ended ??= { error };
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Item> {
    for (;;) {
      const next = this.#waiting.shift();
      if (next !== undefined) yield next;
      else if (this.#ended?.error !== undefined) throw this.#ended.error;
      else if (this.#ended !== undefined) return;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
