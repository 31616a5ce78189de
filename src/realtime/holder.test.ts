import { describe, expect, test } from "vitest";
import type { AgentRow, ConfigurationChange, UserRow } from "../db/configuration.ts";
import { type Holder, type HubNotice, noticed, noticesOf } from "./holder.ts";
import { hubFor, hubKey, hubsConcerned } from "./hub-address.ts";

const at = "2026-11-21T00:00:00.000Z";
const alice: UserRow = {
  id: "alice",
  name: "Alice",
  email: null,
  roles: ["author"],
  manager_id: null,
  oidc_subject: null,
  active: true,
  created_at: at,
  updated_at: at,
};
const robo: AgentRow = {
  id: "robo",
  name: "Robo",
  description: null,
  roles: ["system"],
  scopes: [],
  capabilities: [],
  max_tasks: 4,
  heartbeat_interval_seconds: 10,
  labels: {},
  config: {},
  active: true,
  created_at: at,
  updated_at: at,
};
const holder: Holder = { kind: "user", id: "alice", roles: ["author"], scopes: null, token_id: "t1" };

/** The holder after a change of configuration. */
function changed(whom: Holder, change: ConfigurationChange): Holder | null {
  return noticesOf([change]).reduce<Holder | null>((then, notice) => then && noticed(then, notice), whom);
}

describe("what hubs are told of a change of configuration", () => {
  test("a revoked token ends what it opened, and nothing else", () => {
    expect(changed(holder, { remove: "tokens", token_id: "t1" })).toBeNull();
    expect(changed(holder, { remove: "tokens", token_id: "t2" })).toEqual(holder);
  });

  test("somebody who left holds nothing any more", () => {
    expect(changed(holder, { put: "users", row: { ...alice, active: false } })).toBeNull();
    const agent: Holder = { ...holder, kind: "agent", id: "robo" };
    expect(changed(agent, { put: "agents", row: { ...robo, active: false } })).toBeNull();
    expect(changed(agent, { remove: "agents", id: "robo" })).toBeNull();
  });

  test("roles are those of the change, of that very person", () => {
    expect(changed(holder, { put: "users", row: { ...alice, roles: ["reviewer"] } })?.roles).toEqual(["reviewer"]);
    expect(changed(holder, { put: "users", row: { ...alice, id: "bob", roles: ["admin"] } })).toEqual(holder);
    expect(changed(holder, { put: "agents", row: { ...robo, id: "alice", active: false } })).toEqual(holder);
  });

  test.each([
    [null, [], null],
    [null, ["tasks:read"], ["tasks:read"]],
    [["tasks:read", "locks:read"], ["locks:read", "audit:read"], ["locks:read"]],
    [["tasks:read"], ["locks:read"], []],
    [[], [], []],
  ])("scopes %j become, when the agent is narrowed to %j, %j", (own, all, then) => {
    const agent: Holder = { ...holder, kind: "agent", id: "robo", scopes: own };
    expect(changed(agent, { put: "agents", row: { ...robo, scopes: all } })?.scopes).toEqual(then);
  });

  test("of policies, the catalogue and new tokens they hear nothing", () => {
    const row = { token_id: "t", hash: "h", principal_kind: "user", principal_id: "alice", scopes: null } as const;
    expect(
      noticesOf([
        { put: "tokens", row: { ...row, created_at: at, expires_at: null } },
        { put: "policies", row: { id: "p", body: {}, created_at: at, updated_at: at } },
        { remove: "policies", id: "p" },
        { remove: "catalogue", key: "k" },
      ]),
    ).toEqual([]);
  });
});

test("a notice goes to the hubs of that principal on every continent; one of a token, which does not say whose it was, to all", () => {
  const hubs = ["EU", "NA", "XX"].flatMap((continent) => [0, 1, 2, 3].map((shard) => `hub:${continent}/${shard}`));
  const stands: HubNotice = {
    do: "stands",
    principal: { kind: "user", id: "alice" },
    standing: { active: true, roles: [], scopes: null },
  };
  const own = ["EU", "NA", "XX"].map((continent) => hubKey(hubFor({ kind: "user", id: "alice" }, continent, 4)));
  expect(hubsConcerned(stands, hubs, 4)).toEqual(own);
  expect(hubsConcerned({ do: "token.revoked", token_id: "t" }, hubs, 4)).toEqual(hubs);
});
