/** Generated from the OpenAPI document by `npm run client:types`. */
// biome-ignore-all lint: generated
// biome-ignore-all format: generated

export interface paths {
  "/me": {
    /** Who calls */
    get: operations["getMe"];
  };
  "/users": {
    /** People, by id */
    get: operations["getUsers"];
    /** Add a person, with a first token that is shown once */
    post: operations["postUsers"];
  };
  "/users/{id}": {
    /** One person */
    get: operations["getUsersId"];
    /**
     * Change a person
     * @description `active: false` says that they left: their tokens die.
     */
    patch: operations["patchUsersId"];
  };
  "/users/{id}/tokens": {
    /** Tokens of a user */
    get: operations["getUsersIdTokens"];
    /** Make a token; it is shown once */
    post: operations["postUsersIdTokens"];
  };
  "/users/{id}/tokens/{token_id}": {
    /** Revoke a token */
    delete: operations["deleteUsersIdTokensTokenId"];
  };
  "/agents": {
    /**
     * Agents, by id, with their presence
     * @description `name`: part of it, whatever the case. `capability`: a task type that the agent takes. `scope`: one that its tokens may have. `status` and `total` are as the lists know them, normally well under a second behind; an agent whose presence is found to have changed since is left out of the page.
     */
    get: operations["getAgents"];
    /** Add an agent, with a first token that is shown once */
    post: operations["postAgents"];
  };
  "/agents/{id}": {
    /**
     * One agent and its presence
     * @description What looks like a secret in `config` is masked for everybody but admins and the agent itself.
     */
    get: operations["getAgentsId"];
    /**
     * Remove an agent
     * @description Refused while it applies a task, unless `force=true`, which releases its leases.
     */
    delete: operations["deleteAgentsId"];
    /**
     * Change an agent
     * @description Raising `max_tasks` grants waiters at once. With `active: false` its tokens die.
     */
    patch: operations["patchAgentsId"];
  };
  "/agents/{id}/heartbeat": {
    /** Still here: keeps presence and leases alive in one call */
    post: operations["postAgentsIdHeartbeat"];
  };
  "/agents/{id}/tokens": {
    /** Tokens of an agent */
    get: operations["getAgentsIdTokens"];
    /** Make a token; it is shown once */
    post: operations["postAgentsIdTokens"];
  };
  "/agents/{id}/tokens/{token_id}": {
    /** Revoke a token */
    delete: operations["deleteAgentsIdTokensTokenId"];
  };
  "/tasks": {
    /** Tasks, newest first; without preview, comments, output and requests of earlier revisions */
    get: operations["getTasks"];
    /**
     * Draft a change
     * @description With `dry_run` everything is computed and nothing is stored: 200 instead of 201.
     */
    post: operations["postTasks"];
  };
  "/tasks/simulate": {
    /** What would happen to a change, under the stored policies or others; nothing is stored */
    post: operations["postTasksSimulate"];
  };
  "/tasks/{id}": {
    /** One task as it is now */
    get: operations["getTasksId"];
    /** Delete a draft */
    delete: operations["deleteTasksId"];
    /**
     * Edit a draft, or a change under review: then everything is decided anew
     * @description `config` and `metadata` are merge patches (RFC 7396).
     */
    patch: operations["patchTasksId"];
  };
  "/tasks/{id}/submit": {
    /** Ask for approval */
    post: operations["postTasksIdSubmit"];
  };
  "/tasks/{id}/cancel": {
    /** Call a change off, unless it is being applied or over */
    post: operations["postTasksIdCancel"];
  };
  "/tasks/{id}/resubmit": {
    /** File a rejected change again, as a new draft */
    post: operations["postTasksIdResubmit"];
  };
  "/tasks/{id}/comments": {
    /** Say something about a change */
    post: operations["postTasksIdComments"];
  };
  "/tasks/claim": {
    /** Take the next approved task that this agent is capable of; 204 if there is none */
    post: operations["postTasksClaim"];
  };
  "/tasks/{id}/apply": {
    /** Begin to apply an approved change, or queue for its locks */
    post: operations["postTasksIdApply"];
  };
  "/tasks/{id}/heartbeat": {
    /** Keep every lease of the task alive, and say how far the work is */
    post: operations["postTasksIdHeartbeat"];
  };
  "/tasks/{id}/complete": {
    /** Say how the work ended */
    post: operations["postTasksIdComplete"];
  };
  "/tasks/{id}/stash": {
    /** Keep what a resource was like before, for a rollback */
    post: operations["postTasksIdStash"];
  };
  "/tasks/{id}/rollback": {
    /** Say how the rollback went that a failure asked for */
    post: operations["postTasksIdRollback"];
  };
  "/tasks/{id}/preview": {
    /** What the change would do */
    get: operations["getTasksIdPreview"];
  };
  "/tasks/{id}/audit": {
    /** The task's whole chain, oldest first */
    get: operations["getTasksIdAudit"];
  };
  "/resources": {
    /**
     * List the catalogued resources
     * @description Ordered by key. Attributes, revision and lock are left out: each is kept by an object of its own.
     */
    get: operations["getResources"];
  };
  "/resources/{type}/{id}": {
    /**
     * Read a resource
     * @description Also one that nobody catalogued: what was last applied to it, and its lock. A slash in the id is written %2F.
     */
    get: operations["getResourcesTypeId"];
    /**
     * Catalogue a resource
     * @description Replaces what was said about it before; what is left out is unset.
     */
    put: operations["putResourcesTypeId"];
    /**
     * Take a resource out of the catalogue
     * @description Its attributes, revision and lock stay.
     */
    delete: operations["deleteResourcesTypeId"];
  };
  "/approvals/stuck": {
    /** Tasks under review with a requirement that the open requests can no longer meet, longest stuck first */
    get: operations["getApprovalsStuck"];
  };
  "/approvals/policies": {
    /**
     * To whom the caller delegates
     * @description Oldest first, the order in which they are tried. An admin may name another owner.
     */
    get: operations["getApprovalsPolicies"];
    /**
     * Delegate one's requests to somebody
     * @description It holds for changes whose reviewers are picked from now on.
     */
    post: operations["postApprovalsPolicies"];
  };
  "/approvals/policies/{id}": {
    /** Delete a delegation policy */
    delete: operations["deleteApprovalsPoliciesId"];
    /**
     * Change a delegation policy
     * @description Conditions are replaced as a whole. Requests that are open already stay where they are.
     */
    patch: operations["patchApprovalsPoliciesId"];
  };
  "/approvals": {
    /** The caller's inbox: URGENT, HIGH, NORMAL, LOW, then oldest first */
    get: operations["getApprovals"];
  };
  "/approvals/{id}": {
    /** One request with its change, and whether the caller may decide on it */
    get: operations["getApprovalsId"];
  };
  "/approvals/{id}/respond": {
    /** Approve, reject, ask for changes, or delegate */
    post: operations["postApprovalsIdRespond"];
  };
  "/tasks/{id}/override": {
    /**
     * Ask, as an admin and with an incident ticket, to approve a change without its reviewers
     * @description Another admin has to confirm. An edit voids it, a quorum makes it moot.
     */
    post: operations["postTasksIdOverride"];
  };
  "/tasks/{id}/override/confirm": {
    /** Confirm, as the second admin, an override */
    post: operations["postTasksIdOverrideConfirm"];
  };
  "/approvals/batch": {
    /**
     * Decide on many requests at once, all of them or none
     * @description Each item is judged as a single answer would be, and by whether its change is still what was shown (`DRIFTED`). One that cannot be decided fails the whole batch, with `details.results` saying which and why. With `continue_on_error` each is decided on its own. `skip_validation` (admins) leaves out the look at the change.
     */
    post: operations["postApprovalsBatch"];
  };
  "/approvals/{id}/links": {
    /**
     * A link with which the caller decides on this request once, without a token
     * @description For oneself only: the link decides as whoever asked for it, under the rules and with the roles of the moment when it is used.
     */
    post: operations["postApprovalsIdLinks"];
  };
  "/policies": {
    /**
     * List the reviewer policies
     * @description Ordered by id, disabled ones too.
     */
    get: operations["getPolicies"];
    /**
     * Create a reviewer policy
     * @description Without an id it is given one. It holds for tasks that are submitted from now on.
     */
    post: operations["postPolicies"];
  };
  "/policies/{id}": {
    /** Read a reviewer policy */
    get: operations["getPoliciesId"];
    /**
     * Replace a reviewer policy
     * @description What is left out takes its default. Tasks that were submitted before keep what they were asked.
     */
    put: operations["putPoliciesId"];
    /** Delete a reviewer policy */
    delete: operations["deletePoliciesId"];
  };
  "/locks/deadlocks": {
    /** The deadlocks that were resolved, newest first (the last 1,000) */
    get: operations["getLocksDeadlocks"];
  };
  "/locks/graph": {
    /** Who waits for whom now: sessions, and an edge from each that waits to each that holds */
    get: operations["getLocksGraph"];
  };
  "/locks/acquire": {
    /**
     * Take a lock, queue for it, or try
     * @description 201: granted as asked. 202: queued; so is the upgrade of a shared lease, which is `held` and shared until its `upgrade_pending` is gone.
     */
    post: operations["postLocksAcquire"];
  };
  "/locks/acquire-all": {
    /** Take several locks or none of them, without waiting */
    post: operations["postLocksAcquireAll"];
  };
  "/locks/heartbeat": {
    /** Keep one lease alive, or up to 100 */
    post: operations["postLocksHeartbeat"];
  };
  "/locks/release": {
    /**
     * Free a lease or withdraw a claim; an admin frees somebody else's by force
     * @description With `force` a token narrowed by scopes needs `admin`, without it `locks:write`.
     */
    post: operations["postLocksRelease"];
  };
  "/locks/downgrade": {
    /** Make an exclusive lease shared; the readers at the head of the queue are let in */
    post: operations["postLocksDowngrade"];
  };
  "/locks/verify": {
    /** Whether a lease held now has this fencing token: what a storage system asks before it accepts a write */
    post: operations["postLocksVerify"];
  };
  "/locks": {
    /** Held leases with their queues, the newest first: all for an admin, an agent's own */
    get: operations["getLocks"];
  };
  "/locks/{id}": {
    /** One lease or claim, as it is now */
    get: operations["getLocksId"];
  };
  "/audit": {
    /** Search the audit trail */
    get: operations["getAudit"];
  };
  "/audit/tail": {
    /**
     * The newest rows of the trail
     * @description Newest first. What the channel `system` tells as it happens.
     */
    get: operations["getAuditTail"];
  };
  "/audit/export": {
    /**
     * Download the trail, or what of it fits the filters
     * @description Oldest first, one row a line, as it stood when the request came. The header Audit-Rows says how many rows there are: an answer that ends with fewer, or without the end that HTTP demands, was broken off.
     */
    get: operations["getAuditExport"];
  };
  "/audit/verify": {
    /**
     * Prove that no row was altered or lost
     * @description With a subject: recomputes its chain from the database and compares the end with what its actor knows. Without: a page of all chains against the heads that the ledger keeps; follow next_cursor until it is absent.
     */
    get: operations["getAuditVerify"];
  };
  "/admin/rebuild": {
    /**
     * Bring everything back into D1 after a loss
     * @description Configuration, audit trail and read models, from what the actors still hold. The tables have to be there. Goes on by itself; `rebuild.started`, `rebuild.progress` and `rebuild.completed` in the trail tell how far it is.
     */
    post: operations["postAdminRebuild"];
  };
  "/admin/audit/retention": {
    /** The last retention, and the key that signs */
    get: operations["getAdminAuditRetention"];
    /**
     * Prepare to retire old rows of the trail
     * @description Changes nothing yet. Fetch the file, keep it, then confirm it by its digest.
     */
    post: operations["postAdminAuditRetention"];
  };
  "/admin/audit/retention/{id}/file": {
    /**
     * The rows to retire, with a signed last line
     * @description NDJSON. A file without its last line is not whole. May be fetched again until it is confirmed.
     */
    get: operations["getAdminAuditRetentionIdFile"];
  };
  "/admin/audit/retention/{id}/confirm": {
    /** Confirm that the file was received; its rows are deleted from then on */
    post: operations["postAdminAuditRetentionIdConfirm"];
  };
  "/ws/tickets": {
    /**
     * Make a ticket that opens one WebSocket or stream within a minute
     * @description For browsers, which can send no Authorization header with these. It may do what the token may do.
     */
    post: operations["postWsTickets"];
  };
  "/ws": {
    /**
     * Upgrade to a WebSocket
     * @description Say `{ "action": "subscribe", "channels": [...], "since"?: { channel: seq } }` and `{ "action": "unsubscribe", "channels": [...] }`; `ping` is answered `pong`. `subscribed` tells the head of each channel, then come the events after `since` and what happens from then on: nothing missing, nothing twice. `reset`: that past is not kept, or is more than 10,000 events: re-read and go on. At most 100 channels a socket and 32 KiB a message. Closes with 4401 when the token dies.
     */
    get: operations["getWs"];
  };
  "/channels/{channel}/events": {
    /** Events of a channel after a seq, waited for if there are none yet */
    get: operations["getChannelsChannelEvents"];
  };
  "/channels/{channel}/stream": {
    /**
     * Events of a channel as server-sent events
     * @description `id` is the seq, `data` the event. Begins after `Last-Event-ID`, or now. A comment comes every 15 s. `event: reset`: what was asked for is not kept any more, re-read and go on. Ends when the token dies; a ticket does not open it again.
     */
    get: operations["getChannelsChannelStream"];
  };
  "/stats": {
    /** The workspace at a glance */
    get: operations["getStats"];
  };
  "/webhooks/executor-secret": {
    /** The secret with which calls to this workspace's executors are signed (Standard Webhooks) */
    get: operations["getWebhooksExecutorSecret"];
  };
  "/webhooks": {
    /**
     * List the webhooks
     * @description Ordered by id, disabled ones too.
     */
    get: operations["getWebhooks"];
    /**
     * Have events sent to an address
     * @description Signed by Standard Webhooks with a secret that is shown once. It is told of what happens from now on, each event at least once, under a `webhook-id` that stays the same over all attempts. Without an id it is given one.
     */
    post: operations["postWebhooks"];
  };
  "/webhooks/{id}": {
    /** Read a webhook */
    get: operations["getWebhooksId"];
    /** Delete a webhook, its log and what waits to be sent */
    delete: operations["deleteWebhooksId"];
    /**
     * Change a webhook
     * @description `null` takes away what may be left out. While it is disabled nothing is sent, and what happens meanwhile is not told later; what waited goes on when it is enabled.
     */
    patch: operations["patchWebhooksId"];
  };
  "/webhooks/{id}/rotate-secret": {
    /** Draw another secret; the old one signs too for 24 h */
    post: operations["postWebhooksIdRotateSecret"];
  };
  "/webhooks/{id}/test": {
    /**
     * Send a `webhook.test` now, and see how the first attempt goes
     * @description What fails is tried again like any other.
     */
    post: operations["postWebhooksIdTest"];
  };
  "/webhooks/{id}/deliveries": {
    /** What waits, what was delivered (the last 1,000) and what was parked (the last 1,000), newest first */
    get: operations["getWebhooksIdDeliveries"];
  };
  "/webhooks/{id}/deliveries/{delivery_id}/redeliver": {
    /** Send one again from the beginning, under the same `webhook-id` */
    post: operations["postWebhooksIdDeliveriesDeliveryIdRedeliver"];
  };
}

export type webhooks = Record<string, never>;

export interface components {
  schemas: {
    readonly Me: {
      readonly id: string;
      /** @enum {string} */
      readonly kind: "user" | "agent";
      readonly roles: readonly string[];
      /** @description null: all that the roles allow */
      readonly scopes: (readonly string[]) | null;
      readonly workspace: string;
    };
    /**
     * @example {
     *   "error": {
     *     "code": "VALIDATION_ERROR",
     *     "message": "name: is required",
     *     "details": {
     *       "field": "name",
     *       "issue": "is required",
     *       "issues": [
     *         {
     *           "field": "name",
     *           "issue": "is required"
     *         }
     *       ]
     *     },
     *     "request_id": "7d444840-9dc0-4df1-8d1b-3e9b3b6c2f5a",
     *     "timestamp": "2026-11-20T22:46:52.123Z"
     *   }
     * }
     */
    readonly Error: {
      readonly error: {
        /** @enum {string} */
        readonly code: "VALIDATION_ERROR" | "MALFORMED_JSON" | "UNAUTHENTICATED" | "FORBIDDEN" | "SELF_APPROVAL" | "NOT_LOCK_HOLDER" | "SECOND_APPROVER_REQUIRED" | "AUTHOR_MISMATCH" | "NOT_FOUND" | "TASK_NOT_FOUND" | "APPROVAL_NOT_FOUND" | "LOCK_NOT_FOUND" | "LOCK_EXPIRED" | "USER_NOT_FOUND" | "AGENT_NOT_FOUND" | "POLICY_NOT_FOUND" | "TOKEN_NOT_FOUND" | "WEBHOOK_NOT_FOUND" | "METHOD_NOT_ALLOWED" | "INVALID_STATE" | "APPROVAL_ALREADY_RESOLVED" | "REVISION_CONFLICT" | "NOT_ENOUGH_REVIEWERS" | "QUORUM_IMPOSSIBLE" | "BATCH_FAILED" | "BATCH_IN_PROGRESS" | "DRIFTED" | "TASK_LEASE_LOST" | "ALREADY_EXISTS" | "PRECONDITION_FAILED" | "PAYLOAD_TOO_LARGE" | "UNSUPPORTED_MEDIA_TYPE" | "PREVIEW_INVALID" | "REVIEWER_NOT_ELIGIBLE" | "IDEMPOTENCY_KEY_REUSED" | "RESOURCE_LOCKED" | "DEADLOCK_DETECTED" | "RATE_LIMITED" | "INTERNAL_ERROR" | "QUEUE_FULL" | "UNAVAILABLE";
        readonly message: string;
        readonly details?: {
          [key: string]: unknown;
        };
        /** Format: uuid */
        readonly request_id: string;
        /** Format: date-time */
        readonly timestamp: string;
      };
    };
    readonly UserCreated: {
      readonly user: components["schemas"]["User"];
      /** Format: uuid */
      readonly token_id: string;
      /** @description the bearer token: shown now and never again */
      readonly token?: string;
      /**
       * @description in place of the token, in a replayed answer
       * @enum {boolean}
       */
      readonly secret_shown?: true;
    };
    readonly User: {
      readonly id: string;
      readonly name: string;
      readonly email: string | null;
      readonly roles: readonly string[];
      readonly manager_id: string | null;
      readonly active: boolean;
      /**
       * Format: date-time
       * @example 2026-11-20T22:46:52.123Z
       */
      readonly created_at: string;
      /**
       * Format: date-time
       * @example 2026-11-20T22:46:52.123Z
       */
      readonly updated_at: string;
    };
    /**
     * @example {
     *   "id": "ada",
     *   "name": "Ada Lovelace",
     *   "roles": [
     *     "author",
     *     "reviewer",
     *     "dba"
     *   ]
     * }
     */
    readonly CreateUser: {
      readonly id: string;
      readonly name: string;
      /** Format: email */
      readonly email?: string;
      readonly roles: readonly string[];
      readonly manager_id?: string;
      readonly oidc_subject?: string;
    };
    readonly UserList: {
      readonly users: readonly components["schemas"]["User"][];
      readonly pagination: components["schemas"]["Pagination"];
    };
    readonly Pagination: {
      readonly page: number;
      readonly limit: number;
      readonly total: number;
      readonly has_more: boolean;
      readonly next_cursor?: string;
    };
    /**
     * @example {
     *   "roles": [
     *     "reviewer"
     *   ],
     *   "active": true
     * }
     */
    readonly UpdateUser: {
      readonly name?: string;
      /** Format: email */
      readonly email?: string | null;
      readonly roles?: readonly string[];
      readonly manager_id?: string | null;
      readonly active?: boolean;
    };
    readonly TokenList: {
      readonly tokens: readonly components["schemas"]["Token"][];
    };
    readonly Token: {
      /** Format: uuid */
      readonly token_id: string;
      readonly scopes?: readonly string[];
      /**
       * Format: date-time
       * @example 2026-11-20T22:46:52.123Z
       */
      readonly created_at: string;
      /**
       * Format: date-time
       * @example 2026-11-20T22:46:52.123Z
       */
      readonly expires_at?: string;
      /**
       * Format: date-time
       * @example 2026-11-20T22:46:52.123Z
       */
      readonly last_used_at?: string;
    };
    readonly TokenCreated: {
      /** Format: uuid */
      readonly token_id: string;
      readonly scopes?: readonly string[];
      /**
       * Format: date-time
       * @example 2026-11-20T22:46:52.123Z
       */
      readonly created_at: string;
      /**
       * Format: date-time
       * @example 2026-11-20T22:46:52.123Z
       */
      readonly expires_at?: string;
      /** @description the bearer token: shown now and never again */
      readonly token?: string;
      /**
       * @description in place of the token, in a replayed answer
       * @enum {boolean}
       */
      readonly secret_shown?: true;
    };
    /**
     * @example {
     *   "scopes": [
     *     "tasks:read"
     *   ],
     *   "expires_in_seconds": 86400
     * }
     */
    readonly CreateToken: {
      readonly scopes?: readonly ("tasks:read" | "tasks:write" | "approvals:read" | "approvals:write" | "locks:read" | "locks:write" | "agents:read" | "agents:write" | "audit:read" | "admin")[];
      readonly expires_in_seconds?: number;
    };
    readonly AgentCreated: {
      readonly agent: components["schemas"]["Agent"];
      /** Format: uuid */
      readonly token_id: string;
      /** @description the bearer token: shown now and never again */
      readonly token?: string;
      /**
       * @description in place of the token, in a replayed answer
       * @enum {boolean}
       */
      readonly secret_shown?: true;
    };
    readonly Agent: {
      readonly id: string;
      readonly name: string;
      readonly description: string | null;
      readonly roles: readonly string[];
      /** @description narrow every token of the agent; empty: all that its roles allow */
      readonly scopes: readonly string[];
      /** @description patterns of task types; empty: every type */
      readonly capabilities: readonly string[];
      readonly max_tasks: number;
      readonly heartbeat_interval_seconds: number;
      readonly labels: {
        [key: string]: string;
      };
      readonly config: {
        [key: string]: unknown;
      };
      readonly active: boolean;
      /**
       * Format: date-time
       * @example 2026-11-20T22:46:52.123Z
       */
      readonly created_at: string;
      /**
       * Format: date-time
       * @example 2026-11-20T22:46:52.123Z
       */
      readonly updated_at: string;
    };
    /**
     * @example {
     *   "id": "deployer-1",
     *   "name": "Deployer",
     *   "capabilities": [
     *     "service/**"
     *   ]
     * }
     */
    readonly CreateAgent: {
      readonly id?: string;
      readonly name: string;
      readonly description?: string;
      /**
       * @default [
       *   "system"
       * ]
       */
      readonly roles?: readonly string[];
      /** @default [] */
      readonly scopes?: readonly ("tasks:read" | "tasks:write" | "approvals:read" | "approvals:write" | "locks:read" | "locks:write" | "agents:read" | "agents:write" | "audit:read" | "admin")[];
      /** @default [] */
      readonly capabilities?: readonly string[];
      /** @default 4 */
      readonly max_tasks?: number;
      /** @default 10 */
      readonly heartbeat_interval_seconds?: number;
      /** @default {} */
      readonly labels?: {
        [key: string]: string;
      };
      readonly config?: components["schemas"]["JsonObject"];
    };
    /** @default {} */
    readonly JsonObject: {
      [key: string]: unknown;
    };
    readonly AgentList: {
      readonly agents: readonly components["schemas"]["PresentAgent"][];
      readonly pagination: components["schemas"]["Pagination"];
    };
    readonly PresentAgent: {
      readonly id: string;
      readonly name: string;
      readonly description: string | null;
      readonly roles: readonly string[];
      /** @description narrow every token of the agent; empty: all that its roles allow */
      readonly scopes: readonly string[];
      /** @description patterns of task types; empty: every type */
      readonly capabilities: readonly string[];
      readonly max_tasks: number;
      readonly heartbeat_interval_seconds: number;
      readonly labels: {
        [key: string]: string;
      };
      readonly config: {
        [key: string]: unknown;
      };
      readonly active: boolean;
      /**
       * Format: date-time
       * @example 2026-11-20T22:46:52.123Z
       */
      readonly created_at: string;
      /**
       * Format: date-time
       * @example 2026-11-20T22:46:52.123Z
       */
      readonly updated_at: string;
      readonly presence: components["schemas"]["Presence"];
    };
    readonly Presence: {
      /** @enum {string} */
      readonly status: "online" | "stale" | "offline" | "never_seen";
      /**
       * Format: date-time
       * @example 2026-11-20T22:46:52.123Z
       */
      readonly last_heartbeat_at: string | null;
      readonly location: {
        readonly colo?: string;
        readonly country?: string;
      };
      readonly active_tasks: number;
      readonly max_tasks: number;
      readonly version?: string;
    };
    /**
     * @example {
     *   "max_tasks": 8
     * }
     */
    readonly UpdateAgent: {
      readonly capabilities?: readonly string[];
      readonly max_tasks?: number;
      readonly labels?: {
        [key: string]: string;
      };
      readonly config?: components["schemas"]["JsonObject"];
      readonly roles?: readonly string[];
      readonly scopes?: readonly ("tasks:read" | "tasks:write" | "approvals:read" | "approvals:write" | "locks:read" | "locks:write" | "agents:read" | "agents:write" | "audit:read" | "admin")[];
      readonly active?: boolean;
    };
    readonly AgentBeat: {
      readonly presence: components["schemas"]["Presence"];
      readonly leases: readonly ({
          /** Format: uuid */
          readonly lock_id: string;
          /**
           * Format: date-time
           * @example 2026-11-20T22:46:52.123Z
           */
          readonly expires_at: string;
        } | {
          /** Format: uuid */
          readonly lock_id: string;
          readonly error: {
            readonly code: string;
            readonly message: string;
          };
        })[];
      /** @description what the agent should do; said again until it shows that it knows */
      readonly commands: readonly components["schemas"]["AgentCommand"][];
    };
    readonly AgentCommand: {
      /** @enum {string} */
      readonly command: "task:apply" | "cancel" | "drain";
      /** Format: uuid */
      readonly task_id?: string;
      readonly leases?: readonly components["schemas"]["Lease"][];
    };
    readonly Lease: {
      /** Format: uuid */
      readonly lock_id: string;
      /** @enum {string} */
      readonly resource_type: "task" | "resource" | "agent";
      readonly resource_id: string;
      /** @enum {string} */
      readonly mode: "shared" | "exclusive";
      readonly fencing_token: number;
      /**
       * Format: date-time
       * @example 2026-11-20T22:46:52.123Z
       */
      readonly expires_at: string;
    };
    /**
     * @example {
     *   "status": "busy",
     *   "metrics": {
     *     "version": "1.4.2"
     *   }
     * }
     */
    readonly AgentHeartbeat: {
      /** @enum {string} */
      readonly status?: "idle" | "busy" | "draining";
      /** @default [] */
      readonly lock_ids?: readonly string[];
      /** @default 30 */
      readonly ttl_extension_seconds?: number;
      readonly metrics?: components["schemas"]["JsonObject"];
    };
    readonly DryRun: {
      /** Format: uuid */
      readonly id: string;
      /** @enum {string} */
      readonly state: "DRAFT" | "SUBMITTED" | "REVIEWING" | "APPROVED" | "APPLYING" | "COMPLETED" | "REJECTED" | "CANCELLED";
      readonly revision: number;
      readonly config: components["schemas"]["TaskConfig"];
      readonly metadata: components["schemas"]["TaskMetadata"];
      readonly risk?: components["schemas"]["Risk"];
      readonly preview?: components["schemas"]["Preview"];
      readonly requirements: readonly components["schemas"]["Requirement"][];
      readonly approval_requests: readonly components["schemas"]["ApprovalRequest"][];
      readonly approvals: readonly ({
          /** Format: uuid */
          readonly id: string;
          readonly reviewer_id: string;
          readonly reviewer_name: string;
          /** @enum {string} */
          readonly action: "approve" | "reject" | "request_changes";
          readonly reason?: string;
          readonly on_behalf_of?: string;
          readonly revision: number;
          /**
           * Format: date-time
           * @example 2026-11-20T22:46:52.123Z
           */
          readonly created_at: string;
        })[];
      readonly required_approvals: number;
      readonly current_approvals: number;
      readonly comments: readonly {
          /** Format: uuid */
          readonly id: string;
          readonly author_id: string;
          readonly body: string;
          /**
           * Format: date-time
           * @example 2026-11-20T22:46:52.123Z
           */
          readonly created_at: string;
        }[];
      readonly lock_info?: {
        /**
         * Format: date-time
         * @example 2026-11-20T22:46:52.123Z
         */
        readonly acquired_at: string;
        /**
         * Format: date-time
         * @example 2026-11-20T22:46:52.123Z
         */
        readonly expires_at: string;
        readonly agent_id: string;
      };
      readonly execution?: {
        readonly attempt: number;
        readonly agent_id: string;
        /**
         * Format: date-time
         * @example 2026-11-20T22:46:52.123Z
         */
        readonly started_at?: string;
        /**
         * Format: date-time
         * @example 2026-11-20T22:46:52.123Z
         */
        readonly completed_at?: string;
        /** @enum {string} */
        readonly result?: "success" | "failure" | "timeout" | "cancelled";
        readonly output?: unknown;
        readonly error?: unknown;
        readonly rollback?: {
          /** @enum {string} */
          readonly status: "requested" | "succeeded" | "failed" | "unavailable" | "manual";
          readonly stash?: components["schemas"]["JsonObject"];
          readonly error?: unknown;
        };
      };
      readonly override?: {
        readonly requested_by: string;
        readonly reason: string;
        readonly incident_ticket: string;
        /**
         * Format: date-time
         * @example 2026-11-20T22:46:52.123Z
         */
        readonly requested_at: string;
        readonly revision: number;
        readonly apply_immediately: boolean;
      };
      readonly queue?: readonly {
          readonly resource_type: string;
          readonly resource_id: string;
          readonly queue_position: number;
        }[];
      /**
       * Format: date-time
       * @example 2026-11-20T22:46:52.123Z
       */
      readonly retry_at?: string;
      /** Format: uuid */
      readonly resubmitted_from?: string;
      readonly reviewers: readonly {
          readonly id: string;
          readonly name: string;
          readonly policy_ids: readonly string[];
          readonly on_behalf_of?: string;
          readonly via: readonly string[];
        }[];
      readonly reasons: readonly string[];
    };
    readonly TaskConfig: {
      readonly type: string;
      /** @default 1.0.0 */
      readonly version?: string;
      readonly description: string;
      readonly resources: readonly components["schemas"]["ResourceRef"][];
      readonly parameters?: components["schemas"]["JsonObject"];
      /** @default [] */
      readonly secrets?: readonly string[];
      /**
       * @default automatic
       * @enum {string}
       */
      readonly rollback_strategy?: "automatic" | "manual" | "none";
      /** @default 300 */
      readonly timeout_seconds?: number;
      /** @default 50 */
      readonly priority?: number;
      /** @default 3 */
      readonly max_attempts?: number;
      readonly executor?: components["schemas"]["Executor"];
    };
    readonly ResourceRef: {
      /** @enum {string} */
      readonly type: "database" | "service" | "infrastructure" | "configuration" | "secret" | "network" | "storage";
      readonly id: string;
      readonly name?: string;
      /**
       * @default namespace
       * @enum {string}
       */
      readonly scope?: "global" | "namespace" | "cluster" | "instance";
      readonly namespace?: string;
      /**
       * @default [
       *   "read"
       * ]
       */
      readonly actions?: readonly ("read" | "write" | "delete" | "execute")[];
    };
    readonly Executor: {
      /** @enum {string} */
      readonly kind: "webhook";
      readonly url: string;
    };
    readonly TaskMetadata: {
      readonly author_id: string;
      readonly author_name: string;
      readonly team?: string;
      readonly ticket_ref?: string;
      /** @default [] */
      readonly tags?: readonly string[];
      /**
       * Format: date-time
       * @example 2026-11-20T22:46:52.123Z
       */
      readonly created_at: string;
      /**
       * Format: date-time
       * @example 2026-11-20T22:46:52.123Z
       */
      readonly updated_at: string;
      /**
       * Format: date-time
       * @example 2026-11-20T22:46:52.123Z
       */
      readonly submitted_at?: string;
      /**
       * Format: date-time
       * @example 2026-11-20T22:46:52.123Z
       */
      readonly approved_at?: string;
      /**
       * Format: date-time
       * @example 2026-11-20T22:46:52.123Z
       */
      readonly completed_at?: string;
    };
    readonly Risk: {
      readonly score: number;
      /** @enum {string} */
      readonly level: "LOW" | "MEDIUM" | "HIGH" | "CRITICAL";
      readonly factors: readonly ({
          /** @enum {string} */
          readonly name: "resource_criticality" | "change_magnitude" | "blast_radius" | "historical_failure_rate";
          readonly weight: number;
          readonly value: number;
          readonly contribution: number;
        })[];
      readonly auto_approvable: boolean;
    };
    readonly Preview: {
      readonly valid: boolean;
      readonly changes: readonly components["schemas"]["Change"][];
      readonly warnings: readonly components["schemas"]["PreviewIssue"][];
      readonly errors: readonly components["schemas"]["PreviewIssue"][];
      readonly estimated_duration_seconds?: number;
      readonly affected_services: readonly string[];
      readonly resource_revisions: {
        [key: string]: number;
      };
    };
    readonly Change: {
      readonly resource: {
        /** @enum {string} */
        readonly type: "database" | "service" | "infrastructure" | "configuration" | "secret" | "network" | "storage";
        readonly id: string;
        readonly name?: string;
        /**
         * @default namespace
         * @enum {string}
         */
        readonly scope?: "global" | "namespace" | "cluster" | "instance";
        readonly namespace?: string;
        /**
         * @default [
         *   "read"
         * ]
         */
        readonly actions?: readonly ("read" | "write" | "delete" | "execute")[];
        readonly key: string;
      };
      /** @enum {string} */
      readonly action: "read" | "write" | "delete" | "execute";
      readonly before?: {
        [key: string]: unknown;
      } | null;
      readonly after?: {
        [key: string]: unknown;
      } | null;
      readonly diff?: string;
    };
    readonly PreviewIssue: {
      readonly code: string;
      readonly message: string;
      readonly resource?: string;
      readonly path?: string;
    };
    readonly Requirement: {
      readonly policy_id: string;
      readonly policy_name: string;
      readonly min_approvers: number;
      readonly required_roles: readonly string[];
      readonly required_reviewers: readonly string[];
      readonly approved_by: readonly string[];
      readonly satisfied: boolean;
    };
    readonly ApprovalRequest: {
      /** Format: uuid */
      readonly id: string;
      /** Format: uuid */
      readonly task_id: string;
      readonly reviewer_id: string;
      readonly reviewer_name: string;
      readonly on_behalf_of?: string;
      readonly revision: number;
      /** @enum {string} */
      readonly status: "PENDING" | "APPROVED" | "REJECTED" | "CHANGES_REQUESTED" | "DELEGATED" | "SUPERSEDED" | "EXPIRED";
      /** @enum {string} */
      readonly priority: "LOW" | "NORMAL" | "HIGH" | "URGENT";
      readonly delegated_to?: string;
      readonly via?: readonly string[];
      /**
       * Format: date-time
       * @example 2026-11-20T22:46:52.123Z
       */
      readonly due_at: string;
      readonly escalation_level: number;
      /**
       * Format: date-time
       * @example 2026-11-20T22:46:52.123Z
       */
      readonly created_at: string;
      /**
       * Format: date-time
       * @example 2026-11-20T22:46:52.123Z
       */
      readonly responded_at?: string;
    };
    readonly Task: {
      /** Format: uuid */
      readonly id: string;
      /** @enum {string} */
      readonly state: "DRAFT" | "SUBMITTED" | "REVIEWING" | "APPROVED" | "APPLYING" | "COMPLETED" | "REJECTED" | "CANCELLED";
      readonly revision: number;
      readonly config: components["schemas"]["TaskConfig"];
      readonly metadata: components["schemas"]["TaskMetadata"];
      readonly risk?: components["schemas"]["Risk"];
      readonly preview?: components["schemas"]["Preview"];
      readonly requirements: readonly components["schemas"]["Requirement"][];
      readonly approval_requests: readonly components["schemas"]["ApprovalRequest"][];
      readonly approvals: readonly ({
          /** Format: uuid */
          readonly id: string;
          readonly reviewer_id: string;
          readonly reviewer_name: string;
          /** @enum {string} */
          readonly action: "approve" | "reject" | "request_changes";
          readonly reason?: string;
          readonly on_behalf_of?: string;
          readonly revision: number;
          /**
           * Format: date-time
           * @example 2026-11-20T22:46:52.123Z
           */
          readonly created_at: string;
        })[];
      readonly required_approvals: number;
      readonly current_approvals: number;
      readonly comments: readonly {
          /** Format: uuid */
          readonly id: string;
          readonly author_id: string;
          readonly body: string;
          /**
           * Format: date-time
           * @example 2026-11-20T22:46:52.123Z
           */
          readonly created_at: string;
        }[];
      readonly lock_info?: {
        /**
         * Format: date-time
         * @example 2026-11-20T22:46:52.123Z
         */
        readonly acquired_at: string;
        /**
         * Format: date-time
         * @example 2026-11-20T22:46:52.123Z
         */
        readonly expires_at: string;
        readonly agent_id: string;
      };
      readonly execution?: {
        readonly attempt: number;
        readonly agent_id: string;
        /**
         * Format: date-time
         * @example 2026-11-20T22:46:52.123Z
         */
        readonly started_at?: string;
        /**
         * Format: date-time
         * @example 2026-11-20T22:46:52.123Z
         */
        readonly completed_at?: string;
        /** @enum {string} */
        readonly result?: "success" | "failure" | "timeout" | "cancelled";
        readonly output?: unknown;
        readonly error?: unknown;
        readonly rollback?: {
          /** @enum {string} */
          readonly status: "requested" | "succeeded" | "failed" | "unavailable" | "manual";
          readonly stash?: components["schemas"]["JsonObject"];
          readonly error?: unknown;
        };
      };
      readonly override?: {
        readonly requested_by: string;
        readonly reason: string;
        readonly incident_ticket: string;
        /**
         * Format: date-time
         * @example 2026-11-20T22:46:52.123Z
         */
        readonly requested_at: string;
        readonly revision: number;
        readonly apply_immediately: boolean;
      };
      readonly queue?: readonly {
          readonly resource_type: string;
          readonly resource_id: string;
          readonly queue_position: number;
        }[];
      /**
       * Format: date-time
       * @example 2026-11-20T22:46:52.123Z
       */
      readonly retry_at?: string;
      /** Format: uuid */
      readonly resubmitted_from?: string;
    };
    /**
     * @example {
     *   "config": {
     *     "type": "config.change",
     *     "description": "Longer sessions",
     *     "resources": [
     *       {
     *         "type": "configuration",
     *         "id": "sessions",
     *         "namespace": "web",
     *         "actions": [
     *           "write"
     *         ]
     *       }
     *     ],
     *     "parameters": {
     *       "ttl_minutes": 60
     *     }
     *   },
     *   "metadata": {
     *     "author_id": "alice",
     *     "author_name": "Alice"
     *   }
     * }
     */
    readonly CreateTask: {
      readonly config: components["schemas"]["TaskConfig"];
      readonly metadata: components["schemas"]["TaskMetadataInput"];
      /** @default false */
      readonly dry_run?: boolean;
    };
    readonly TaskMetadataInput: {
      readonly author_id: string;
      readonly author_name: string;
      readonly team?: string;
      readonly ticket_ref?: string;
      /** @default [] */
      readonly tags?: readonly string[];
    };
    readonly Simulation: {
      readonly preview: components["schemas"]["Preview"];
      readonly risk: components["schemas"]["Risk"];
      readonly requirements: readonly components["schemas"]["Requirement"][];
      readonly reviewers: readonly {
          readonly id: string;
          readonly name: string;
          readonly policy_ids: readonly string[];
          readonly on_behalf_of?: string;
          readonly via: readonly string[];
        }[];
      readonly required_approvals: number;
      readonly auto_approvable: boolean;
      readonly reasons: readonly string[];
    };
    /**
     * @example {
     *   "config": {
     *     "type": "config.change",
     *     "description": "Longer sessions",
     *     "resources": [
     *       {
     *         "type": "configuration",
     *         "id": "sessions",
     *         "namespace": "web",
     *         "actions": [
     *           "write"
     *         ]
     *       }
     *     ],
     *     "parameters": {
     *       "ttl_minutes": 60
     *     }
     *   },
     *   "metadata": {
     *     "author_id": "alice",
     *     "author_name": "Alice"
     *   }
     * }
     */
    readonly SimulateTask: {
      readonly config: components["schemas"]["TaskConfig"];
      readonly metadata: components["schemas"]["TaskMetadataInput"];
      /** @default [] */
      readonly requested_reviewers?: readonly string[];
      readonly policies?: readonly components["schemas"]["ReviewerPolicyInput"][];
    };
    /**
     * @example {
     *   "name": "Databases need a DBA",
     *   "resource_patterns": [
     *     "database:**"
     *   ],
     *   "required_roles": [
     *     "dba"
     *   ]
     * }
     */
    readonly ReviewerPolicyInput: {
      readonly id?: string;
      readonly name: string;
      /** @default [] */
      readonly task_types?: readonly string[];
      /** @default [] */
      readonly resource_patterns?: readonly string[];
      /** @default 1 */
      readonly min_approvers?: number;
      /** @default [] */
      readonly required_roles?: readonly string[];
      /** @default [] */
      readonly required_reviewers?: readonly string[];
      /** @default 0 */
      readonly risk_threshold?: number;
      readonly auto_approve_if?: {
        readonly risk_below?: number;
        readonly author_has_role?: readonly string[];
        readonly resources_in_scope?: readonly string[];
      };
      /** @default 172800 */
      readonly approval_timeout_seconds?: number;
      readonly active_hours?: {
        readonly timezone: string;
        readonly days: readonly ("mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun")[];
        readonly from: string;
        readonly to: string;
      };
      /** @default false */
      readonly auto_approve_on_backlog?: boolean;
      /** @default true */
      readonly enabled?: boolean;
    };
    /**
     * @example {
     *   "config": {
     *     "parameters": {
     *       "ttl_minutes": 30
     *     }
     *   }
     * }
     */
    readonly PatchTask: {
      readonly config?: components["schemas"]["JsonObject"];
      readonly metadata?: components["schemas"]["JsonObject"];
    };
    /**
     * @example {
     *   "requested_reviewers": [
     *     "bob"
     *   ]
     * }
     */
    readonly SubmitTask: {
      /** @default false */
      readonly force?: boolean;
      /** @default false */
      readonly skip_preview?: boolean;
      /** @default [] */
      readonly requested_reviewers?: readonly string[];
    };
    /**
     * @example {
     *   "reason": "no longer needed"
     * }
     */
    readonly CancelTask: {
      readonly reason?: string;
    };
    /**
     * @example {
     *   "body": "It worked on staging."
     * }
     */
    readonly CommentInput: {
      readonly body: string;
    };
    readonly Applying: {
      readonly task: components["schemas"]["Task"];
      readonly leases: readonly components["schemas"]["Lease"][];
    };
    /**
     * @example {
     *   "capabilities": [
     *     "config.*"
     *   ],
     *   "wait_seconds": 20
     * }
     */
    readonly ClaimTask: {
      readonly capabilities?: readonly string[];
      /** @default 0 */
      readonly wait_seconds?: number;
    };
    readonly Applied: {
      /** Format: uuid */
      readonly id: string;
      /** @enum {string} */
      readonly state: "DRAFT" | "SUBMITTED" | "REVIEWING" | "APPROVED" | "APPLYING" | "COMPLETED" | "REJECTED" | "CANCELLED";
      readonly revision: number;
      readonly config: components["schemas"]["TaskConfig"];
      readonly metadata: components["schemas"]["TaskMetadata"];
      readonly risk?: components["schemas"]["Risk"];
      readonly preview?: components["schemas"]["Preview"];
      readonly requirements: readonly components["schemas"]["Requirement"][];
      readonly approval_requests: readonly components["schemas"]["ApprovalRequest"][];
      readonly approvals: readonly ({
          /** Format: uuid */
          readonly id: string;
          readonly reviewer_id: string;
          readonly reviewer_name: string;
          /** @enum {string} */
          readonly action: "approve" | "reject" | "request_changes";
          readonly reason?: string;
          readonly on_behalf_of?: string;
          readonly revision: number;
          /**
           * Format: date-time
           * @example 2026-11-20T22:46:52.123Z
           */
          readonly created_at: string;
        })[];
      readonly required_approvals: number;
      readonly current_approvals: number;
      readonly comments: readonly {
          /** Format: uuid */
          readonly id: string;
          readonly author_id: string;
          readonly body: string;
          /**
           * Format: date-time
           * @example 2026-11-20T22:46:52.123Z
           */
          readonly created_at: string;
        }[];
      readonly lock_info?: {
        /**
         * Format: date-time
         * @example 2026-11-20T22:46:52.123Z
         */
        readonly acquired_at: string;
        /**
         * Format: date-time
         * @example 2026-11-20T22:46:52.123Z
         */
        readonly expires_at: string;
        readonly agent_id: string;
      };
      readonly execution?: {
        readonly attempt: number;
        readonly agent_id: string;
        /**
         * Format: date-time
         * @example 2026-11-20T22:46:52.123Z
         */
        readonly started_at?: string;
        /**
         * Format: date-time
         * @example 2026-11-20T22:46:52.123Z
         */
        readonly completed_at?: string;
        /** @enum {string} */
        readonly result?: "success" | "failure" | "timeout" | "cancelled";
        readonly output?: unknown;
        readonly error?: unknown;
        readonly rollback?: {
          /** @enum {string} */
          readonly status: "requested" | "succeeded" | "failed" | "unavailable" | "manual";
          readonly stash?: components["schemas"]["JsonObject"];
          readonly error?: unknown;
        };
      };
      readonly override?: {
        readonly requested_by: string;
        readonly reason: string;
        readonly incident_ticket: string;
        /**
         * Format: date-time
         * @example 2026-11-20T22:46:52.123Z
         */
        readonly requested_at: string;
        readonly revision: number;
        readonly apply_immediately: boolean;
      };
      readonly queue?: readonly {
          readonly resource_type: string;
          readonly resource_id: string;
          readonly queue_position: number;
        }[];
      /**
       * Format: date-time
       * @example 2026-11-20T22:46:52.123Z
       */
      readonly retry_at?: string;
      /** Format: uuid */
      readonly resubmitted_from?: string;
      readonly leases: readonly components["schemas"]["Lease"][];
    };
    readonly QueuedApply: {
      /** Format: uuid */
      readonly id: string;
      /** @enum {string} */
      readonly state: "DRAFT" | "SUBMITTED" | "REVIEWING" | "APPROVED" | "APPLYING" | "COMPLETED" | "REJECTED" | "CANCELLED";
      readonly revision: number;
      readonly config: components["schemas"]["TaskConfig"];
      readonly metadata: components["schemas"]["TaskMetadata"];
      readonly risk?: components["schemas"]["Risk"];
      readonly preview?: components["schemas"]["Preview"];
      readonly requirements: readonly components["schemas"]["Requirement"][];
      readonly approval_requests: readonly components["schemas"]["ApprovalRequest"][];
      readonly approvals: readonly ({
          /** Format: uuid */
          readonly id: string;
          readonly reviewer_id: string;
          readonly reviewer_name: string;
          /** @enum {string} */
          readonly action: "approve" | "reject" | "request_changes";
          readonly reason?: string;
          readonly on_behalf_of?: string;
          readonly revision: number;
          /**
           * Format: date-time
           * @example 2026-11-20T22:46:52.123Z
           */
          readonly created_at: string;
        })[];
      readonly required_approvals: number;
      readonly current_approvals: number;
      readonly comments: readonly {
          /** Format: uuid */
          readonly id: string;
          readonly author_id: string;
          readonly body: string;
          /**
           * Format: date-time
           * @example 2026-11-20T22:46:52.123Z
           */
          readonly created_at: string;
        }[];
      readonly lock_info?: {
        /**
         * Format: date-time
         * @example 2026-11-20T22:46:52.123Z
         */
        readonly acquired_at: string;
        /**
         * Format: date-time
         * @example 2026-11-20T22:46:52.123Z
         */
        readonly expires_at: string;
        readonly agent_id: string;
      };
      readonly execution?: {
        readonly attempt: number;
        readonly agent_id: string;
        /**
         * Format: date-time
         * @example 2026-11-20T22:46:52.123Z
         */
        readonly started_at?: string;
        /**
         * Format: date-time
         * @example 2026-11-20T22:46:52.123Z
         */
        readonly completed_at?: string;
        /** @enum {string} */
        readonly result?: "success" | "failure" | "timeout" | "cancelled";
        readonly output?: unknown;
        readonly error?: unknown;
        readonly rollback?: {
          /** @enum {string} */
          readonly status: "requested" | "succeeded" | "failed" | "unavailable" | "manual";
          readonly stash?: components["schemas"]["JsonObject"];
          readonly error?: unknown;
        };
      };
      readonly override?: {
        readonly requested_by: string;
        readonly reason: string;
        readonly incident_ticket: string;
        /**
         * Format: date-time
         * @example 2026-11-20T22:46:52.123Z
         */
        readonly requested_at: string;
        readonly revision: number;
        readonly apply_immediately: boolean;
      };
      readonly queue: readonly {
          readonly resource_type: string;
          readonly resource_id: string;
          readonly queue_position: number;
        }[];
      /**
       * Format: date-time
       * @example 2026-11-20T22:46:52.123Z
       */
      readonly retry_at?: string;
      /** Format: uuid */
      readonly resubmitted_from?: string;
    };
    /**
     * @example {
     *   "agent_id": "deployer-1"
     * }
     */
    readonly ApplyTask: {
      readonly agent_id?: string;
    };
    readonly TaskHeartbeat: {
      /** Format: uuid */
      readonly task_id: string;
      /** @enum {string} */
      readonly state: "DRAFT" | "SUBMITTED" | "REVIEWING" | "APPROVED" | "APPLYING" | "COMPLETED" | "REJECTED" | "CANCELLED";
      readonly leases: readonly {
          /** Format: uuid */
          readonly lock_id: string;
          /**
           * Format: date-time
           * @example 2026-11-20T22:46:52.123Z
           */
          readonly expires_at: string;
        }[];
      readonly commands: readonly components["schemas"]["AgentCommand"][];
    };
    /**
     * @example {
     *   "progress": 50,
     *   "message": "half of the rows are moved"
     * }
     */
    readonly HeartbeatTask: {
      /** @default 30 */
      readonly ttl_extension_seconds?: number;
      readonly progress?: number;
      readonly message?: string;
    };
    /**
     * @example {
     *   "result": "success",
     *   "output": "moved 120 rows"
     * }
     */
    readonly CompleteTask: {
      /** @enum {string} */
      readonly result: "success" | "failure" | "cancelled";
      readonly output?: unknown;
      readonly error?: unknown;
      readonly resources?: {
        [key: string]: components["schemas"]["JsonObject"];
      };
    };
    readonly Stashed: {
      /** Format: uuid */
      readonly task_id: string;
      readonly resource: string;
    };
    /**
     * @example {
     *   "resource": "configuration:web/sessions",
     *   "data": {
     *     "ttl_minutes": 20
     *   }
     * }
     */
    readonly StashInput: {
      readonly resource: string;
      readonly data?: unknown;
    };
    /**
     * @example {
     *   "result": "success"
     * }
     */
    readonly RollbackReport: {
      /** @enum {string} */
      readonly result: "success" | "failure";
      readonly error?: unknown;
    };
    readonly CataloguedResource: {
      readonly key: string;
      /** @enum {string} */
      readonly type: "database" | "service" | "infrastructure" | "configuration" | "secret" | "network" | "storage";
      readonly id: string;
      readonly namespace?: string;
      readonly criticality: number;
      readonly name?: string;
      readonly owner?: string;
      readonly dependents: readonly string[];
      readonly labels: {
        [key: string]: string;
      };
    };
    readonly Resource: {
      readonly key: string;
      /** @enum {string} */
      readonly type: "database" | "service" | "infrastructure" | "configuration" | "secret" | "network" | "storage";
      readonly id: string;
      readonly namespace?: string;
      readonly criticality: number;
      readonly name?: string;
      readonly owner?: string;
      readonly dependents: readonly string[];
      readonly labels: {
        [key: string]: string;
      };
      readonly attributes: components["schemas"]["JsonObject"];
      readonly revision: number;
      readonly lock?: components["schemas"]["Lock"];
    };
    readonly Lock: {
      /** Format: uuid */
      readonly id: string;
      readonly acquired: boolean;
      /** @enum {string} */
      readonly status: "held" | "queued";
      /** @enum {string} */
      readonly resource_type: "task" | "resource" | "agent";
      readonly resource_id: string;
      /** @enum {string} */
      readonly mode: "shared" | "exclusive";
      readonly fencing_token?: number;
      /**
       * Format: date-time
       * @example 2026-11-20T22:46:52.123Z
       */
      readonly expires_at?: string;
      readonly holder?: {
        /** Format: uuid */
        readonly lock_id: string;
        readonly agent_id: string;
        readonly session_id: string;
        /**
         * Format: date-time
         * @example 2026-11-20T22:46:52.123Z
         */
        readonly acquired_at: string;
        /**
         * Format: date-time
         * @example 2026-11-20T22:46:52.123Z
         */
        readonly expires_at: string;
        readonly purpose?: string;
      };
      /** @description the earliest first, at most 1,000 */
      readonly holders: readonly {
          /** Format: uuid */
          readonly lock_id: string;
          readonly agent_id: string;
          readonly session_id: string;
          /**
           * Format: date-time
           * @example 2026-11-20T22:46:52.123Z
           */
          readonly acquired_at: string;
          /**
           * Format: date-time
           * @example 2026-11-20T22:46:52.123Z
           */
          readonly expires_at: string;
          readonly purpose?: string;
        }[];
      readonly queue_position?: number;
      readonly estimated_wait_seconds?: number;
      /** @enum {boolean} */
      readonly reentrant?: true;
      /** @enum {boolean} */
      readonly upgrade_pending?: true;
    };
    /**
     * @example {
     *   "criticality": 90,
     *   "owner": "payments",
     *   "dependents": [
     *     "service:prod/checkout"
     *   ]
     * }
     */
    readonly CatalogueInput: {
      readonly criticality?: number;
      readonly name?: string;
      readonly owner?: string;
      /** @default [] */
      readonly dependents?: readonly string[];
      /** @default {} */
      readonly labels?: {
        [key: string]: string;
      };
    };
    readonly StuckTasks: {
      readonly tasks: readonly {
          /** Format: uuid */
          readonly task_id: string;
          readonly policy_id: string;
          readonly why: string;
        }[];
      readonly pagination: components["schemas"]["Pagination"];
    };
    readonly DelegationPolicy: {
      readonly id: string;
      readonly owner_id: string;
      /** @enum {string} */
      readonly mode: "reassign" | "follow";
      readonly conditions: components["schemas"]["DelegationConditions"];
      readonly delegate_to: string;
      readonly cascade: boolean;
      /**
       * Format: date-time
       * @example 2026-11-20T22:46:52.123Z
       */
      readonly expires_at?: string;
      readonly active: boolean;
      /**
       * Format: date-time
       * @example 2026-11-20T22:46:52.123Z
       */
      readonly created_at: string;
      /**
       * Format: date-time
       * @example 2026-11-20T22:46:52.123Z
       */
      readonly updated_at: string;
    };
    /** @description all that are given must hold; of each list any one does */
    readonly DelegationConditions: {
      readonly task_types?: readonly string[];
      readonly resource_patterns?: readonly string[];
      readonly risk_above?: number;
      readonly namespaces?: readonly string[];
      readonly tags?: readonly string[];
    };
    /**
     * @example {
     *   "delegate_to": "bob",
     *   "conditions": {
     *     "task_types": [
     *       "infrastructure.*"
     *     ],
     *     "risk_above": 50
     *   }
     * }
     */
    readonly DelegationPolicyInput: {
      readonly id?: string;
      /** @description an admin may name somebody else than the caller */
      readonly owner_id?: string;
      /**
       * @default reassign
       * @enum {string}
       */
      readonly mode?: "reassign" | "follow";
      readonly conditions?: components["schemas"]["DelegationConditions"];
      readonly delegate_to: string;
      /** @default true */
      readonly cascade?: boolean;
      /** Format: date-time */
      readonly expires_at?: string;
      /** @default true */
      readonly active?: boolean;
    };
    /**
     * @example {
     *   "active": false
     * }
     */
    readonly DelegationPolicyPatch: {
      /** @enum {string} */
      readonly mode?: "reassign" | "follow";
      readonly conditions?: components["schemas"]["DelegationConditions"];
      readonly delegate_to?: string;
      readonly cascade?: boolean;
      /** Format: date-time */
      readonly expires_at?: string | null;
      readonly active?: boolean;
    };
    readonly ApprovalDetail: {
      /** Format: uuid */
      readonly id: string;
      /** Format: uuid */
      readonly task_id: string;
      readonly reviewer_id: string;
      readonly reviewer_name: string;
      readonly on_behalf_of?: string;
      readonly revision: number;
      /** @enum {string} */
      readonly status: "PENDING" | "APPROVED" | "REJECTED" | "CHANGES_REQUESTED" | "DELEGATED" | "SUPERSEDED" | "EXPIRED";
      /** @enum {string} */
      readonly priority: "LOW" | "NORMAL" | "HIGH" | "URGENT";
      readonly delegated_to?: string;
      readonly via?: readonly string[];
      /**
       * Format: date-time
       * @example 2026-11-20T22:46:52.123Z
       */
      readonly due_at: string;
      readonly escalation_level: number;
      /**
       * Format: date-time
       * @example 2026-11-20T22:46:52.123Z
       */
      readonly created_at: string;
      /**
       * Format: date-time
       * @example 2026-11-20T22:46:52.123Z
       */
      readonly responded_at?: string;
      readonly task: {
        /** Format: uuid */
        readonly id: string;
        /** @enum {string} */
        readonly state: "DRAFT" | "SUBMITTED" | "REVIEWING" | "APPROVED" | "APPLYING" | "COMPLETED" | "REJECTED" | "CANCELLED";
        readonly revision: number;
        readonly type: string;
        readonly description: string;
        readonly author_id: string;
      };
      readonly preview: components["schemas"]["Preview"];
      readonly risk: components["schemas"]["Risk"];
      readonly eligibility: {
        readonly can_decide: boolean;
        readonly why_not?: string;
      };
    };
    readonly Responded: {
      /** @enum {boolean} */
      readonly success: true;
      /** Format: uuid */
      readonly approval_id: string;
      /** Format: uuid */
      readonly task_id: string;
      /** @enum {string} */
      readonly task_state: "DRAFT" | "SUBMITTED" | "REVIEWING" | "APPROVED" | "APPLYING" | "COMPLETED" | "REJECTED" | "CANCELLED";
    };
    /**
     * @example {
     *   "action": "approve",
     *   "revision": 1
     * }
     */
    readonly RespondToApproval: {
      /** @enum {string} */
      readonly action: "approve" | "reject" | "request_changes" | "delegate";
      readonly reason?: string;
      readonly delegate_to?: string;
      readonly revision?: number;
      /**
       * @default {
       *   "apply_immediately": false
       * }
       */
      readonly options?: {
        /** @default false */
        readonly apply_immediately?: boolean;
        readonly require_additional_approvals?: readonly string[];
      };
    };
    readonly OverrideRequested: {
      /** Format: uuid */
      readonly task_id: string;
      /** @enum {string} */
      readonly state: "DRAFT" | "SUBMITTED" | "REVIEWING" | "APPROVED" | "APPLYING" | "COMPLETED" | "REJECTED" | "CANCELLED";
      readonly override: {
        readonly requested_by: string;
        readonly reason: string;
        readonly incident_ticket: string;
        /**
         * Format: date-time
         * @example 2026-11-20T22:46:52.123Z
         */
        readonly requested_at: string;
        readonly revision: number;
      };
    };
    /**
     * @example {
     *   "reason": "The shop is down",
     *   "incident_ticket": "INC-7",
     *   "apply_immediately": true
     * }
     */
    readonly OverrideInput: {
      readonly reason: string;
      readonly incident_ticket: string;
      /** @default false */
      readonly apply_immediately?: boolean;
    };
    readonly BatchAnswer: {
      readonly success: boolean;
      readonly processed: number;
      readonly succeeded: number;
      readonly failed: number;
      readonly results: readonly {
          /** Format: uuid */
          readonly approval_id: string;
          readonly success: boolean;
          readonly error?: {
            readonly code: string;
            readonly message: string;
          };
        }[];
      readonly task_updates: readonly ({
          /** Format: uuid */
          readonly task_id: string;
          /** @enum {string} */
          readonly new_state?: "DRAFT" | "SUBMITTED" | "REVIEWING" | "APPROVED" | "APPLYING" | "COMPLETED" | "REJECTED" | "CANCELLED";
        })[];
    };
    /**
     * @example {
     *   "approval_ids": [
     *     "101a1fdc-7351-8fcf-83fe-92e300000008"
     *   ],
     *   "action": "approve"
     * }
     */
    readonly DecideBatch: {
      readonly approval_ids: readonly string[];
      /** @enum {string} */
      readonly action: "approve" | "reject";
      readonly reason?: string;
      /**
       * @default {
       *   "skip_validation": false,
       *   "apply_immediately": false,
       *   "continue_on_error": false
       * }
       */
      readonly options?: {
        /** @default false */
        readonly skip_validation?: boolean;
        /** @default false */
        readonly apply_immediately?: boolean;
        /** @default false */
        readonly continue_on_error?: boolean;
      };
    };
    readonly LinksCreated: {
      /** @description a page to read the change and decide: shown now and never again */
      readonly links?: {
        /** Format: uri */
        readonly review: string;
      };
      /**
       * @description in place of the links, in a replayed answer
       * @enum {boolean}
       */
      readonly secret_shown?: true;
      /**
       * Format: date-time
       * @example 2026-11-20T22:46:52.123Z
       */
      readonly expires_at: string;
    };
    /**
     * @example {
     *   "expires_in_seconds": 3600
     * }
     */
    readonly CreateLinks: {
      /** @default 86400 */
      readonly expires_in_seconds?: number;
    };
    readonly ReviewerPolicy: {
      readonly id: string;
      readonly name: string;
      /** @default [] */
      readonly task_types?: readonly string[];
      /** @default [] */
      readonly resource_patterns?: readonly string[];
      /** @default 1 */
      readonly min_approvers?: number;
      /** @default [] */
      readonly required_roles?: readonly string[];
      /** @default [] */
      readonly required_reviewers?: readonly string[];
      /** @default 0 */
      readonly risk_threshold?: number;
      readonly auto_approve_if?: {
        readonly risk_below?: number;
        readonly author_has_role?: readonly string[];
        readonly resources_in_scope?: readonly string[];
      };
      /** @default 172800 */
      readonly approval_timeout_seconds?: number;
      readonly active_hours?: {
        readonly timezone: string;
        readonly days: readonly ("mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun")[];
        readonly from: string;
        readonly to: string;
      };
      /** @default false */
      readonly auto_approve_on_backlog?: boolean;
      /** @default true */
      readonly enabled?: boolean;
      /**
       * Format: date-time
       * @example 2026-11-20T22:46:52.123Z
       */
      readonly created_at: string;
      /**
       * Format: date-time
       * @example 2026-11-20T22:46:52.123Z
       */
      readonly updated_at: string;
    };
    readonly Deadlocks: {
      readonly deadlocks: readonly components["schemas"]["DeadlockInfo"][];
      readonly pagination: components["schemas"]["Pagination"];
    };
    readonly DeadlockInfo: {
      /**
       * Format: date-time
       * @example 2026-11-20T22:46:52.123Z
       */
      readonly detected_at: string;
      readonly cycle: readonly {
          readonly agent_id: string;
          readonly session_id: string;
          /** Format: uuid */
          readonly holds_lock: string;
          /** Format: uuid */
          readonly waits_for: string;
        }[];
      readonly resolution: {
        readonly victim_agent_id: string;
        readonly victim_session_id: string;
        /** @enum {string} */
        readonly strategy: "abort_youngest" | "abort_shortest" | "abort_lowest_priority";
        readonly released_locks: readonly string[];
      };
    };
    readonly WaitForGraph: {
      readonly nodes: readonly {
          readonly session_id: string;
          readonly agent_id: string;
        }[];
      readonly edges: readonly ({
          readonly from: {
            readonly session_id: string;
            readonly agent_id: string;
          };
          readonly to: {
            readonly session_id: string;
            readonly agent_id: string;
          };
          /** @enum {string} */
          readonly resource_type: "task" | "resource" | "agent";
          readonly resource_id: string;
          /**
           * Format: date-time
           * @example 2026-11-20T22:46:52.123Z
           */
          readonly since: string;
        })[];
      /**
       * @description there are more edges than are told here
       * @enum {boolean}
       */
      readonly truncated?: true;
    };
    /**
     * @example {
     *   "resource_type": "resource",
     *   "resource_id": "database:prod/orders",
     *   "ttl_seconds": 60,
     *   "purpose": "migration 42"
     * }
     */
    readonly AcquireLock: {
      /** @enum {string} */
      readonly resource_type: "task" | "resource" | "agent";
      readonly resource_id: string;
      /**
       * @default exclusive
       * @enum {string}
       */
      readonly mode?: "shared" | "exclusive";
      /** @default 30 */
      readonly ttl_seconds?: number;
      readonly purpose?: string;
      /** @default true */
      readonly wait_for_available?: boolean;
      /** @default 60 */
      readonly max_wait_seconds?: number;
      readonly session_id?: string;
      /** @default 50 */
      readonly priority?: number;
    };
    readonly Leases: {
      readonly leases: readonly components["schemas"]["Lease"][];
    };
    /**
     * @example {
     *   "locks": [
     *     {
     *       "resource_type": "resource",
     *       "resource_id": "database:prod/orders"
     *     },
     *     {
     *       "resource_type": "resource",
     *       "resource_id": "service:prod/shop",
     *       "mode": "shared"
     *     }
     *   ]
     * }
     */
    readonly AcquireAllLocks: {
      readonly locks: readonly ({
          /** @enum {string} */
          readonly resource_type: "task" | "resource" | "agent";
          readonly resource_id: string;
          /**
           * @default exclusive
           * @enum {string}
           */
          readonly mode?: "shared" | "exclusive";
        })[];
      /** @default 30 */
      readonly ttl_seconds?: number;
      readonly session_id?: string;
      readonly purpose?: string;
    };
    readonly LockHeartbeats: {
      readonly results: readonly {
          readonly lock_id: string;
          readonly ok: boolean;
          readonly expires_at?: string;
          readonly error?: {
            readonly code: string;
            readonly message: string;
          };
        }[];
    };
    /**
     * @example {
     *   "lock_id": "2c6e3b3f-97e9-82a7-981e-803f00000001",
     *   "ttl_extension_seconds": 60
     * }
     */
    readonly HeartbeatLock: {
      /** Format: uuid */
      readonly lock_id?: string;
      readonly lock_ids?: readonly string[];
      /** @default 30 */
      readonly ttl_extension_seconds?: number;
    };
    /**
     * @example {
     *   "lock_id": "2c6e3b3f-97e9-82a7-981e-803f00000001"
     * }
     */
    readonly ReleaseLock: {
      /** Format: uuid */
      readonly lock_id: string;
      /** @default false */
      readonly force?: boolean;
      readonly reason?: string;
    };
    /**
     * @example {
     *   "lock_id": "2c6e3b3f-97e9-82a7-981e-803f00000001"
     * }
     */
    readonly DowngradeLock: {
      /** Format: uuid */
      readonly lock_id: string;
    };
    readonly TokenVerification: {
      readonly current: boolean;
      readonly highest: number;
    };
    /**
     * @example {
     *   "resource_type": "resource",
     *   "resource_id": "database:prod/orders",
     *   "fencing_token": 7
     * }
     */
    readonly VerifyToken: {
      /** @enum {string} */
      readonly resource_type: "task" | "resource" | "agent";
      readonly resource_id: string;
      readonly fencing_token: number;
    };
    readonly Locks: {
      readonly locks: readonly components["schemas"]["LockInfo"][];
      readonly pagination: components["schemas"]["Pagination"];
    };
    readonly LockInfo: {
      /** Format: uuid */
      readonly id: string;
      readonly acquired: boolean;
      /** @enum {string} */
      readonly status: "held" | "queued";
      /** @enum {string} */
      readonly resource_type: "task" | "resource" | "agent";
      readonly resource_id: string;
      /** @enum {string} */
      readonly mode: "shared" | "exclusive";
      readonly fencing_token?: number;
      /**
       * Format: date-time
       * @example 2026-11-20T22:46:52.123Z
       */
      readonly expires_at?: string;
      readonly holder?: {
        /** Format: uuid */
        readonly lock_id: string;
        readonly agent_id: string;
        readonly session_id: string;
        /**
         * Format: date-time
         * @example 2026-11-20T22:46:52.123Z
         */
        readonly acquired_at: string;
        /**
         * Format: date-time
         * @example 2026-11-20T22:46:52.123Z
         */
        readonly expires_at: string;
        readonly purpose?: string;
      };
      /** @description the earliest first, at most 1,000 */
      readonly holders: readonly {
          /** Format: uuid */
          readonly lock_id: string;
          readonly agent_id: string;
          readonly session_id: string;
          /**
           * Format: date-time
           * @example 2026-11-20T22:46:52.123Z
           */
          readonly acquired_at: string;
          /**
           * Format: date-time
           * @example 2026-11-20T22:46:52.123Z
           */
          readonly expires_at: string;
          readonly purpose?: string;
        }[];
      readonly queue_position?: number;
      readonly estimated_wait_seconds?: number;
      /** @enum {boolean} */
      readonly reentrant?: true;
      /** @enum {boolean} */
      readonly upgrade_pending?: true;
      readonly queue: readonly ({
          /** Format: uuid */
          readonly lock_id: string;
          readonly agent_id: string;
          readonly session_id: string;
          /** @enum {string} */
          readonly mode: "shared" | "exclusive";
          /**
           * Format: date-time
           * @example 2026-11-20T22:46:52.123Z
           */
          readonly requested_at: string;
          readonly priority: number;
        })[];
    };
    readonly AuditRow: {
      readonly id: number;
      readonly workspace: string;
      readonly actor: string;
      readonly seq: number;
      readonly subject_type: string;
      readonly subject_id: string;
      readonly action: string;
      readonly from_state?: string;
      readonly to_state?: string;
      readonly who: {
        readonly id: string;
        /** @enum {string} */
        readonly kind: "user" | "agent" | "system";
        readonly roles: readonly string[];
        readonly token_id?: string;
        readonly session_id?: string;
        readonly on_behalf_of?: string;
      };
      /**
       * Format: date-time
       * @example 2026-11-20T22:46:52.123456Z
       */
      readonly at: string;
      readonly where: {
        readonly ip?: string;
        readonly user_agent?: string;
        readonly colo?: string;
        readonly country?: string;
        readonly service: string;
      };
      readonly why?: {
        readonly reason?: string;
        readonly ticket_ref?: string;
      };
      readonly request_id: string;
      readonly details?: {
        [key: string]: unknown;
      };
      /**
       * @description hex SHA-256
       * @example 0000000000000000000000000000000000000000000000000000000000000000
       */
      readonly prev_hash: string;
      /**
       * @description hex SHA-256
       * @example 0000000000000000000000000000000000000000000000000000000000000000
       */
      readonly hash: string;
    };
    readonly ChainVerdict: {
      readonly valid: boolean;
      readonly checked: number;
      readonly head: {
        readonly seq: number;
        /**
         * @description hex SHA-256
         * @example 0000000000000000000000000000000000000000000000000000000000000000
         */
        readonly hash: string;
      };
      readonly first_bad?: components["schemas"]["FirstBad"];
    };
    readonly FirstBad: {
      readonly seq: number;
      readonly id?: number;
      /**
       * @description altered: its content does not give its hash. unlinked: it does not follow the row before it, so one between them was removed or put in. missing: the chain's last entry is not there. unknown: nobody wrote it.
       * @enum {string}
       */
      readonly problem: "altered" | "unlinked" | "missing" | "unknown";
    };
    readonly TrailVerdict: {
      readonly valid: boolean;
      readonly chains: number;
      readonly checked: number;
      readonly bad: readonly {
          readonly subject: string;
          readonly first_bad: components["schemas"]["FirstBad"];
        }[];
      readonly next_cursor?: string;
    };
    readonly RebuildBegun: {
      readonly chains: number;
    };
    readonly RetentionState: {
      /** @description Ed25519, base64url: what the files of this workspace are verified with */
      readonly public_key: string;
      readonly retention?: components["schemas"]["Retention"];
    };
    readonly Retention: {
      /** Format: uuid */
      readonly id: string;
      /**
       * Format: date-time
       * @example 2026-11-20T22:46:52.123Z
       */
      readonly before: string;
      /**
       * @description prepared: the file can be fetched. sealed: it was written to its end. forgetting: its receipt was confirmed, and its rows are being deleted. done: they are gone.
       * @enum {string}
       */
      readonly status: "prepared" | "sealed" | "forgetting" | "done";
      readonly rows?: number;
      readonly chains?: number;
      readonly sha256?: string;
      /**
       * Format: date-time
       * @example 2026-11-20T22:46:52.123Z
       */
      readonly prepared_at: string;
      /** @description why the file was broken off: that chain does not verify, and nothing of it is retired */
      readonly problem?: {
        readonly subject: string;
        readonly first_bad: components["schemas"]["FirstBad"];
      };
    };
    /**
     * @example {
     *   "before": "2026-01-01T00:00:00Z"
     * }
     */
    readonly PrepareRetention: {
      /**
       * Format: date-time
       * @description exclusive; in the past
       */
      readonly before: string;
    };
    /**
     * @example {
     *   "sha256": "0000000000000000000000000000000000000000000000000000000000000000"
     * }
     */
    readonly ConfirmRetention: {
      /** @description of the whole file as received */
      readonly sha256: string;
    };
    readonly TicketIssued: {
      /** @description good for one socket or stream: shown now and never again */
      readonly ticket?: string;
      /**
       * @description in place of the ticket, in a replayed answer
       * @enum {boolean}
       */
      readonly secret_shown?: true;
      /**
       * Format: date-time
       * @example 2026-11-20T22:46:52.123Z
       */
      readonly expires_at: string;
    };
    readonly ChannelEvents: {
      readonly events: readonly components["schemas"]["Event"][];
      /** @description the next `after` */
      readonly next_seq: number;
      /**
       * @description what follows `after` is not kept any more: re-read, and go on from next_seq
       * @enum {boolean}
       */
      readonly reset?: true;
    };
    readonly Event: {
      readonly event: string;
      /**
       * Format: date-time
       * @example 2026-11-20T22:46:52.123Z
       */
      readonly timestamp: string;
      readonly channel: string;
      readonly seq: number;
      readonly prev: number;
      readonly payload: {
        [key: string]: unknown;
      };
    };
    readonly Stats: {
      readonly tasks: {
        readonly by_state: {
          readonly DRAFT?: number;
          readonly SUBMITTED?: number;
          readonly REVIEWING?: number;
          readonly APPROVED?: number;
          readonly APPLYING?: number;
          readonly COMPLETED?: number;
          readonly REJECTED?: number;
          readonly CANCELLED?: number;
        };
        readonly failure_rate: number;
      };
      readonly approvals: {
        readonly pending: number;
        readonly median_seconds: number;
      };
      readonly locks: {
        readonly held: number;
        readonly queued: number;
      };
      readonly agents: {
        readonly online: number;
        readonly stale: number;
        readonly offline: number;
      };
      readonly audit: {
        readonly rows: number;
        /** @description rows that the ledger has accepted and D1 does not hold yet */
        readonly unshipped?: number;
        /**
         * Format: date-time
         * @example 2026-11-20T22:46:52.123Z
         */
        readonly oldest_unshipped_at?: string;
        /** @description age of the oldest of them; 0 without any */
        readonly lag_ms?: number;
      };
      /** @description messages between actors that were refused for good and wait for a newer version */
      readonly effects?: {
        readonly parked: number;
      };
      /** @description open WebSockets */
      readonly sockets?: number;
    };
    readonly ExecutorSecret: {
      readonly secret: string;
    };
    readonly Webhooks: {
      readonly webhooks: readonly components["schemas"]["Webhook"][];
      readonly pagination: components["schemas"]["Pagination"];
    };
    readonly Webhook: {
      readonly id: string;
      readonly name: string;
      /** @example https://example.com/countersign */
      readonly url: string;
      /**
       * @description names of events of the channel `system`; `*` stands for anything up to the next `:` or `/`, `**` for all
       * @example [
       *   "approval:*",
       *   "task:state_changed"
       * ]
       */
      readonly events: readonly string[];
      /** @enum {string} */
      readonly format: "json" | "slack";
      readonly enabled: boolean;
      readonly description?: string;
      /** @description `slack` only: whose channel this is. Requests addressed to this reviewer come with a link that decides as them; give it only for a channel that nobody else reads. */
      readonly links_for?: string;
      /** @description why it was disabled, if not by an admin */
      readonly disabled_reason?: string;
      /**
       * Format: date-time
       * @description until then the secret before signs, too
       * @example 2026-11-20T22:46:52.123Z
       */
      readonly old_secret_until?: string;
      /**
       * Format: date-time
       * @example 2026-11-20T22:46:52.123Z
       */
      readonly created_at: string;
      /**
       * Format: date-time
       * @example 2026-11-20T22:46:52.123Z
       */
      readonly updated_at: string;
    };
    readonly WebhookSecret: {
      readonly webhook: components["schemas"]["Webhook"];
      /** @description signs every message: shown now and never again */
      readonly secret?: string;
      /**
       * @description in place of the secret, in a replayed answer
       * @enum {boolean}
       */
      readonly secret_shown?: true;
    };
    /**
     * @example {
     *   "name": "On call",
     *   "url": "https://example.com/countersign",
     *   "events": [
     *     "approval:*"
     *   ]
     * }
     */
    readonly WebhookInput: {
      readonly id?: string;
      readonly name: string;
      /** @example https://example.com/countersign */
      readonly url: string;
      /**
       * @description names of events of the channel `system`; `*` stands for anything up to the next `:` or `/`, `**` for all
       * @example [
       *   "approval:*",
       *   "task:state_changed"
       * ]
       */
      readonly events: readonly string[];
      /**
       * @default json
       * @enum {string}
       */
      readonly format?: "json" | "slack";
      /** @default true */
      readonly enabled?: boolean;
      readonly description?: string;
      /** @description `slack` only: whose channel this is. Requests addressed to this reviewer come with a link that decides as them; give it only for a channel that nobody else reads. */
      readonly links_for?: string;
    };
    /**
     * @example {
     *   "enabled": false
     * }
     */
    readonly WebhookPatch: {
      readonly name?: string;
      /** @example https://example.com/countersign */
      readonly url?: string;
      /**
       * @description names of events of the channel `system`; `*` stands for anything up to the next `:` or `/`, `**` for all
       * @example [
       *   "approval:*",
       *   "task:state_changed"
       * ]
       */
      readonly events?: readonly string[];
      /** @enum {string} */
      readonly format?: "json" | "slack";
      readonly enabled?: boolean;
      readonly description?: string | null;
      readonly links_for?: string | null;
    };
    readonly WebhookDelivery: {
      /**
       * Format: uuid
       * @description the `webhook-id` of every attempt
       */
      readonly id: string;
      readonly event: string;
      /** @description of the event on `system`; 0 for a test */
      readonly seq: number;
      /** @enum {string} */
      readonly status: "waiting" | "delivered" | "parked";
      readonly attempts: number;
      /**
       * Format: date-time
       * @example 2026-11-20T22:46:52.123Z
       */
      readonly next_at?: string;
      readonly last_status?: number;
      readonly last_error?: string;
      /**
       * Format: date-time
       * @example 2026-11-20T22:46:52.123Z
       */
      readonly created_at: string;
      /**
       * Format: date-time
       * @example 2026-11-20T22:46:52.123Z
       */
      readonly ended_at?: string;
    };
    readonly WebhookDeliveries: {
      readonly deliveries: readonly components["schemas"]["WebhookDelivery"][];
      readonly pagination: components["schemas"]["Pagination"];
    };
    readonly Health: {
      /** @enum {string} */
      readonly status: "ok";
      /**
       * Format: date-time
       * @example 2026-11-20T22:46:52.123Z
       */
      readonly timestamp: string;
    };
    readonly Readiness: {
      /** @enum {string} */
      readonly status: "ready";
      readonly checks: {
        /** @enum {string} */
        readonly database: "ok";
        /** @enum {string} */
        readonly coordinator: "ok";
      };
    };
  };
  responses: never;
  parameters: {
  };
  requestBodies: never;
  headers: never;
  pathItems: never;
}

export type $defs = Record<string, never>;

export type external = Record<string, never>;

export interface operations {

  /** Who calls */
  getMe: {
    responses: {
      /** @description done */
      200: {
        content: {
          readonly "application/json": components["schemas"]["Me"];
        };
      };
    };
  };
  /** People, by id */
  getUsers: {
    parameters: {
      query?: {
        page?: number;
        limit?: number;
        cursor?: string;
      };
    };
    responses: {
      /** @description done */
      200: {
        content: {
          readonly "application/json": components["schemas"]["UserList"];
        };
      };
    };
  };
  /** Add a person, with a first token that is shown once */
  postUsers: {
    readonly requestBody: {
      readonly content: {
        readonly "application/json": components["schemas"]["CreateUser"];
      };
    };
    responses: {
      /** @description done */
      201: {
        content: {
          readonly "application/json": components["schemas"]["UserCreated"];
        };
      };
    };
  };
  /** One person */
  getUsersId: {
    parameters: {
      path: {
        id: string;
      };
    };
    responses: {
      /** @description done */
      200: {
        content: {
          readonly "application/json": components["schemas"]["User"];
        };
      };
    };
  };
  /**
   * Change a person
   * @description `active: false` says that they left: their tokens die.
   */
  patchUsersId: {
    parameters: {
      path: {
        id: string;
      };
    };
    readonly requestBody?: {
      readonly content: {
        readonly "application/json": components["schemas"]["UpdateUser"];
      };
    };
    responses: {
      /** @description done */
      200: {
        content: {
          readonly "application/json": components["schemas"]["User"];
        };
      };
    };
  };
  /** Tokens of a user */
  getUsersIdTokens: {
    parameters: {
      path: {
        id: string;
      };
    };
    responses: {
      /** @description done */
      200: {
        content: {
          readonly "application/json": components["schemas"]["TokenList"];
        };
      };
    };
  };
  /** Make a token; it is shown once */
  postUsersIdTokens: {
    parameters: {
      path: {
        id: string;
      };
    };
    readonly requestBody?: {
      readonly content: {
        readonly "application/json": components["schemas"]["CreateToken"];
      };
    };
    responses: {
      /** @description done */
      201: {
        content: {
          readonly "application/json": components["schemas"]["TokenCreated"];
        };
      };
    };
  };
  /** Revoke a token */
  deleteUsersIdTokensTokenId: {
    parameters: {
      path: {
        id: string;
        token_id: string;
      };
    };
    responses: {
      /** @description done */
      204: {
        content: never;
      };
    };
  };
  /**
   * Agents, by id, with their presence
   * @description `name`: part of it, whatever the case. `capability`: a task type that the agent takes. `scope`: one that its tokens may have. `status` and `total` are as the lists know them, normally well under a second behind; an agent whose presence is found to have changed since is left out of the page.
   */
  getAgents: {
    parameters: {
      query?: {
        status?: "online" | "stale" | "offline" | "never_seen";
        name?: string;
        capability?: string;
        scope?: "tasks:read" | "tasks:write" | "approvals:read" | "approvals:write" | "locks:read" | "locks:write" | "agents:read" | "agents:write" | "audit:read" | "admin";
        page?: number;
        limit?: number;
        cursor?: string;
      };
    };
    responses: {
      /** @description done */
      200: {
        content: {
          readonly "application/json": components["schemas"]["AgentList"];
        };
      };
    };
  };
  /** Add an agent, with a first token that is shown once */
  postAgents: {
    readonly requestBody: {
      readonly content: {
        readonly "application/json": components["schemas"]["CreateAgent"];
      };
    };
    responses: {
      /** @description done */
      201: {
        content: {
          readonly "application/json": components["schemas"]["AgentCreated"];
        };
      };
    };
  };
  /**
   * One agent and its presence
   * @description What looks like a secret in `config` is masked for everybody but admins and the agent itself.
   */
  getAgentsId: {
    parameters: {
      path: {
        id: string;
      };
    };
    responses: {
      /** @description done */
      200: {
        content: {
          readonly "application/json": components["schemas"]["PresentAgent"];
        };
      };
    };
  };
  /**
   * Remove an agent
   * @description Refused while it applies a task, unless `force=true`, which releases its leases.
   */
  deleteAgentsId: {
    parameters: {
      query?: {
        force?: boolean;
      };
      path: {
        id: string;
      };
    };
    responses: {
      /** @description done */
      204: {
        content: never;
      };
    };
  };
  /**
   * Change an agent
   * @description Raising `max_tasks` grants waiters at once. With `active: false` its tokens die.
   */
  patchAgentsId: {
    parameters: {
      path: {
        id: string;
      };
    };
    readonly requestBody?: {
      readonly content: {
        readonly "application/json": components["schemas"]["UpdateAgent"];
      };
    };
    responses: {
      /** @description done */
      200: {
        content: {
          readonly "application/json": components["schemas"]["Agent"];
        };
      };
    };
  };
  /** Still here: keeps presence and leases alive in one call */
  postAgentsIdHeartbeat: {
    parameters: {
      path: {
        id: string;
      };
    };
    readonly requestBody?: {
      readonly content: {
        readonly "application/json": components["schemas"]["AgentHeartbeat"];
      };
    };
    responses: {
      /** @description done */
      200: {
        content: {
          readonly "application/json": components["schemas"]["AgentBeat"];
        };
      };
    };
  };
  /** Tokens of an agent */
  getAgentsIdTokens: {
    parameters: {
      path: {
        id: string;
      };
    };
    responses: {
      /** @description done */
      200: {
        content: {
          readonly "application/json": components["schemas"]["TokenList"];
        };
      };
    };
  };
  /** Make a token; it is shown once */
  postAgentsIdTokens: {
    parameters: {
      path: {
        id: string;
      };
    };
    readonly requestBody?: {
      readonly content: {
        readonly "application/json": components["schemas"]["CreateToken"];
      };
    };
    responses: {
      /** @description done */
      201: {
        content: {
          readonly "application/json": components["schemas"]["TokenCreated"];
        };
      };
    };
  };
  /** Revoke a token */
  deleteAgentsIdTokensTokenId: {
    parameters: {
      path: {
        id: string;
        token_id: string;
      };
    };
    responses: {
      /** @description done */
      204: {
        content: never;
      };
    };
  };
  /** Tasks, newest first; without preview, comments, output and requests of earlier revisions */
  getTasks: {
    parameters: {
      query?: {
        page?: number;
        limit?: number;
        cursor?: string;
        state?: readonly string[];
        author_id?: string;
        resource_type?: "database" | "service" | "infrastructure" | "configuration" | "secret" | "network" | "storage";
        resource_id?: string;
        risk_level?: "LOW" | "MEDIUM" | "HIGH" | "CRITICAL";
        created_after?: string;
        created_before?: string;
        tags?: readonly string[];
        type?: string;
        needs_my_approval?: boolean;
        sort_by?: "created_at" | "updated_at" | "risk_score" | "state";
        sort_order?: "asc" | "desc";
      };
    };
    responses: {
      /** @description done */
      200: {
        content: {
          readonly "application/json": {
            readonly tasks: readonly components["schemas"]["Task"][];
            readonly pagination: components["schemas"]["Pagination"];
          };
        };
      };
    };
  };
  /**
   * Draft a change
   * @description With `dry_run` everything is computed and nothing is stored: 200 instead of 201.
   */
  postTasks: {
    readonly requestBody: {
      readonly content: {
        readonly "application/json": components["schemas"]["CreateTask"];
      };
    };
    responses: {
      /** @description done */
      200: {
        content: {
          readonly "application/json": components["schemas"]["DryRun"];
        };
      };
      /** @description done */
      201: {
        content: {
          readonly "application/json": components["schemas"]["Task"];
        };
      };
    };
  };
  /** What would happen to a change, under the stored policies or others; nothing is stored */
  postTasksSimulate: {
    readonly requestBody: {
      readonly content: {
        readonly "application/json": components["schemas"]["SimulateTask"];
      };
    };
    responses: {
      /** @description done */
      200: {
        content: {
          readonly "application/json": components["schemas"]["Simulation"];
        };
      };
    };
  };
  /** One task as it is now */
  getTasksId: {
    parameters: {
      path: {
        id: string;
      };
    };
    responses: {
      /** @description done */
      200: {
        content: {
          readonly "application/json": components["schemas"]["Task"];
        };
      };
    };
  };
  /** Delete a draft */
  deleteTasksId: {
    parameters: {
      path: {
        id: string;
      };
    };
    responses: {
      /** @description done */
      204: {
        content: never;
      };
    };
  };
  /**
   * Edit a draft, or a change under review: then everything is decided anew
   * @description `config` and `metadata` are merge patches (RFC 7396).
   */
  patchTasksId: {
    parameters: {
      path: {
        id: string;
      };
    };
    readonly requestBody?: {
      readonly content: {
        readonly "application/json": components["schemas"]["PatchTask"];
      };
    };
    responses: {
      /** @description done */
      200: {
        content: {
          readonly "application/json": components["schemas"]["Task"];
        };
      };
    };
  };
  /** Ask for approval */
  postTasksIdSubmit: {
    parameters: {
      path: {
        id: string;
      };
    };
    readonly requestBody?: {
      readonly content: {
        readonly "application/json": components["schemas"]["SubmitTask"];
      };
    };
    responses: {
      /** @description done */
      202: {
        content: {
          readonly "application/json": components["schemas"]["Task"];
        };
      };
    };
  };
  /** Call a change off, unless it is being applied or over */
  postTasksIdCancel: {
    parameters: {
      path: {
        id: string;
      };
    };
    readonly requestBody?: {
      readonly content: {
        readonly "application/json": components["schemas"]["CancelTask"];
      };
    };
    responses: {
      /** @description done */
      200: {
        content: {
          readonly "application/json": components["schemas"]["Task"];
        };
      };
    };
  };
  /** File a rejected change again, as a new draft */
  postTasksIdResubmit: {
    parameters: {
      path: {
        id: string;
      };
    };
    readonly requestBody?: {
      readonly content: {
        readonly "application/json": Record<string, never>;
      };
    };
    responses: {
      /** @description done */
      201: {
        content: {
          readonly "application/json": components["schemas"]["Task"];
        };
      };
    };
  };
  /** Say something about a change */
  postTasksIdComments: {
    parameters: {
      path: {
        id: string;
      };
    };
    readonly requestBody: {
      readonly content: {
        readonly "application/json": components["schemas"]["CommentInput"];
      };
    };
    responses: {
      /** @description done */
      201: {
        content: {
          readonly "application/json": {
            /** Format: uuid */
            readonly id: string;
            readonly author_id: string;
            readonly body: string;
            /**
             * Format: date-time
             * @example 2026-11-20T22:46:52.123Z
             */
            readonly created_at: string;
          };
        };
      };
    };
  };
  /** Take the next approved task that this agent is capable of; 204 if there is none */
  postTasksClaim: {
    readonly requestBody?: {
      readonly content: {
        readonly "application/json": components["schemas"]["ClaimTask"];
      };
    };
    responses: {
      /** @description done */
      200: {
        content: {
          readonly "application/json": components["schemas"]["Applying"];
        };
      };
      /** @description done */
      204: {
        content: never;
      };
    };
  };
  /** Begin to apply an approved change, or queue for its locks */
  postTasksIdApply: {
    parameters: {
      path: {
        id: string;
      };
    };
    readonly requestBody?: {
      readonly content: {
        readonly "application/json": components["schemas"]["ApplyTask"];
      };
    };
    responses: {
      /** @description done */
      200: {
        content: {
          readonly "application/json": components["schemas"]["Applied"];
        };
      };
      /** @description done */
      202: {
        content: {
          readonly "application/json": components["schemas"]["QueuedApply"];
        };
      };
    };
  };
  /** Keep every lease of the task alive, and say how far the work is */
  postTasksIdHeartbeat: {
    parameters: {
      path: {
        id: string;
      };
    };
    readonly requestBody?: {
      readonly content: {
        readonly "application/json": components["schemas"]["HeartbeatTask"];
      };
    };
    responses: {
      /** @description done */
      200: {
        content: {
          readonly "application/json": components["schemas"]["TaskHeartbeat"];
        };
      };
    };
  };
  /** Say how the work ended */
  postTasksIdComplete: {
    parameters: {
      path: {
        id: string;
      };
    };
    readonly requestBody: {
      readonly content: {
        readonly "application/json": components["schemas"]["CompleteTask"];
      };
    };
    responses: {
      /** @description done */
      200: {
        content: {
          readonly "application/json": components["schemas"]["Task"];
        };
      };
    };
  };
  /** Keep what a resource was like before, for a rollback */
  postTasksIdStash: {
    parameters: {
      path: {
        id: string;
      };
    };
    readonly requestBody: {
      readonly content: {
        readonly "application/json": components["schemas"]["StashInput"];
      };
    };
    responses: {
      /** @description done */
      200: {
        content: {
          readonly "application/json": components["schemas"]["Stashed"];
        };
      };
    };
  };
  /** Say how the rollback went that a failure asked for */
  postTasksIdRollback: {
    parameters: {
      path: {
        id: string;
      };
    };
    readonly requestBody: {
      readonly content: {
        readonly "application/json": components["schemas"]["RollbackReport"];
      };
    };
    responses: {
      /** @description done */
      200: {
        content: {
          readonly "application/json": components["schemas"]["Task"];
        };
      };
    };
  };
  /** What the change would do */
  getTasksIdPreview: {
    parameters: {
      path: {
        id: string;
      };
    };
    responses: {
      /** @description done */
      200: {
        content: {
          readonly "application/json": components["schemas"]["Preview"];
        };
      };
    };
  };
  /** The task's whole chain, oldest first */
  getTasksIdAudit: {
    parameters: {
      path: {
        id: string;
      };
    };
    responses: {
      /** @description done */
      200: {
        content: {
          readonly "application/json": {
            readonly entries: readonly ({
                readonly id?: number;
                readonly workspace: string;
                readonly actor: string;
                readonly seq: number;
                readonly subject_type: string;
                readonly subject_id: string;
                readonly action: string;
                readonly from_state?: string;
                readonly to_state?: string;
                readonly who: {
                  readonly id: string;
                  /** @enum {string} */
                  readonly kind: "user" | "agent" | "system";
                  readonly roles: readonly string[];
                  readonly token_id?: string;
                  readonly session_id?: string;
                  readonly on_behalf_of?: string;
                };
                /**
                 * Format: date-time
                 * @example 2026-11-20T22:46:52.123456Z
                 */
                readonly at: string;
                readonly where: {
                  readonly ip?: string;
                  readonly user_agent?: string;
                  readonly colo?: string;
                  readonly country?: string;
                  readonly service: string;
                };
                readonly why?: {
                  readonly reason?: string;
                  readonly ticket_ref?: string;
                };
                readonly request_id: string;
                readonly details?: {
                  [key: string]: unknown;
                };
                /**
                 * @description hex SHA-256
                 * @example 0000000000000000000000000000000000000000000000000000000000000000
                 */
                readonly prev_hash: string;
                /**
                 * @description hex SHA-256
                 * @example 0000000000000000000000000000000000000000000000000000000000000000
                 */
                readonly hash: string;
              })[];
          };
        };
      };
    };
  };
  /**
   * List the catalogued resources
   * @description Ordered by key. Attributes, revision and lock are left out: each is kept by an object of its own.
   */
  getResources: {
    parameters: {
      query?: {
        page?: number;
        limit?: number;
        cursor?: string;
        type?: "database" | "service" | "infrastructure" | "configuration" | "secret" | "network" | "storage";
        namespace?: string;
        owner?: string;
      };
    };
    responses: {
      /** @description done */
      200: {
        content: {
          readonly "application/json": {
            readonly resources: readonly components["schemas"]["CataloguedResource"][];
            readonly pagination: components["schemas"]["Pagination"];
          };
        };
      };
    };
  };
  /**
   * Read a resource
   * @description Also one that nobody catalogued: what was last applied to it, and its lock. A slash in the id is written %2F.
   */
  getResourcesTypeId: {
    parameters: {
      query?: {
        namespace?: string;
      };
      path: {
        type: "database" | "service" | "infrastructure" | "configuration" | "secret" | "network" | "storage";
        id: string;
      };
    };
    responses: {
      /** @description done */
      200: {
        content: {
          readonly "application/json": components["schemas"]["Resource"];
        };
      };
    };
  };
  /**
   * Catalogue a resource
   * @description Replaces what was said about it before; what is left out is unset.
   */
  putResourcesTypeId: {
    parameters: {
      query?: {
        namespace?: string;
      };
      path: {
        type: "database" | "service" | "infrastructure" | "configuration" | "secret" | "network" | "storage";
        id: string;
      };
    };
    readonly requestBody?: {
      readonly content: {
        readonly "application/json": components["schemas"]["CatalogueInput"];
      };
    };
    responses: {
      /** @description done */
      200: {
        content: {
          readonly "application/json": components["schemas"]["CataloguedResource"];
        };
      };
    };
  };
  /**
   * Take a resource out of the catalogue
   * @description Its attributes, revision and lock stay.
   */
  deleteResourcesTypeId: {
    parameters: {
      query?: {
        namespace?: string;
      };
      path: {
        type: "database" | "service" | "infrastructure" | "configuration" | "secret" | "network" | "storage";
        id: string;
      };
    };
    responses: {
      /** @description done */
      204: {
        content: never;
      };
    };
  };
  /** Tasks under review with a requirement that the open requests can no longer meet, longest stuck first */
  getApprovalsStuck: {
    parameters: {
      query?: {
        page?: number;
        limit?: number;
        cursor?: string;
      };
    };
    responses: {
      /** @description done */
      200: {
        content: {
          readonly "application/json": components["schemas"]["StuckTasks"];
        };
      };
    };
  };
  /**
   * To whom the caller delegates
   * @description Oldest first, the order in which they are tried. An admin may name another owner.
   */
  getApprovalsPolicies: {
    parameters: {
      query?: {
        owner_id?: string;
      };
    };
    responses: {
      /** @description done */
      200: {
        content: {
          readonly "application/json": {
            readonly policies: readonly components["schemas"]["DelegationPolicy"][];
          };
        };
      };
    };
  };
  /**
   * Delegate one's requests to somebody
   * @description It holds for changes whose reviewers are picked from now on.
   */
  postApprovalsPolicies: {
    readonly requestBody: {
      readonly content: {
        readonly "application/json": components["schemas"]["DelegationPolicyInput"];
      };
    };
    responses: {
      /** @description done */
      201: {
        content: {
          readonly "application/json": components["schemas"]["DelegationPolicy"];
        };
      };
    };
  };
  /** Delete a delegation policy */
  deleteApprovalsPoliciesId: {
    parameters: {
      path: {
        id: string;
      };
    };
    responses: {
      /** @description done */
      204: {
        content: never;
      };
    };
  };
  /**
   * Change a delegation policy
   * @description Conditions are replaced as a whole. Requests that are open already stay where they are.
   */
  patchApprovalsPoliciesId: {
    parameters: {
      path: {
        id: string;
      };
    };
    readonly requestBody?: {
      readonly content: {
        readonly "application/json": components["schemas"]["DelegationPolicyPatch"];
      };
    };
    responses: {
      /** @description done */
      200: {
        content: {
          readonly "application/json": components["schemas"]["DelegationPolicy"];
        };
      };
    };
  };
  /** The caller's inbox: URGENT, HIGH, NORMAL, LOW, then oldest first */
  getApprovals: {
    parameters: {
      query?: {
        page?: number;
        limit?: number;
        cursor?: string;
        status?: readonly string[];
        task_id?: string;
        reviewer_id?: string;
      };
    };
    responses: {
      /** @description done */
      200: {
        content: {
          readonly "application/json": {
            readonly approvals: readonly ({
                /** Format: uuid */
                readonly id: string;
                /** Format: uuid */
                readonly task_id: string;
                readonly reviewer_id: string;
                readonly reviewer_name: string;
                readonly on_behalf_of?: string;
                readonly revision: number;
                /** @enum {string} */
                readonly status: "PENDING" | "APPROVED" | "REJECTED" | "CHANGES_REQUESTED" | "DELEGATED" | "SUPERSEDED" | "EXPIRED";
                /** @enum {string} */
                readonly priority: "LOW" | "NORMAL" | "HIGH" | "URGENT";
                readonly delegated_to?: string;
                readonly via?: readonly string[];
                /**
                 * Format: date-time
                 * @example 2026-11-20T22:46:52.123Z
                 */
                readonly due_at: string;
                readonly escalation_level: number;
                /**
                 * Format: date-time
                 * @example 2026-11-20T22:46:52.123Z
                 */
                readonly created_at: string;
                /**
                 * Format: date-time
                 * @example 2026-11-20T22:46:52.123Z
                 */
                readonly responded_at?: string;
                readonly task: {
                  /** Format: uuid */
                  readonly id: string;
                  readonly type: string;
                  readonly description: string;
                  readonly author_id: string;
                  readonly risk_score: number;
                  /** @enum {string} */
                  readonly risk_level: "LOW" | "MEDIUM" | "HIGH" | "CRITICAL";
                };
              })[];
            readonly pagination: components["schemas"]["Pagination"];
          };
        };
      };
    };
  };
  /** One request with its change, and whether the caller may decide on it */
  getApprovalsId: {
    parameters: {
      path: {
        id: string;
      };
    };
    responses: {
      /** @description done */
      200: {
        content: {
          readonly "application/json": components["schemas"]["ApprovalDetail"];
        };
      };
    };
  };
  /** Approve, reject, ask for changes, or delegate */
  postApprovalsIdRespond: {
    parameters: {
      path: {
        id: string;
      };
    };
    readonly requestBody: {
      readonly content: {
        readonly "application/json": components["schemas"]["RespondToApproval"];
      };
    };
    responses: {
      /** @description done */
      200: {
        content: {
          readonly "application/json": components["schemas"]["Responded"];
        };
      };
    };
  };
  /**
   * Ask, as an admin and with an incident ticket, to approve a change without its reviewers
   * @description Another admin has to confirm. An edit voids it, a quorum makes it moot.
   */
  postTasksIdOverride: {
    parameters: {
      path: {
        id: string;
      };
    };
    readonly requestBody: {
      readonly content: {
        readonly "application/json": components["schemas"]["OverrideInput"];
      };
    };
    responses: {
      /** @description done */
      202: {
        content: {
          readonly "application/json": components["schemas"]["OverrideRequested"];
        };
      };
    };
  };
  /** Confirm, as the second admin, an override */
  postTasksIdOverrideConfirm: {
    parameters: {
      path: {
        id: string;
      };
    };
    readonly requestBody?: {
      readonly content: {
        readonly "application/json": Record<string, never>;
      };
    };
    responses: {
      /** @description done */
      200: {
        content: {
          readonly "application/json": components["schemas"]["Task"];
        };
      };
    };
  };
  /**
   * Decide on many requests at once, all of them or none
   * @description Each item is judged as a single answer would be, and by whether its change is still what was shown (`DRIFTED`). One that cannot be decided fails the whole batch, with `details.results` saying which and why. With `continue_on_error` each is decided on its own. `skip_validation` (admins) leaves out the look at the change.
   */
  postApprovalsBatch: {
    readonly requestBody: {
      readonly content: {
        readonly "application/json": components["schemas"]["DecideBatch"];
      };
    };
    responses: {
      /** @description done */
      200: {
        content: {
          readonly "application/json": components["schemas"]["BatchAnswer"];
        };
      };
    };
  };
  /**
   * A link with which the caller decides on this request once, without a token
   * @description For oneself only: the link decides as whoever asked for it, under the rules and with the roles of the moment when it is used.
   */
  postApprovalsIdLinks: {
    parameters: {
      path: {
        id: string;
      };
    };
    readonly requestBody?: {
      readonly content: {
        readonly "application/json": components["schemas"]["CreateLinks"];
      };
    };
    responses: {
      /** @description done */
      201: {
        content: {
          readonly "application/json": components["schemas"]["LinksCreated"];
        };
      };
    };
  };
  /**
   * List the reviewer policies
   * @description Ordered by id, disabled ones too.
   */
  getPolicies: {
    parameters: {
      query?: {
        page?: number;
        limit?: number;
        cursor?: string;
      };
    };
    responses: {
      /** @description done */
      200: {
        content: {
          readonly "application/json": {
            readonly policies: readonly components["schemas"]["ReviewerPolicy"][];
            readonly pagination: components["schemas"]["Pagination"];
          };
        };
      };
    };
  };
  /**
   * Create a reviewer policy
   * @description Without an id it is given one. It holds for tasks that are submitted from now on.
   */
  postPolicies: {
    readonly requestBody: {
      readonly content: {
        readonly "application/json": components["schemas"]["ReviewerPolicyInput"];
      };
    };
    responses: {
      /** @description done */
      201: {
        content: {
          readonly "application/json": components["schemas"]["ReviewerPolicy"];
        };
      };
    };
  };
  /** Read a reviewer policy */
  getPoliciesId: {
    parameters: {
      path: {
        id: string;
      };
    };
    responses: {
      /** @description done */
      200: {
        content: {
          readonly "application/json": components["schemas"]["ReviewerPolicy"];
        };
      };
    };
  };
  /**
   * Replace a reviewer policy
   * @description What is left out takes its default. Tasks that were submitted before keep what they were asked.
   */
  putPoliciesId: {
    parameters: {
      path: {
        id: string;
      };
    };
    readonly requestBody: {
      readonly content: {
        readonly "application/json": components["schemas"]["ReviewerPolicyInput"];
      };
    };
    responses: {
      /** @description done */
      200: {
        content: {
          readonly "application/json": components["schemas"]["ReviewerPolicy"];
        };
      };
    };
  };
  /** Delete a reviewer policy */
  deletePoliciesId: {
    parameters: {
      path: {
        id: string;
      };
    };
    responses: {
      /** @description done */
      204: {
        content: never;
      };
    };
  };
  /** The deadlocks that were resolved, newest first (the last 1,000) */
  getLocksDeadlocks: {
    parameters: {
      query?: {
        page?: number;
        limit?: number;
        cursor?: string;
      };
    };
    responses: {
      /** @description done */
      200: {
        content: {
          readonly "application/json": components["schemas"]["Deadlocks"];
        };
      };
    };
  };
  /** Who waits for whom now: sessions, and an edge from each that waits to each that holds */
  getLocksGraph: {
    responses: {
      /** @description done */
      200: {
        content: {
          readonly "application/json": components["schemas"]["WaitForGraph"];
        };
      };
    };
  };
  /**
   * Take a lock, queue for it, or try
   * @description 201: granted as asked. 202: queued; so is the upgrade of a shared lease, which is `held` and shared until its `upgrade_pending` is gone.
   */
  postLocksAcquire: {
    readonly requestBody: {
      readonly content: {
        readonly "application/json": components["schemas"]["AcquireLock"];
      };
    };
    responses: {
      /** @description done */
      201: {
        content: {
          readonly "application/json": components["schemas"]["Lock"];
        };
      };
      /** @description done */
      202: {
        content: {
          readonly "application/json": components["schemas"]["Lock"];
        };
      };
    };
  };
  /** Take several locks or none of them, without waiting */
  postLocksAcquireAll: {
    readonly requestBody: {
      readonly content: {
        readonly "application/json": components["schemas"]["AcquireAllLocks"];
      };
    };
    responses: {
      /** @description done */
      201: {
        content: {
          readonly "application/json": components["schemas"]["Leases"];
        };
      };
    };
  };
  /** Keep one lease alive, or up to 100 */
  postLocksHeartbeat: {
    readonly requestBody: {
      readonly content: {
        readonly "application/json": components["schemas"]["HeartbeatLock"];
      };
    };
    responses: {
      /** @description done */
      200: {
        content: {
          readonly "application/json": components["schemas"]["Lock"] | components["schemas"]["LockHeartbeats"];
        };
      };
    };
  };
  /**
   * Free a lease or withdraw a claim; an admin frees somebody else's by force
   * @description With `force` a token narrowed by scopes needs `admin`, without it `locks:write`.
   */
  postLocksRelease: {
    readonly requestBody: {
      readonly content: {
        readonly "application/json": components["schemas"]["ReleaseLock"];
      };
    };
    responses: {
      /** @description done */
      204: {
        content: never;
      };
    };
  };
  /** Make an exclusive lease shared; the readers at the head of the queue are let in */
  postLocksDowngrade: {
    readonly requestBody: {
      readonly content: {
        readonly "application/json": components["schemas"]["DowngradeLock"];
      };
    };
    responses: {
      /** @description done */
      200: {
        content: {
          readonly "application/json": components["schemas"]["Lock"];
        };
      };
    };
  };
  /** Whether a lease held now has this fencing token: what a storage system asks before it accepts a write */
  postLocksVerify: {
    readonly requestBody: {
      readonly content: {
        readonly "application/json": components["schemas"]["VerifyToken"];
      };
    };
    responses: {
      /** @description done */
      200: {
        content: {
          readonly "application/json": components["schemas"]["TokenVerification"];
        };
      };
    };
  };
  /** Held leases with their queues, the newest first: all for an admin, an agent's own */
  getLocks: {
    parameters: {
      query?: {
        page?: number;
        limit?: number;
        cursor?: string;
        resource_type?: "task" | "resource" | "agent";
        resource_id?: string;
        /** @description of the holder or of somebody who waits */
        agent_id?: string;
        /** @description of the holder or of somebody who waits */
        session_id?: string;
      };
    };
    responses: {
      /** @description done */
      200: {
        content: {
          readonly "application/json": components["schemas"]["Locks"];
        };
      };
    };
  };
  /** One lease or claim, as it is now */
  getLocksId: {
    parameters: {
      path: {
        id: string;
      };
    };
    responses: {
      /** @description done */
      200: {
        content: {
          readonly "application/json": components["schemas"]["Lock"];
        };
      };
    };
  };
  /** Search the audit trail */
  getAudit: {
    parameters: {
      query?: {
        page?: number;
        limit?: number;
        cursor?: string;
        subject_type?: string;
        subject_id?: string;
        /** @description the task's own chain, and what names it elsewhere */
        task_id?: string;
        /** @description id of who acted */
        who?: string;
        action?: string;
        /** @description inclusive */
        from?: string;
        /** @description exclusive */
        to?: string;
        request_id?: string;
        sort_order?: "asc" | "desc";
      };
    };
    responses: {
      /** @description done */
      200: {
        content: {
          readonly "application/json": {
            readonly entries: readonly components["schemas"]["AuditRow"][];
            readonly pagination: components["schemas"]["Pagination"];
          };
        };
      };
    };
  };
  /**
   * The newest rows of the trail
   * @description Newest first. What the channel `system` tells as it happens.
   */
  getAuditTail: {
    parameters: {
      query?: {
        limit?: number;
      };
    };
    responses: {
      /** @description done */
      200: {
        content: {
          readonly "application/json": {
            readonly entries: readonly components["schemas"]["AuditRow"][];
          };
        };
      };
    };
  };
  /**
   * Download the trail, or what of it fits the filters
   * @description Oldest first, one row a line, as it stood when the request came. The header Audit-Rows says how many rows there are: an answer that ends with fewer, or without the end that HTTP demands, was broken off.
   */
  getAuditExport: {
    parameters: {
      query?: {
        subject_type?: string;
        subject_id?: string;
        /** @description the task's own chain, and what names it elsewhere */
        task_id?: string;
        /** @description id of who acted */
        who?: string;
        action?: string;
        /** @description inclusive */
        from?: string;
        /** @description exclusive */
        to?: string;
        request_id?: string;
        format?: "ndjson" | "csv";
      };
    };
    responses: {
      /** @description done */
      200: {
        content: {
          readonly "application/x-ndjson": string;
          readonly "text/csv": string;
        };
      };
    };
  };
  /**
   * Prove that no row was altered or lost
   * @description With a subject: recomputes its chain from the database and compares the end with what its actor knows. Without: a page of all chains against the heads that the ledger keeps; follow next_cursor until it is absent.
   */
  getAuditVerify: {
    parameters: {
      query?: {
        subject?: string;
        /** @description chains per page, without subject */
        limit?: number;
        cursor?: string;
      };
    };
    responses: {
      /** @description done */
      200: {
        content: {
          readonly "application/json": components["schemas"]["ChainVerdict"] | components["schemas"]["TrailVerdict"];
        };
      };
    };
  };
  /**
   * Bring everything back into D1 after a loss
   * @description Configuration, audit trail and read models, from what the actors still hold. The tables have to be there. Goes on by itself; `rebuild.started`, `rebuild.progress` and `rebuild.completed` in the trail tell how far it is.
   */
  postAdminRebuild: {
    responses: {
      /** @description done */
      202: {
        content: {
          readonly "application/json": components["schemas"]["RebuildBegun"];
        };
      };
    };
  };
  /** The last retention, and the key that signs */
  getAdminAuditRetention: {
    responses: {
      /** @description done */
      200: {
        content: {
          readonly "application/json": components["schemas"]["RetentionState"];
        };
      };
    };
  };
  /**
   * Prepare to retire old rows of the trail
   * @description Changes nothing yet. Fetch the file, keep it, then confirm it by its digest.
   */
  postAdminAuditRetention: {
    readonly requestBody: {
      readonly content: {
        readonly "application/json": components["schemas"]["PrepareRetention"];
      };
    };
    responses: {
      /** @description done */
      201: {
        content: {
          readonly "application/json": components["schemas"]["Retention"];
        };
      };
    };
  };
  /**
   * The rows to retire, with a signed last line
   * @description NDJSON. A file without its last line is not whole. May be fetched again until it is confirmed.
   */
  getAdminAuditRetentionIdFile: {
    parameters: {
      path: {
        id: string;
      };
    };
    responses: {
      /** @description done */
      200: {
        content: {
          readonly "application/x-ndjson": string;
        };
      };
    };
  };
  /** Confirm that the file was received; its rows are deleted from then on */
  postAdminAuditRetentionIdConfirm: {
    parameters: {
      path: {
        id: string;
      };
    };
    readonly requestBody: {
      readonly content: {
        readonly "application/json": components["schemas"]["ConfirmRetention"];
      };
    };
    responses: {
      /** @description done */
      202: {
        content: {
          readonly "application/json": components["schemas"]["Retention"];
        };
      };
    };
  };
  /**
   * Make a ticket that opens one WebSocket or stream within a minute
   * @description For browsers, which can send no Authorization header with these. It may do what the token may do.
   */
  postWsTickets: {
    responses: {
      /** @description done */
      201: {
        content: {
          readonly "application/json": components["schemas"]["TicketIssued"];
        };
      };
    };
  };
  /**
   * Upgrade to a WebSocket
   * @description Say `{ "action": "subscribe", "channels": [...], "since"?: { channel: seq } }` and `{ "action": "unsubscribe", "channels": [...] }`; `ping` is answered `pong`. `subscribed` tells the head of each channel, then come the events after `since` and what happens from then on: nothing missing, nothing twice. `reset`: that past is not kept, or is more than 10,000 events: re-read and go on. At most 100 channels a socket and 32 KiB a message. Closes with 4401 when the token dies.
   */
  getWs: {
    parameters: {
      query?: {
        /** @description in place of a token, from POST /ws/tickets; good once */
        ticket?: string;
      };
    };
    responses: {
    };
  };
  /** Events of a channel after a seq, waited for if there are none yet */
  getChannelsChannelEvents: {
    parameters: {
      query?: {
        /** @description default: all that is kept */
        after?: number;
        limit?: number;
        wait?: number;
      };
      path: {
        /** @description percent-encoded */
        channel: string;
      };
    };
    responses: {
      /** @description done */
      200: {
        content: {
          readonly "application/json": components["schemas"]["ChannelEvents"];
        };
      };
    };
  };
  /**
   * Events of a channel as server-sent events
   * @description `id` is the seq, `data` the event. Begins after `Last-Event-ID`, or now. A comment comes every 15 s. `event: reset`: what was asked for is not kept any more, re-read and go on. Ends when the token dies; a ticket does not open it again.
   */
  getChannelsChannelStream: {
    parameters: {
      query?: {
        /** @description in place of a token, from POST /ws/tickets; good once */
        ticket?: string;
      };
      path: {
        /** @description percent-encoded */
        channel: string;
      };
    };
    responses: {
      /** @description done */
      200: {
        content: {
          readonly "text/event-stream": string;
        };
      };
    };
  };
  /** The workspace at a glance */
  getStats: {
    responses: {
      /** @description done */
      200: {
        content: {
          readonly "application/json": components["schemas"]["Stats"];
        };
      };
    };
  };
  /** The secret with which calls to this workspace's executors are signed (Standard Webhooks) */
  getWebhooksExecutorSecret: {
    responses: {
      /** @description done */
      200: {
        content: {
          readonly "application/json": components["schemas"]["ExecutorSecret"];
        };
      };
    };
  };
  /**
   * List the webhooks
   * @description Ordered by id, disabled ones too.
   */
  getWebhooks: {
    parameters: {
      query?: {
        page?: number;
        limit?: number;
        cursor?: string;
      };
    };
    responses: {
      /** @description done */
      200: {
        content: {
          readonly "application/json": components["schemas"]["Webhooks"];
        };
      };
    };
  };
  /**
   * Have events sent to an address
   * @description Signed by Standard Webhooks with a secret that is shown once. It is told of what happens from now on, each event at least once, under a `webhook-id` that stays the same over all attempts. Without an id it is given one.
   */
  postWebhooks: {
    readonly requestBody: {
      readonly content: {
        readonly "application/json": components["schemas"]["WebhookInput"];
      };
    };
    responses: {
      /** @description done */
      201: {
        content: {
          readonly "application/json": components["schemas"]["WebhookSecret"];
        };
      };
    };
  };
  /** Read a webhook */
  getWebhooksId: {
    parameters: {
      path: {
        id: string;
      };
    };
    responses: {
      /** @description done */
      200: {
        content: {
          readonly "application/json": components["schemas"]["Webhook"];
        };
      };
    };
  };
  /** Delete a webhook, its log and what waits to be sent */
  deleteWebhooksId: {
    parameters: {
      path: {
        id: string;
      };
    };
    responses: {
      /** @description done */
      204: {
        content: never;
      };
    };
  };
  /**
   * Change a webhook
   * @description `null` takes away what may be left out. While it is disabled nothing is sent, and what happens meanwhile is not told later; what waited goes on when it is enabled.
   */
  patchWebhooksId: {
    parameters: {
      path: {
        id: string;
      };
    };
    readonly requestBody?: {
      readonly content: {
        readonly "application/json": components["schemas"]["WebhookPatch"];
      };
    };
    responses: {
      /** @description done */
      200: {
        content: {
          readonly "application/json": components["schemas"]["Webhook"];
        };
      };
    };
  };
  /** Draw another secret; the old one signs too for 24 h */
  postWebhooksIdRotateSecret: {
    parameters: {
      path: {
        id: string;
      };
    };
    readonly requestBody?: {
      readonly content: {
        readonly "application/json": Record<string, never>;
      };
    };
    responses: {
      /** @description done */
      200: {
        content: {
          readonly "application/json": components["schemas"]["WebhookSecret"];
        };
      };
    };
  };
  /**
   * Send a `webhook.test` now, and see how the first attempt goes
   * @description What fails is tried again like any other.
   */
  postWebhooksIdTest: {
    parameters: {
      path: {
        id: string;
      };
    };
    readonly requestBody?: {
      readonly content: {
        readonly "application/json": Record<string, never>;
      };
    };
    responses: {
      /** @description done */
      200: {
        content: {
          readonly "application/json": components["schemas"]["WebhookDelivery"];
        };
      };
    };
  };
  /** What waits, what was delivered (the last 1,000) and what was parked (the last 1,000), newest first */
  getWebhooksIdDeliveries: {
    parameters: {
      query?: {
        page?: number;
        limit?: number;
        cursor?: string;
        status?: "waiting" | "delivered" | "parked";
      };
      path: {
        id: string;
      };
    };
    responses: {
      /** @description done */
      200: {
        content: {
          readonly "application/json": components["schemas"]["WebhookDeliveries"];
        };
      };
    };
  };
  /** Send one again from the beginning, under the same `webhook-id` */
  postWebhooksIdDeliveriesDeliveryIdRedeliver: {
    parameters: {
      path: {
        id: string;
        delivery_id: string;
      };
    };
    readonly requestBody?: {
      readonly content: {
        readonly "application/json": Record<string, never>;
      };
    };
    responses: {
      /** @description done */
      202: {
        content: {
          readonly "application/json": components["schemas"]["WebhookDelivery"];
        };
      };
    };
  };
}
