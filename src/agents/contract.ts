/** Wire schemas of agents (02-http-and-auth, "Agents"). */
import { Pattern } from "../approvals/contract.ts";
import { SCOPES } from "../http/access.ts";
import { PageQuery, Pagination } from "../http/validation.ts";
import { MAX_CONFIG_BYTES } from "../tasks/contract.ts";
import { Roles, ShownOnce } from "../users/contract.ts";
import { Id, JsonObject, Slug, Timestamp } from "../wire.ts";
import { z } from "../zod.ts";
import { Command } from "./commands.ts";

const once = <T>(items: readonly T[]): T[] => [...new Set(items)];

const scopes = z.array(z.enum(SCOPES)).max(SCOPES.length).transform(once);
const capabilities = z.array(Pattern).max(100).transform(once);
const maxTasks = z.number().int().min(1).max(100);

const labels = z
  .record(z.string().min(1).max(64), z.string().max(256))
  .refine((all) => Object.keys(all).length <= 64, "must be at most 64 labels");

const config = JsonObject.refine(
  (value) => new TextEncoder().encode(JSON.stringify(value)).byteLength <= MAX_CONFIG_BYTES,
  `must be at most ${MAX_CONFIG_BYTES} bytes of JSON`,
);

export const CreateAgent = z.lazy(() =>
  z
    .strictObject({
      id: Slug.optional(),
      name: z.string().min(1).max(200),
      description: z.string().max(5000).optional(),
      roles: Roles.default(["system"]),
      scopes: scopes.default([]),
      capabilities: capabilities.default([]),
      max_tasks: maxTasks.default(4),
      heartbeat_interval_seconds: z.number().int().min(1).max(300).default(10),
      labels: labels.default({}),
      config: config.default({}),
    })
    .openapi("CreateAgent", { example: { id: "deployer-1", name: "Deployer", capabilities: ["service/**"] } }),
);

export const UpdateAgent = z.lazy(() =>
  z
    .strictObject({
      capabilities: capabilities.optional(),
      max_tasks: maxTasks.optional(),
      labels: labels.optional(),
      config: config.optional(),
      roles: Roles.optional(),
      scopes: scopes.optional(),
      active: z.boolean().optional(),
    })
    .openapi("UpdateAgent", { example: { max_tasks: 8 } }),
);

const PresenceStatus = z.enum(["online", "stale", "offline", "never_seen"]);

export const Presence = z.lazy(() =>
  z
    .strictObject({
      status: PresenceStatus,
      last_heartbeat_at: Timestamp.nullable(),
      location: z.strictObject({ colo: z.string().optional(), country: z.string().optional() }),
      active_tasks: z.number().int(),
      max_tasks: z.number().int(),
      version: z.string().optional(),
    })
    .openapi("Presence"),
);

export const Agent = z.lazy(() =>
  z
    .strictObject({
      id: z.string(),
      name: z.string(),
      description: z.string().nullable(),
      roles: z.array(z.string()),
      scopes: z
        .array(z.string())
        .openapi({ description: "narrow every token of the agent; empty: all that its roles allow" }),
      capabilities: z.array(z.string()).openapi({ description: "patterns of task types; empty: every type" }),
      max_tasks: z.number().int(),
      heartbeat_interval_seconds: z.number().int(),
      labels: z.record(z.string(), z.string()),
      config: z.record(z.string(), z.unknown()),
      active: z.boolean(),
      created_at: Timestamp,
      updated_at: Timestamp,
    })
    .openapi("Agent"),
);
export type Agent = z.infer<typeof Agent>;

export const PresentAgent = z.lazy(() =>
  z.strictObject({ ...Agent.unwrap().shape, presence: Presence }).openapi("PresentAgent"),
);
export type PresentAgent = z.infer<typeof PresentAgent>;

export const AgentCreated = z.lazy(() =>
  z.strictObject({ agent: Agent, token_id: z.uuid(), ...ShownOnce }).openapi("AgentCreated"),
);

export const AgentList = z.lazy(() =>
  z.strictObject({ agents: z.array(PresentAgent), pagination: Pagination }).openapi("AgentList"),
);

export const AgentQuery = z.lazy(() =>
  z.strictObject({
    status: PresenceStatus.optional(),
    name: z.string().min(1).max(200).optional(),
    capability: z.string().min(1).max(100).optional(),
    scope: z.enum(SCOPES).optional(),
    ...PageQuery,
  }),
);

export const AgentHeartbeat = z.lazy(() =>
  z
    .strictObject({
      status: z.enum(["idle", "busy", "draining"]).optional(),
      lock_ids: z.array(Id).max(100).default([]),
      ttl_extension_seconds: z.number().int().min(5).max(300).default(30),
      metrics: JsonObject.optional(),
    })
    .openapi("AgentHeartbeat", { example: { status: "busy", metrics: { version: "1.4.2" } } }),
);

const LeaseBeat = z.lazy(() =>
  z.union([
    z.strictObject({ lock_id: z.uuid(), expires_at: Timestamp }),
    z.strictObject({ lock_id: z.uuid(), error: z.strictObject({ code: z.string(), message: z.string() }) }),
  ]),
);
export type LeaseBeat = z.infer<typeof LeaseBeat>;

export const AgentBeat = z.lazy(() =>
  z
    .strictObject({
      presence: Presence,
      leases: z.array(LeaseBeat),
      commands: z
        .array(Command)
        .openapi({ description: "what the agent should do; said again until it shows that it knows" }),
    })
    .openapi("AgentBeat"),
);
