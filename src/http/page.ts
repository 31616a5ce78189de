/** Pages for people: no scripts, nothing loaded from anywhere, nothing kept, nothing told to the next site. */
import { createHash } from "node:crypto";
import { html } from "hono/html";
import { STYLE } from "./page-style.ts";

/** Allows the one style sheet of every page, by its hash, and no other. */
const policy = () =>
  [
    "default-src 'none'",
    `style-src 'sha256-${createHash("sha256").update(STYLE).digest("base64")}'`,
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join("; ");

const HEADERS = {
  "Content-Type": "text/html; charset=utf-8",
  "Cache-Control": "no-store",
  "Referrer-Policy": "no-referrer",
  "X-Robots-Tag": "noindex, nofollow",
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "DENY",
};

/** A whole page; what stands in `body` has been escaped by JSX. */
export async function pageResponse(
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  const text = await html`<!doctype html>${body}`;
  return new Response(String(text), {
    status,
    headers: { ...HEADERS, "Content-Security-Policy": policy(), ...headers },
  });
}
