/** The client's types, out of the OpenAPI document (02, "OpenAPI"). */
import openapi from "openapi-typescript";

export interface OpenApiDocument {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string };
  readonly paths: Readonly<
    Record<
      string,
      Readonly<Record<string, { readonly parameters?: readonly object[]; readonly responses: Record<string, unknown> }>>
    >
  >;
}

const HEAD = [
  "/** Generated from the OpenAPI document by `npm run client:types`. */",
  "// biome-ignore-all lint: generated",
  "// biome-ignore-all format: generated",
  "",
].join("\n");

const BASE = "/api/v1";

/**
 * TypeScript of a document as served. What goes wrong is left out: it has one shape and is thrown (`CountersignError`); so are
 * request headers, which the client sets itself. The base path is left out too: it is the client's, not the route's; what
 * lies outside of it are pages for people.
 */
export async function schemaOf(document: OpenApiDocument): Promise<string> {
  const served = Object.entries(document.paths).filter(([path]) => path.startsWith(`${BASE}/`));
  const paths = served.map(([path, operations]) => [
    path.slice(BASE.length),
    Object.fromEntries(
      Object.entries(operations).map(([method, operation]) => [
        method,
        {
          ...operation,
          parameters: operation.parameters?.filter((one) => !("in" in one) || one.in !== "header"),
          responses: Object.fromEntries(
            Object.entries(operation.responses).filter(([status]) => status >= "200" && status < "300"),
          ),
        },
      ]),
    ),
  ]);
  const typescript = await openapi(
    { ...document, paths: Object.fromEntries(paths) },
    { commentHeader: HEAD, immutableTypes: true },
  );
  return `${typescript.trimEnd()}\n`;
}
