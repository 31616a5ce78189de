/** `npm run client:types`: the client's types out of the OpenAPI document. Run it whenever a contract has changed. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { schemaOf } from "./client/schema-of.ts";
import { servedDocument } from "./client/served-document.ts";
import { reportFailure } from "./server/report-failure.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

try {
  const path = "src/client/schema.ts";
  writeFileSync(join(root, path), await schemaOf(await servedDocument(root)));
  console.log(`wrote ${path}`);
} catch (error) {
  reportFailure(error);
}
