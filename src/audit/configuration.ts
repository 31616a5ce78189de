/**
 * The configuration journal (01-architecture; docs/design/journal-and-ledger.md): users, agents, tokens, policies and the
 * catalogue change only here, one at a time, each as a plan over what D1 holds.
 */

import type { Result } from "../actor/result.ts";
import { type AgentCommand, agentPlanner } from "../agents/configure.ts";
import { type PolicyCommand, policyPlanner } from "../approvals/configure.ts";
import { type DelegationCommand, delegationPlanner } from "../approvals/configure-delegation.ts";
import { type CatalogueCommand, cataloguePlanner } from "../tasks/catalogue.ts";
import { type UserCommand, userPlanner } from "../users/configure.ts";
import { type TokenCommand, tokenPlanner } from "../users/tokens.ts";
import { type WebhookCommand, webhookPlanner } from "../webhooks/configure.ts";
import type { Plan } from "./plan.ts";

export type ConfigurationCommand =
  | { readonly of: "user"; readonly command: UserCommand }
  | { readonly of: "token"; readonly command: TokenCommand }
  | { readonly of: "agent"; readonly command: AgentCommand }
  | { readonly of: "policy"; readonly command: PolicyCommand }
  | { readonly of: "delegation"; readonly command: DelegationCommand }
  | { readonly of: "webhook"; readonly command: WebhookCommand }
  | { readonly of: "catalogue"; readonly command: CatalogueCommand };

/** Reads what the command is about and plans it. Throws only when D1 fails. */
export async function planConfiguration(
  db: D1Database,
  workspace: string,
  { of, command }: ConfigurationCommand,
  now: string,
): Promise<Result<Plan>> {
  switch (of) {
    case "user":
      return userPlanner.plan(command, await userPlanner.read(db, workspace, command), now);
    case "token":
      return tokenPlanner.plan(command, await tokenPlanner.read(db, workspace, command), now);
    case "agent":
      return agentPlanner.plan(command, await agentPlanner.read(db, workspace, command), now);
    case "policy":
      return policyPlanner.plan(command, await policyPlanner.read(db, workspace, command), now);
    case "delegation":
      return delegationPlanner.plan(command, await delegationPlanner.read(db, workspace, command), now);
    case "webhook":
      return webhookPlanner.plan(command, await webhookPlanner.read(db, workspace, command), now);
    case "catalogue":
      return cataloguePlanner.plan(command, await cataloguePlanner.read(db, workspace, command), now);
  }
}
