import type { Params, Result, Router } from "hono/router";
import { TrieRouter } from "hono/router/trie-router";

/**
 * Hono's router for any set of paths (its fastest one takes no ambiguous ones, as `/tasks/claim` beside `/tasks/:id`), which searches
 * once for each declared path without parameters and then knows it. Such a path is that path under every method, as OpenAPI matches
 * concrete paths before templated ones: `GET /tasks/claim` asks for no task of that name.
 */
export class KnownPathRouter<T> implements Router<T> {
  readonly name = "KnownPathRouter";
  readonly #trie = new TrieRouter<T>();
  /** By method and path: what was found; null until somebody asked. */
  readonly #known = new Map<string, Result<T> | null>();
  readonly #concrete = new Set<string>();

  add(method: string, path: string, handler: T): void {
    this.#trie.add(method, path, handler);
    for (const known of this.#known.keys()) this.#known.set(known, null);
    if (/[:*{?]/.test(path)) return;
    this.#known.set(keyOf(method, path), null);
    this.#concrete.add(path);
  }

  match(method: string, path: string): Result<T> {
    const key = keyOf(method, path);
    const known = this.#known.get(key);
    if (known === undefined && !this.#concrete.has(path)) return this.#trie.match(method, path);
    const found = known ?? withoutPatterns(this.#trie.match(method, path));
    if (known === null) this.#known.set(key, found);
    return found;
  }
}

function withoutPatterns<T>([handlers]: Result<T>): Result<T> {
  const own: [T, Params][] = [];
  for (const [handler, params] of handlers) if (Object.keys(params).length === 0) own.push([handler, {}]);
  return [own];
}

function keyOf(method: string, path: string): string {
  return `${method} ${path}`;
}
