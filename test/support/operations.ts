/** The API's operations in an OpenAPI document, as a client generator sees them. */
import type { OpenApiDocument } from "./conformity.ts";

/** What of JSON Schema the document uses. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly format?: string;
}

export interface Parameter {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly schema: Schema;
}

export interface Operation {
  /** upper case */
  readonly method: string;
  /** with {placeholders} */
  readonly template: string;
  readonly parameters: readonly Parameter[];
  /** Resolved; undefined: takes no body. */
  readonly body?: Schema;
  /** By status; the description of a failure lists its codes. */
  readonly answers: ReadonlyMap<number, { readonly description: string; readonly media: readonly string[] }>;
}

interface Described {
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content?: object }>>;
}

export function operationsOf(document: OpenApiDocument): Operation[] {
  const paths = document.paths as Readonly<Record<string, Readonly<Record<string, Described>>>>;
  // What lies outside are pages for people.
  const served = Object.entries(paths).filter(([template]) => template.startsWith("/api/"));
  return served.flatMap(([template, methods]) =>
    Object.entries(methods).map(([method, { parameters = [], requestBody, responses }]) => {
      const body = requestBody?.content["application/json"]?.schema;
      return {
        method: method.toUpperCase(),
        template,
        parameters,
        ...(body !== undefined && { body: resolved(body, document) }),
        answers: new Map(
          Object.entries(responses).map(([status, { description, content }]) => [
            Number(status),
            { description, media: Object.keys(content ?? {}) },
          ]),
        ),
      };
    }),
  );
}

/** What a reference leads to, or the schema itself. */
export function resolved(schema: Schema, document: OpenApiDocument): Schema {
  const name = schema.$ref?.replace("#/components/schemas/", "");
  const found = name === undefined ? schema : (document.components.schemas[name] as Schema | undefined);
  if (found === undefined) throw new Error(`${schema.$ref} leads nowhere`);
  return found;
}

/**
 * The operation that serves a path: what is spelled out goes before what is a parameter, and a path that is all spelled out is
 * itself under every method.
 */
export function operationAt(operations: readonly Operation[], method: string, path: string): Operation | undefined {
  const parts = path.split("/");
  const isFixed = operations.some(({ template }) => template === path);
  return operations
    .filter(({ template }) => !isFixed || template === path)
    .filter(({ method: own, template }) => own === method && fits(template.split("/"), parts))
    .sort((a, b) => a.template.split("{").length - b.template.split("{").length)[0];
}

function fits(template: readonly string[], path: readonly string[]): boolean {
  return (
    template.length === path.length &&
    template.every((part, at) => (part.startsWith("{") ? path[at] !== "" : part === path[at]))
  );
}
