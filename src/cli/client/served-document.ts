import { join } from "node:path";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { BUNDLE, build, isStale } from "../server/bundle.ts";
import { readWorkerDeclaration } from "../server/worker-declaration.ts";
import type { OpenApiDocument } from "./schema-of.ts";

/** The OpenAPI document as the worker serves it, from a worker without any state. Builds it if need be. */
export async function servedDocument(root: string): Promise<OpenApiDocument> {
  if (isStale(root)) await build(root);
  const { name, options } = readWorkerDeclaration(root);
  const worker = new Miniflare(
    convertV4MiniflareOptions({ ...options, name, modules: true, scriptPath: join(root, BUNDLE), cf: false }),
  );
  try {
    const response = await worker.dispatchFetch("http://localhost/openapi.json");
    return (await response.json()) as OpenApiDocument;
  } finally {
    await worker.dispose();
  }
}
