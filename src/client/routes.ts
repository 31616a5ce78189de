/** What the contract says of each route, as types: read off the generated schema, so that nothing is written twice. */
import type { components, paths } from "./schema.ts";

/** A named schema of the OpenAPI document: `Schema<"Task">`. */
export type Schema<Name extends keyof components["schemas"]> = components["schemas"][Name];

/** Every route, as one writes it: `"GET /tasks/{id}"`. */
export type Route = {
  [Path in keyof paths]: `${Uppercase<keyof paths[Path] & string>} ${Path}`;
}[keyof paths];

type Operation<R extends Route> = R extends `${infer Verb} ${infer Path}`
  ? Path extends keyof paths
    ? Lowercase<Verb> extends keyof paths[Path]
      ? paths[Path][Lowercase<Verb>]
      : never
    : never
  : never;

/** The placeholders of a route's path with what may stand for each; never: there are none. */
export type PathOf<R extends Route> = Operation<R> extends { parameters: { path: infer Path } } ? Path : never;

/** The query of a route; never: it takes none. */
export type QueryOf<R extends Route> =
  Operation<R> extends { parameters: { query?: infer Query } }
    ? unknown extends Query
      ? never
      : NonNullable<Query>
    : never;

/** The JSON body of a route, undefined among it where it may be left out; never: it takes none. */
export type BodyOf<R extends Route> =
  Operation<R> extends { requestBody: { content: { "application/json": infer Body } } }
    ? Body
    : Operation<R> extends { requestBody?: { content: { "application/json": infer Body } } }
      ? unknown extends Body
        ? never
        : Body | undefined
      : never;

/** What a route answers when it succeeds: its JSON, undefined for no body, the `Response` itself for anything else. */
export type AnswerOf<R extends Route> =
  Operation<R> extends { responses: infer Responses }
    ? { [Status in keyof Responses]: Content<Responses[Status]> }[keyof Responses]
    : never;

type Content<Answer> = Answer extends { content: infer Body }
  ? [Body] extends [never]
    ? undefined
    : Body extends { "application/json": infer Json }
      ? Json
      : Response
  : undefined;

/** The names in a path, in their order: `"/a/{x}/{y}"` → `["x", "y"]`. */
export type Placeholders<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}`
  ? [Name, ...Placeholders<Rest>]
  : [];

/** How a route is named in a table of operations: the route, and whether its main argument is the body or the query. */
export type Named = {
  [R in Route]: readonly [
    R,
    ...([BodyOf<R>] extends [never] ? ([QueryOf<R>] extends [never] ? [] : ["query"]) : ["body"]),
  ];
}[Route];
