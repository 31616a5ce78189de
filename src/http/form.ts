/** Reading what a page's form sends, under the limits of every other body. */
import { forbidden, readText } from "./body.ts";
import { refuse, refuseInvalid } from "./failure.ts";

const FORM_TYPE = /^application\/x-www-form-urlencoded\s*(?:;|$)/i;

/** The fields of a form, the first one of each name. Ends the request with 400, 413 or 415. */
export async function readForm(request: Request): Promise<ReadonlyMap<string, string>> {
  const text = await readText(request);
  if (!FORM_TYPE.test(request.headers.get("Content-Type") ?? "")) {
    refuse("UNSUPPORTED_MEDIA_TYPE", "send the form as application/x-www-form-urlencoded");
  }
  const fields = new Map([...new URLSearchParams(text)].reverse());
  for (const [name, value] of fields) {
    const found = forbidden(name, "form", 0) ?? forbidden(value, "form", 0);
    if (found !== undefined) refuseInvalid(found);
  }
  return fields;
}
