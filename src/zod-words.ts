/** The words of `z` (zod.ts); every schema made of them can say what the OpenAPI document shall tell of it, by `.openapi(…)`. */
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
  type ZodObject,
  ZodType,
} from "zod";

// It asks the namespace for nothing else.
extendZodWithOpenApi({ ZodType } as unknown as typeof z);
