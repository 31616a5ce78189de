/** The JSON schemas of a document's answers, checked by the very validator that checks the document. */
import { createRequire } from "node:module";
import type { OpenApiDocument } from "./conformity.ts";

type Check = ((value: unknown) => boolean) & { readonly errors?: readonly unknown[] | null };
interface Ajv {
  addSchema(schema: object, key: string): void;
  compile(schema: object): Check;
}
type AjvClass = new (options: object) => Ajv;

const validator = createRequire(createRequire(import.meta.url).resolve("@seriousme/openapi-schema-validator"));
const { default: Ajv2020 }: { default: AjvClass } = validator("ajv/dist/2020.js");
const addFormats: (ajv: Ajv) => void = validator("ajv-formats");

export class AnswerSchemas {
  readonly #ajv = new Ajv2020({ strict: false, allErrors: true });
  readonly #document: OpenApiDocument;
  readonly #checks = new Map<string, Check>();

  constructor(document: OpenApiDocument) {
    addFormats(this.#ajv);
    this.#document = document;
    this.#ajv.addSchema(document, "document");
  }

  /** What is wrong with a body, by its schema at a place in the document (the keys on the way to it). */
  wrong(place: readonly string[], body: unknown): readonly unknown[] {
    const pointer = this.#shared(place);
    const check = this.#checks.get(pointer) ?? this.#ajv.compile({ $ref: `document${pointer}` });
    this.#checks.set(pointer, check);
    return check(body) ? [] : (check.errors ?? []);
  }

  /** Where the schema really stands: most answers are the same error, and compiling is slow. */
  #shared(place: readonly string[]): string {
    const found = place.reduce<unknown>((within, key) => (within as Record<string, unknown>)[key], this.#document);
    if (typeof found === "object" && found !== null && "$ref" in found) return String(found.$ref);
    return `#/${place.map((key) => encodeURIComponent(key.replaceAll("~", "~0").replaceAll("/", "~1"))).join("/")}`;
  }
}
