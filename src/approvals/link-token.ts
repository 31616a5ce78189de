/**
 * The token of a one-click link: `csl_{claims}.{mac}`, both base64url. Kept nowhere: the MAC under a secret of the workspace, derived
 * from the root token as that of executors is (webhooks/signature.ts), proves it. Pure.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { z } from "../zod.ts";

/** One reviewer may answer one request with it, until it expires. */
export interface LinkToken {
  readonly workspace: string;
  readonly approval_id: string;
  readonly reviewer_id: string;
  /** s since the epoch */
  readonly expires_at: number;
  /** Names this link in the trail; makes every link another one. */
  readonly token_id: string;
}

const SHAPE = /^csl_([A-Za-z0-9_-]{1,1000})\.([A-Za-z0-9_-]{43})$/;
const Claims = z.tuple([z.string(), z.uuid(), z.string(), z.number().int(), z.uuid()]);

export function linkToken(rootToken: string, token: LinkToken): string {
  const { workspace, approval_id, reviewer_id, expires_at, token_id } = token;
  const claims = JSON.stringify([workspace, approval_id, reviewer_id, expires_at, token_id]);
  const text = Buffer.from(claims).toString("base64url");
  return `csl_${text}.${mac(rootToken, workspace, text)}`;
}

/** What the token stands for, expired or not; null if we did not make it. */
export function readLinkToken(rootToken: string, token: string): LinkToken | null {
  const [, text, given] = SHAPE.exec(token) ?? [];
  const claims = text === undefined ? undefined : claimsOf(text);
  if (text === undefined || given === undefined || claims === undefined) return null;
  const [workspace, approval_id, reviewer_id, expires_at, token_id] = claims;
  if (!timingSafeEqual(Buffer.from(given), Buffer.from(mac(rootToken, workspace, text)))) return null;
  return { workspace, approval_id, reviewer_id, expires_at, token_id };
}

/** Read before it is believed: the claims name the workspace under whose secret they have to be signed. */
function claimsOf(text: string): z.infer<typeof Claims> | undefined {
  try {
    return Claims.safeParse(JSON.parse(Buffer.from(text, "base64url").toString())).data;
  } catch {
    return undefined;
  }
}

function mac(rootToken: string, workspace: string, text: string): string {
  const secret = createHmac("sha256", rootToken).update(`link:${workspace}`).digest();
  return createHmac("sha256", secret).update(text).digest("base64url");
}

/** A link that is to be handed out. */
export type NewLink = Pick<LinkToken, "token_id" | "expires_at">;
