import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { caller } from "../src/audit/chain.fixture.ts";
import { resourceOf } from "../src/locks/lock-api.ts";
import { type Answer, type ErrorBody, newAgent, newUser, root, trailOf } from "./support/api.ts";

function codeOf(answer: Answer<unknown>): [number, string] {
  return [answer.status, (answer.body as ErrorBody).error.code];
}

type Resource = Record<string, unknown> & { key: string };
type ResourceList = { resources: Resource[]; pagination: { total: number; next_cursor?: string } };

describe("PUT /resources/{type}/{id}", () => {
  it("catalogues a resource, which GET then answers with what its actor knows", async () => {
    const said = {
      criticality: 95,
      name: "Orders",
      owner: "payments",
      dependents: ["service:prod/shop"],
      labels: { tier: "gold" },
    };
    const { status, body } = await root.put("/resources/database/orders?namespace=prod", said);
    const resource = { key: "database:prod/orders", type: "database", id: "orders", namespace: "prod", ...said };
    expect([status, body]).toEqual([200, resource]);
    const read = await root.get("/resources/database/orders?namespace=prod");
    expect(read.body).toEqual({ ...resource, attributes: {}, revision: 0 });
  });

  it("replaces what was said before", async () => {
    await root.put("/resources/service/replaced", { criticality: 1, name: "A", labels: { a: "b" } });
    const { body } = await root.put("/resources/service/replaced", { owner: "me" });
    expect(body).toEqual({
      key: "service:replaced",
      type: "service",
      id: "replaced",
      criticality: 50,
      owner: "me",
      dependents: [],
      labels: {},
    });
  });

  it.each([
    ["criticality", { criticality: 101 }],
    ["dependents.1", { dependents: ["service:a", "shop"] }],
    ["labels.tier", { labels: { tier: 1 } }],
    ["attributes", { attributes: {} }],
  ])("names %s in what is wrong with %j", async (field, given) => {
    const answer = await root.put<ErrorBody>("/resources/service/wrong", given);
    expect(codeOf(answer)).toEqual([400, "VALIDATION_ERROR"]);
    expect(answer.body.error.details?.field).toBe(field);
  });
});

describe("ids of resources", () => {
  it.each([
    ["a%2Fb%2Fc", "storage:/a/b/c", "a/b/c"],
    ["%2F", "storage://", "/"],
    ["a%252Fb", "storage:a%2Fb", "a%2Fb"],
    ["a%20b%3Fc%23d", "storage:a b?c#d", "a b?c#d"],
    ["%E7%95%8C%F0%9F%8C%8D", "storage:界🌍", "界🌍"],
    ["arn:aws:s3:::bucket", "storage:arn:aws:s3:::bucket", "arn:aws:s3:::bucket"],
  ])("may be written %s", async (path, key, id) => {
    const { status, body } = await root.put<Resource>(`/resources/storage/${path}`, {});
    expect([status, body.key, body.id]).toEqual([200, key, id]);
    expect((await root.get<Resource>(`/resources/storage/${path}`)).body.key).toBe(key);
    expect((await root.delete(`/resources/storage/${path}`)).status).toBe(204);
  });

  it("with a slash are not mistaken for one in a namespace, nor the other way round", async () => {
    await root.put("/resources/network/prod%2Fedge", { name: "without" });
    await root.put("/resources/network/edge?namespace=prod", { name: "within" });
    const keys = ["network:/prod/edge", "network:prod/edge"];
    const reads = [
      await root.get("/resources/network/prod%2Fedge"),
      await root.get("/resources/network/edge?namespace=prod"),
    ];
    expect(reads.map(({ body }) => [body.key, body.name])).toEqual([
      [keys[0], "without"],
      [keys[1], "within"],
    ]);
  });

  it.each([
    ["/resources/pod/x", "type"],
    ["/resources/Database/x", "type"],
    ["/resources/database/x?namespace=a%2Fb", "namespace"],
    ["/resources/database/x?namespace=a%3Ab", "namespace"],
    ["/resources/database/x?namespace=", "namespace"],
    ["/resources/database/x%00y", "id"],
    [`/resources/database/${"x".repeat(257)}`, "id"],
    ["/resources/database/x?colour=red", "colour"],
  ])("are refused as in %s", async (path, field) => {
    const answer = await root.get<ErrorBody>(path);
    expect(codeOf(answer)).toEqual([400, "VALIDATION_ERROR"]);
    expect(answer.body.error.details?.field).toBe(field);
  });
});

describe("GET /resources/{type}/{id}", () => {
  it("answers also for a resource that nobody catalogued", async () => {
    expect(await root.get("/resources/secret/unheard-of?namespace=prod")).toMatchObject({
      status: 200,
      body: {
        key: "secret:prod/unheard-of",
        type: "secret",
        id: "unheard-of",
        namespace: "prod",
        criticality: 90,
        dependents: [],
        labels: {},
        attributes: {},
        revision: 0,
      },
    });
  });

  it("shows the lock while somebody holds it", async () => {
    const key = "database:prod/locked";
    const command = { agent_id: "deployer", session_id: "s", mode: "exclusive", ttl_ms: 60_000 } as const;
    await resourceOf(env, "default", key).acquire(caller("default", "deployer"), `resource:${key}`, {
      ...command,
      wait_ms: 0,
      hold_ms: 0,
      priority: 50,
    });
    const { body } = await root.get("/resources/database/locked?namespace=prod");
    expect(body.lock).toMatchObject({ resource_type: "resource", resource_id: key, holder: { agent_id: "deployer" } });
  });
});

describe("DELETE /resources/{type}/{id}", () => {
  it("takes a resource out of the catalogue, after which GET knows its defaults only", async () => {
    await root.put("/resources/network/edge", { criticality: 3 });
    expect((await root.delete("/resources/network/edge")).status).toBe(204);
    expect(codeOf(await root.delete("/resources/network/edge"))).toEqual([404, "NOT_FOUND"]);
    expect((await root.get("/resources/network/edge")).body.criticality).toBe(70);
  });
});

describe("GET /resources", () => {
  const workspace = { "X-Workspace": "catalogue-list" };
  const list = async (query: string) => {
    const { body } = await root.get<ResourceList>(`/resources?${query}`, workspace);
    return body.resources.map(({ key }) => key);
  };

  it("lists what is catalogued by key, filtered, without what only actors know", async () => {
    await root.put("/resources/service/shop?namespace=prod", { owner: "web" }, workspace);
    await root.put("/resources/service/shop?namespace=test", { owner: "web" }, workspace);
    await root.put("/resources/database/orders?namespace=prod", { owner: "payments" }, workspace);
    await root.put("/resources/database/orders", {}, workspace);
    expect(await list("")).toEqual([
      "database:orders",
      "database:prod/orders",
      "service:prod/shop",
      "service:test/shop",
    ]);
    expect(await list("type=database")).toEqual(["database:orders", "database:prod/orders"]);
    expect(await list("namespace=prod")).toEqual(["database:prod/orders", "service:prod/shop"]);
    expect(await list("owner=web&namespace=test")).toEqual(["service:test/shop"]);
    expect(await list("owner=nobody")).toEqual([]);
    const { body } = await root.get<ResourceList>("/resources?limit=3", workspace);
    expect(body.pagination).toMatchObject({ total: 4, has_more: true });
    expect(body.resources[0]).not.toHaveProperty("attributes");
    expect(await list(`limit=3&cursor=${body.pagination.next_cursor}`)).toEqual(["service:test/shop"]);
  });

  it("refuses a type that is none", async () => {
    expect(codeOf(await root.get("/resources?type=pod", workspace))).toEqual([400, "VALIDATION_ERROR"]);
  });
});

describe("who may do what with the catalogue", () => {
  it("lets everybody read it and only admins change it", async () => {
    const reviewer = await newUser("catalogue-reviewer", ["author", "reviewer"]);
    const agent = await newAgent("catalogue-agent");
    for (const { api: caller } of [reviewer, agent]) {
      expect((await caller.get("/resources/service/open")).status).toBe(200);
      expect((await caller.get("/resources")).status).toBe(200);
      expect(codeOf(await caller.put("/resources/service/open", {}))).toEqual([403, "FORBIDDEN"]);
      expect(codeOf(await caller.delete("/resources/service/open"))).toEqual([403, "FORBIDDEN"]);
    }
  });

  it("leaves every change in the trail", async () => {
    const { api: admin } = await newUser("catalogue-keeper", ["admin"]);
    await admin.put("/resources/service/traced", { criticality: 1 });
    await admin.put("/resources/service/traced", { criticality: 2, labels: { api_key: "hunter2" } });
    await admin.delete("/resources/service/traced");
    const trail = await trailOf("resource", "service:traced");
    expect(trail).toMatchObject([
      { action: "catalogue.created", who: { id: "catalogue-keeper" }, details: { resource: { criticality: 1 } } },
      { action: "catalogue.updated", details: { resource: { criticality: 2 } } },
      { action: "catalogue.deleted", details: { resource: { criticality: 2 } } },
    ]);
    expect(JSON.stringify(trail)).not.toContain("hunter2");
  });
});
