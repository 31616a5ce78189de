/** Whether real answers are what the OpenAPI document says: status, media type and body (02-http-and-auth, "OpenAPI"). */
import { z } from "zod";

interface SchemaOrRef {
  readonly $ref?: string;
  readonly properties?: object;
  readonly example?: unknown;
}

interface Operation {
  readonly security?: readonly object[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: SchemaOrRef }>> };
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema: object }>> }>
  >;
}

export interface OpenApiDocument {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, SchemaOrRef>>;
    readonly securitySchemes: Readonly<Record<string, object>>;
  };
}

const JSON_TYPE = "application/json";

export class Conformity {
  readonly #document: OpenApiDocument;
  readonly #schemas = new Map<object, z.ZodType>();

  constructor(document: OpenApiDocument) {
    this.#document = document;
  }

  /** Throws unless the document declares this answer. 404 and 405 of what is no route are declared nowhere. */
  check(method: string, path: string, status: number, body: unknown): void {
    const told = `${method} ${path} answered ${status} ${JSON.stringify(body)}`;
    const operation = this.#operation(method, path);
    if (operation === undefined) {
      if (status === 404 || status === 405) return;
      throw new Error(`${told}, and the document knows no such operation`);
    }
    const response = operation.responses[status];
    if (response === undefined) throw new Error(`${told}, a status that the document does not have`);
    const schema = response.content?.[JSON_TYPE]?.schema;
    if (schema === undefined) {
      if (body !== undefined) throw new Error(`${told}, and the document has no body for it`);
      return;
    }
    const parsed = this.#compiled(schema).safeParse(body);
    if (!parsed.success) throw new Error(`${told}, against its schema: ${parsed.error.message}`);
  }

  /** The requests whose body could hold something and that show no body which their own schema takes. */
  withoutExample(): string[] {
    return Object.entries(this.#document.paths).flatMap(([path, operations]) =>
      Object.entries(operations).flatMap(([method, { requestBody }]) => {
        const schema = requestBody?.content[JSON_TYPE]?.schema;
        if (schema === undefined) return [];
        const { properties = {}, example } =
          this.#document.components.schemas[schema.$ref?.split("/").at(-1) ?? ""] ?? schema;
        const shown = Object.keys(properties).length === 0 || this.#compiled(schema).safeParse(example).success;
        return shown ? [] : [`${method} ${path}`];
      }),
    );
  }

  #operation(method: string, path: string): Operation | undefined {
    // As routes do: what is spelled out goes before what is a parameter, and a path that is all spelled out is no other's.
    const concrete = this.#document.paths[path];
    if (concrete !== undefined) return concrete[method.toLowerCase()];
    const parts = path.split("/");
    const [fitting] = Object.keys(this.#document.paths)
      .filter((template) => fits(template.split("/"), parts))
      .sort((a, b) => a.split("{").length - b.split("{").length);
    return fitting === undefined ? undefined : this.#document.paths[fitting]?.[method.toLowerCase()];
  }

  #compiled(schema: object): z.ZodType {
    const known = this.#schemas.get(schema);
    if (known !== undefined) return known;
    const whole = { ...schema, $defs: this.#document.components.schemas };
    const compiled = z.fromJSONSchema(
      JSON.parse(JSON.stringify(whole).replaceAll("#/components/schemas/", "#/$defs/")),
    );
    this.#schemas.set(schema, compiled);
    return compiled;
  }
}

function fits(template: readonly string[], path: readonly string[]): boolean {
  return template.length === path.length && template.every((part, at) => part.startsWith("{") || part === path[at]);
}
