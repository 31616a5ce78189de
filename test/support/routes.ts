/** What the OpenAPI document has to describe. */

/** `METHOD path` below the base path of every route that this version has to have (documents 02 to 05). */
export const ROUTES: readonly string[] = `
GET /me
GET POST /users
GET PATCH /users/{id}
GET POST /users/{id}/tokens
DELETE /users/{id}/tokens/{token_id}
GET POST /agents
GET PATCH DELETE /agents/{id}
POST /agents/{id}/heartbeat
GET POST /agents/{id}/tokens
DELETE /agents/{id}/tokens/{token_id}
GET POST /tasks
POST /tasks/simulate
POST /tasks/claim
GET PATCH DELETE /tasks/{id}
POST /tasks/{id}/submit
POST /tasks/{id}/cancel
POST /tasks/{id}/comments
POST /tasks/{id}/apply
POST /tasks/{id}/heartbeat
POST /tasks/{id}/complete
POST /tasks/{id}/stash
POST /tasks/{id}/rollback
POST /tasks/{id}/resubmit
POST /tasks/{id}/override
POST /tasks/{id}/override/confirm
GET /tasks/{id}/preview
GET /tasks/{id}/audit
GET /approvals
GET /approvals/stuck
GET /approvals/{id}
POST /approvals/{id}/respond
GET POST /approvals/policies
PATCH DELETE /approvals/policies/{id}
POST /approvals/{id}/links
POST /approvals/batch
GET POST /policies
GET PUT DELETE /policies/{id}
GET /resources
GET PUT DELETE /resources/{type}/{id}
GET /locks
POST /locks/acquire
POST /locks/acquire-all
POST /locks/heartbeat
POST /locks/downgrade
POST /locks/verify
POST /locks/release
GET /locks/{id}
GET /locks/graph
GET /locks/deadlocks
POST /ws/tickets
GET /ws
GET /channels/{channel}/events
GET /channels/{channel}/stream
GET /audit
GET /audit/tail
GET /audit/verify
GET /audit/export
GET POST /admin/audit/retention
GET /admin/audit/retention/{id}/file
POST /admin/audit/retention/{id}/confirm
POST /admin/rebuild
GET /stats
GET /webhooks/executor-secret
GET POST /webhooks
GET PATCH DELETE /webhooks/{id}
POST /webhooks/{id}/rotate-secret
POST /webhooks/{id}/test
GET /webhooks/{id}/deliveries
POST /webhooks/{id}/deliveries/{delivery_id}/redeliver`
  .trim()
  .split("\n")
  .flatMap((line) => {
    const words = line.split(" ");
    return words.slice(0, -1).map((method) => `${method} ${words.at(-1)}`);
  });
