import { describe, expect, it, vi } from "vitest";
import { z } from "../zod.ts";
import { App, type EndpointSpec } from "./endpoint-spec.ts";
import { describeEndpoint, openApiDocument } from "./openapi.ts";

type Spec = EndpointSpec<z.ZodObject, z.ZodObject, z.ZodObject>;

const spec = (of: Partial<Spec> = {}): Spec => ({
  method: "get",
  path: "/things/{id}",
  tag: "Things",
  summary: "One thing",
  access: { roles: "any" },
  answers: { 200: z.strictObject({ id: z.uuid() }) },
  ...of,
});

describe("a description", () => {
  it("is made when the document is asked for, not at the start", () => {
    const app = new App();
    const made = vi.fn(() => z.strictObject({ id: z.uuid() }).openapi("Thing"));
    const refused = vi.fn(() => false);
    const body = z.strictObject({ name: z.string() }).refine(refused);
    describeEndpoint(app, spec({ method: "post", body, answers: { 201: z.lazy(made) } }));
    expect([made.mock.calls, refused.mock.calls]).toEqual([[], []]);

    const { paths, components } = openApiDocument(app);
    expect(paths?.["/api/v1/things/{id}"]?.post?.responses).toMatchObject({
      201: { content: { "application/json": { schema: { $ref: "#/components/schemas/Thing" } } } },
    });
    expect(components?.schemas?.Thing).toMatchObject({ required: ["id"], additionalProperties: false });
  });

  it("may be asked for again, and after more was declared", () => {
    const app = new App();
    describeEndpoint(app, spec());
    const first = openApiDocument(app);
    expect(openApiDocument(app)).toEqual(first);

    describeEndpoint(app, spec({ path: "/others" }));
    const both = openApiDocument(app);
    expect(Object.keys(both.paths ?? {})).toEqual(["/api/v1/things/{id}", "/api/v1/others"]);
    expect(both.paths).toMatchObject(first.paths ?? {});
  });

  it("says that a body is required unless an empty one will do", () => {
    const app = new App();
    describeEndpoint(app, spec({ method: "put", body: z.strictObject({ name: z.string() }) }));
    describeEndpoint(app, spec({ method: "patch", body: z.strictObject({ name: z.string().default("") }) }));
    const item = openApiDocument(app).paths?.["/api/v1/things/{id}"];
    expect([item?.put?.requestBody, item?.patch?.requestBody]).toMatchObject([{ required: true }, { required: false }]);
  });
});
