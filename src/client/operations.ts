/** The named methods of the client, group by group; every operation of the contract has one. */
import type { Named } from "./routes.ts";

export const OPERATIONS = {
  tasks: {
    /** Drafts a change. With `dry_run` everything is computed and nothing is stored. */
    create: ["POST /tasks", "body"],
    list: ["GET /tasks", "query"],
    get: ["GET /tasks/{id}"],
    /** Edits by merge patch (RFC 7396): the revision rises and a review begins anew. */
    edit: ["PATCH /tasks/{id}", "body"],
    delete: ["DELETE /tasks/{id}"],
    submit: ["POST /tasks/{id}/submit", "body"],
    cancel: ["POST /tasks/{id}/cancel", "body"],
    resubmit: ["POST /tasks/{id}/resubmit", "body"],
    comment: ["POST /tasks/{id}/comments", "body"],
    preview: ["GET /tasks/{id}/preview"],
    audit: ["GET /tasks/{id}/audit"],
    simulate: ["POST /tasks/simulate", "body"],
    claim: ["POST /tasks/claim", "body"],
    apply: ["POST /tasks/{id}/apply", "body"],
    heartbeat: ["POST /tasks/{id}/heartbeat", "body"],
    stash: ["POST /tasks/{id}/stash", "body"],
    complete: ["POST /tasks/{id}/complete", "body"],
    rollback: ["POST /tasks/{id}/rollback", "body"],
    /** Breaks the glass; applies to nothing until a second admin confirms it. */
    override: ["POST /tasks/{id}/override", "body"],
    confirmOverride: ["POST /tasks/{id}/override/confirm", "body"],
  },
  approvals: {
    /** The caller's inbox. */
    list: ["GET /approvals", "query"],
    get: ["GET /approvals/{id}"],
    respond: ["POST /approvals/{id}/respond", "body"],
    /** One decision on many, all or none. */
    batch: ["POST /approvals/batch", "body"],
    /** Reviews that wait for somebody who cannot come. */
    stuck: ["GET /approvals/stuck", "query"],
    /** A link with which its reviewer decides without signing in. */
    createLink: ["POST /approvals/{id}/links", "body"],
  },
  /** Who decides for whom while they are away. */
  delegations: {
    create: ["POST /approvals/policies", "body"],
    list: ["GET /approvals/policies", "query"],
    update: ["PATCH /approvals/policies/{id}", "body"],
    delete: ["DELETE /approvals/policies/{id}"],
  },
  policies: {
    create: ["POST /policies", "body"],
    list: ["GET /policies", "query"],
    get: ["GET /policies/{id}"],
    put: ["PUT /policies/{id}", "body"],
    delete: ["DELETE /policies/{id}"],
  },
  locks: {
    acquire: ["POST /locks/acquire", "body"],
    heartbeat: ["POST /locks/heartbeat", "body"],
    /** All of them or none, without waiting. */
    acquireAll: ["POST /locks/acquire-all", "body"],
    release: ["POST /locks/release", "body"],
    downgrade: ["POST /locks/downgrade", "body"],
    /** What storage asks before it takes a write. */
    verify: ["POST /locks/verify", "body"],
    list: ["GET /locks", "query"],
    get: ["GET /locks/{id}"],
    deadlocks: ["GET /locks/deadlocks", "query"],
    graph: ["GET /locks/graph"],
  },
  agents: {
    create: ["POST /agents", "body"],
    list: ["GET /agents", "query"],
    get: ["GET /agents/{id}"],
    update: ["PATCH /agents/{id}", "body"],
    delete: ["DELETE /agents/{id}", "query"],
    heartbeat: ["POST /agents/{id}/heartbeat", "body"],
    tokens: ["GET /agents/{id}/tokens"],
    createToken: ["POST /agents/{id}/tokens", "body"],
    revokeToken: ["DELETE /agents/{id}/tokens/{token_id}"],
  },
  users: {
    create: ["POST /users", "body"],
    list: ["GET /users", "query"],
    get: ["GET /users/{id}"],
    update: ["PATCH /users/{id}", "body"],
    tokens: ["GET /users/{id}/tokens"],
    createToken: ["POST /users/{id}/tokens", "body"],
    revokeToken: ["DELETE /users/{id}/tokens/{token_id}"],
    /** Who calls. */
    me: ["GET /me"],
  },
  resources: {
    list: ["GET /resources", "query"],
    get: ["GET /resources/{type}/{id}", "query"],
    put: ["PUT /resources/{type}/{id}", "body"],
    delete: ["DELETE /resources/{type}/{id}", "query"],
  },
  channels: {
    /** One page of a channel; `client.events` reads on and on. */
    events: ["GET /channels/{channel}/events", "query"],
    /** Server-sent events. */
    stream: ["GET /channels/{channel}/stream", "query"],
    /** Opens one WebSocket or stream, for those who can send no token. */
    ticket: ["POST /ws/tickets"],
  },
  audit: {
    list: ["GET /audit", "query"],
    tail: ["GET /audit/tail", "query"],
    verify: ["GET /audit/verify", "query"],
    /** The trail as a file: answers the `Response` to read on from. */
    export: ["GET /audit/export", "query"],
  },
  /** Old rows of the trail as signed files. */
  retention: {
    request: ["POST /admin/audit/retention", "body"],
    confirm: ["POST /admin/audit/retention/{id}/confirm", "body"],
    list: ["GET /admin/audit/retention"],
    file: ["GET /admin/audit/retention/{id}/file"],
  },
  system: {
    stats: ["GET /stats"],
    executorSecret: ["GET /webhooks/executor-secret"],
    /** Everything that D1 lost, out of the actors' own journals. */
    rebuild: ["POST /admin/rebuild"],
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, Named>>>>;
