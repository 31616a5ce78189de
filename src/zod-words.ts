/**
 * The words of `z` (zod.ts); every schema made of them can say what the OpenAPI document shall tell of it, by `.openapi(…)`.
 * Contracts wrap what a route takes or answers in `lazy`: it is made by the first request or document that needs it, and a start
 * makes none of them (docs/design/start.md). What is part of a body stays eager: zod takes a lazy part for a possible cycle and
 * keeps book of every value that it parses.
 */
import { extendZodWithOpenApi } from "@asteasolutions/zod-to-openapi";
import { ZodType, type z } from "zod";

export {
  array,
  boolean,
  type core,
  discriminatedUnion,
  email,
  enum,
  type infer,
  iso,
  lazy,
  literal,
  number,
  object,
  record,
  strictObject,
  string,
  tuple,
  union,
  unknown,
  url,
  uuid,
  ZodLazy,
  type ZodObject,
  ZodType,
} from "zod";

// It asks the namespace for nothing else.
extendZodWithOpenApi({ ZodType } as unknown as typeof z);
