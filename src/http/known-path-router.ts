import { METHOD_NAME_ALL, type Result, type Router } from "hono/router";
import { TrieRouter } from "hono/router/trie-router";

/**
 * Hono's router for any set of paths (its fastest one takes no ambiguous ones, as `/tasks/claim` beside `/tasks/:id`), which searches
 * once for each declared path without parameters and then knows it. Such a path is itself under every method: `GET /tasks/claim`
 * finds nothing but what is there for all methods, and never the task `claim`.
 */
export class KnownPathRouter<T> implements Router<T> {
  readonly name = "KnownPathRouter";
  readonly #trie = new TrieRouter<T>();
  /** By method and path: what was found; null until somebody asked. */
  readonly #known = new Map<string, Result<T> | null>();
  readonly #fixed = new Set<string>();

  add(method: string, path: string, handler: T): void {
    this.#trie.add(method, path, handler);
    for (const known of this.#known.keys()) this.#known.set(known, null);
    if (/[:*{?]/.test(path)) return;
    this.#known.set(keyOf(method, path), null);
    this.#fixed.add(path);
  }

  match(method: string, path: string): Result<T> {
    const key = keyOf(method, path);
    const known = this.#known.get(key);
    if (known === undefined) return this.#trie.match(this.#fixed.has(path) ? METHOD_NAME_ALL : method, path);
    const found = known ?? this.#trie.match(method, path);
    if (known === null) this.#known.set(key, found);
    return found;
  }
}

function keyOf(method: string, path: string): string {
  return `${method} ${path}`;
}
