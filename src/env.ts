/** What wrangler.toml binds. Actors are reached by their keys and ids (actor/remote.ts), never through these namespaces directly. */
export interface Env {
  readonly DB: D1Database;
  readonly TASK: DurableObjectNamespace;
  readonly RESOURCE: DurableObjectNamespace;
  readonly AGENT: DurableObjectNamespace;
  readonly INBOX: DurableObjectNamespace;
  readonly COORDINATOR: DurableObjectNamespace;
  readonly DISPATCH: DurableObjectNamespace;
  readonly LEDGER: DurableObjectNamespace;
  readonly HUB: DurableObjectNamespace;
  readonly WEBHOOK: DurableObjectNamespace;
  readonly READS: RateLimit;
  readonly WRITES: RateLimit;
  readonly ADDRESSES: RateLimit;
  readonly RATE_LIMIT_READS: string;
  readonly RATE_LIMIT_WRITES: string;
  readonly LOCK_QUEUE_MAX: string;
  readonly DEADLOCK_STRATEGY: string;
  readonly APPROVAL_BACKLOG: string;
  readonly HUB_SHARDS: string;
  readonly WEBHOOK_ALLOW_PRIVATE: string;
  /** Origins whose pages may call the API, with commas between; `*`: all, empty: none. */
  readonly CORS_ORIGINS: string;
  /** The identity provider whose tokens are taken, and for whom they must be; one of both empty: none are. */
  readonly OIDC_ISSUER: string;
  readonly OIDC_AUDIENCE: string;
  /** At least 32 characters; the worker answers 503 without it. */
  readonly ROOT_TOKEN?: string;
}
