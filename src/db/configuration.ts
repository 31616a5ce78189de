/** Rows of D1's configuration tables as the configuration journal writes them: whole rows, so that a repeat changes nothing. */

export interface UserRow {
  readonly id: string;
  readonly name: string;
  readonly email: string | null;
  readonly roles: readonly string[];
  readonly manager_id: string | null;
  readonly oidc_subject: string | null;
  readonly active: boolean;
  readonly created_at: string;
  readonly updated_at: string;
}

export interface AgentRow {
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
  readonly roles: readonly string[];
  readonly scopes: readonly string[];
  readonly capabilities: readonly string[];
  readonly max_tasks: number;
  readonly heartbeat_interval_seconds: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly config: Readonly<Record<string, unknown>>;
  readonly active: boolean;
  readonly created_at: string;
  readonly updated_at: string;
}

export interface TokenRow {
  readonly token_id: string;
  readonly hash: string;
  readonly principal_kind: "user" | "agent";
  readonly principal_id: string;
  readonly scopes: readonly string[] | null;
  readonly created_at: string;
  readonly expires_at: string | null;
}

export interface PolicyRow {
  readonly id: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly created_at: string;
  readonly updated_at: string;
}

export interface DelegationRow extends PolicyRow {
  readonly owner_id: string;
}

/** `body`: the webhook's record without id and times. */
export type WebhookRow = PolicyRow;

export interface CatalogueRow {
  readonly key: string;
  readonly type: string;
  readonly id: string;
  readonly namespace: string | null;
  readonly criticality: number | null;
  readonly name: string | null;
  readonly owner: string | null;
  readonly dependents: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly created_at: string;
  readonly updated_at: string;
}

export type ConfigurationChange =
  | { readonly put: "users"; readonly row: UserRow }
  | { readonly put: "agents"; readonly row: AgentRow }
  | { readonly put: "tokens"; readonly row: TokenRow }
  | { readonly put: "policies"; readonly row: PolicyRow }
  | { readonly put: "delegations"; readonly row: DelegationRow }
  | { readonly put: "webhooks"; readonly row: WebhookRow }
  | { readonly put: "catalogue"; readonly row: CatalogueRow }
  | { readonly remove: "agents" | "policies" | "delegations" | "webhooks"; readonly id: string }
  | { readonly remove: "catalogue"; readonly key: string }
  | { readonly remove: "tokens"; readonly token_id: string }
  /** all tokens of a principal who left */
  | { readonly remove: "tokens"; readonly principal_kind: "user" | "agent"; readonly principal_id: string };
