/** Entry of the worker: the HTTP app and every Durable Object class. */
import { agentRoutes } from "./agents/routes.ts";
import { batchRoutes } from "./approvals/batch-routes.ts";
import { delegationRoutes } from "./approvals/delegation-routes.ts";
import { linkPages } from "./approvals/link-pages.tsx";
import { linkRoutes } from "./approvals/link-routes.ts";
import { overrideRoutes } from "./approvals/override-routes.ts";
import { policyRoutes } from "./approvals/policy-routes.ts";
import { approvalRoutes } from "./approvals/routes.ts";
import { stuckRoutes } from "./approvals/stuck-routes.ts";
import { auditAdminRoutes } from "./audit/admin-routes.ts";
import { auditRoutes } from "./audit/routes.ts";
import { deadlockRoutes } from "./deadlocks/routes.ts";
import { createApp } from "./http/app.ts";
import { lockRoutes } from "./locks/routes.ts";
import { channelRoutes } from "./realtime/channel-routes.ts";
import { socketRoutes } from "./realtime/socket-routes.ts";
import { statsRoutes } from "./stats/routes.ts";
import { catalogueRoutes } from "./tasks/catalogue-routes.ts";
import { taskRoutes } from "./tasks/routes.ts";
import { userRoutes } from "./users/routes.ts";
import { webhookRoutes } from "./webhooks/routes.ts";

export { AgentActor } from "./agents/actor.ts";
export { InboxActor } from "./approvals/inbox-actor.ts";
export { LedgerActor } from "./audit/actor.ts";
export { CoordinatorActor } from "./deadlocks/actor.ts";
export { ResourceActor } from "./locks/resource-actor.ts";
export { HubActor } from "./realtime/hub-actor.ts";
export { TaskActor } from "./tasks/actor.ts";
export { DispatchActor } from "./tasks/dispatch-actor.ts";
export { WebhookActor } from "./webhooks/actor.ts";

export default createApp(
  [
    userRoutes,
    agentRoutes,
    taskRoutes,
    catalogueRoutes,
    stuckRoutes,
    delegationRoutes,
    approvalRoutes,
    overrideRoutes,
    batchRoutes,
    linkRoutes,
    policyRoutes,
    deadlockRoutes,
    lockRoutes,
    auditRoutes,
    auditAdminRoutes,
    socketRoutes,
    channelRoutes,
    statsRoutes,
    webhookRoutes,
  ],
  [linkPages],
);
