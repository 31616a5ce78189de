/** Named methods out of a table of operations: placeholders of the path, then the body or query, then options. */
import type { AnswerOf, BodyOf, Named, PathOf, Placeholders, QueryOf, Route } from "./routes.ts";
import type { CallOptions, QueryValue, Sent } from "./transport.ts";

type Query = Readonly<Record<string, QueryValue>>;

/** What a call takes besides its options, by the contract. */
export type RequestOf<R extends Route> = CallOptions &
  ([PathOf<R>] extends [never] ? unknown : { readonly path: Readonly<PathOf<R>> }) &
  ([QueryOf<R>] extends [never] ? unknown : { readonly query?: Readonly<QueryOf<R>> | undefined }) &
  ([BodyOf<R>] extends [never]
    ? unknown
    : undefined extends BodyOf<R>
      ? { readonly body?: BodyOf<R> }
      : { readonly body: BodyOf<R> });

type PathArguments<R extends Route> = R extends `${string} ${infer Path}` ? InOrder<Placeholders<Path>, PathOf<R>> : [];

type InOrder<Names extends string[], Values> = {
  [At in keyof Names]: Names[At] extends keyof Values ? Values[Names[At]] : string;
};

type MainArgument<R extends Route> = [BodyOf<R>] extends [never]
  ? [QueryOf<R>] extends [never]
    ? []
    : [query?: Readonly<QueryOf<R>>]
  : undefined extends BodyOf<R>
    ? [body?: NonNullable<BodyOf<R>>]
    : [body: BodyOf<R>];

/** A route with both body and query takes the query among its options. */
type Options<R extends Route> = [BodyOf<R>] extends [never]
  ? CallOptions
  : [QueryOf<R>] extends [never]
    ? CallOptions
    : CallOptions & { readonly query?: Readonly<QueryOf<R>> };

export type Method<R extends Route> = (
  ...args: [...PathArguments<R>, ...MainArgument<R>, options?: Options<R>]
) => Promise<AnswerOf<R>>;

export type Methods<Table extends Readonly<Record<string, Named>>> = {
  readonly [Name in keyof Table]: Method<Table[Name][0]>;
};

/** What carries a request. */
export type Send = (sent: Sent) => Promise<unknown>;

/** The methods of one group. */
export function methodsOf<const Table extends Readonly<Record<string, Named>>>(
  send: Send,
  table: Table,
): Methods<Table> {
  const methods = Object.entries(table).map(([name, named]) => [
    name,
    (...args: unknown[]) => send(sentBy(named, args)),
  ]);
  // The table's own type says what each entry takes and answers.
  return Object.fromEntries(methods) as Methods<Table>;
}

function sentBy([route, main]: readonly [Route, ...string[]], args: readonly unknown[]): Sent {
  const { method, template, names } = partsOf(route);
  const path = Object.fromEntries(names.map((name, at) => [name, String(args[at])]));
  const rest = args.slice(names.length);
  const argument = main === undefined ? undefined : rest.shift();
  const options = (rest[0] ?? {}) as CallOptions & { readonly query?: Query };
  return {
    ...options,
    method,
    path: filled(template, path),
    query: main === "query" ? (argument as Query | undefined) : options.query,
    ...(main === "body" && { body: argument ?? {} }),
  };
}

/** The request that a route and its input make. */
export function sentTo(
  route: Route,
  {
    path = {},
    ...rest
  }: CallOptions & { readonly path?: object; readonly query?: object | undefined; readonly body?: unknown },
): Sent {
  const { method, template } = partsOf(route);
  return { ...(rest as Omit<Sent, "method" | "path">), method, path: filled(template, path as Record<string, string>) };
}

function partsOf(route: Route): { method: string; template: string; names: readonly string[] } {
  const [method = "", template = ""] = route.split(" ");
  return { method, template, names: [...template.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => name) };
}

function filled(template: string, path: Readonly<Record<string, string>>): string {
  return template.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(path[name] ?? ""));
}
