/**
 * `/links/{token}`: decide without signing in (docs/design/links.md). GET changes nothing, for mail scanners and previews follow links;
 * POST decides under the rules of every other answer. The token is the secret, so no other site can forge a form for it.
 */
import type { Context } from "hono";
import type { App, AppEnv } from "../http/endpoint-spec.ts";
import { RequestFailure } from "../http/failure.ts";
import { readForm } from "../http/form.ts";
import { approvalId } from "../http/ids.ts";
import { pageResponse } from "../http/page.ts";
import { limitAddress, limitPrincipal } from "../http/rate-limit.ts";
import { whereOf } from "../http/where.ts";
import { taskAt } from "../tasks/task-api.ts";
import { RespondInput } from "../tasks/task-contract.ts";
import { z } from "../zod.ts";
import { type Notice, noticeOfFailure, noticeOfLink, noticeOfStatus } from "./link-notice.ts";
import { NoticePage, ReviewPage } from "./link-page.tsx";
import { type Visit, visitOf } from "./link-visit.ts";

const PATH = "/links/{token}";

export function linkPages(app: App, api: App): void {
  describe(api);
  // A request is logged by its route: the token must not get there, whatever the method.
  app.use("/links/*", async (c, next) => {
    c.set("route", PATH);
    await next();
  });
  app.get("/links/:token", (c) => serve(c, false, review));
  app.post("/links/:token", (c) => serve(c, true, decide));
}

type Serve = (c: Context<AppEnv>, visit: Visit) => Promise<Response>;

/** Opens the link, then serves it; whatever goes wrong is a page, too. */
async function serve(c: Context<AppEnv>, writes: boolean, page: Serve): Promise<Response> {
  try {
    const from = { where: whereOf(c.req.raw, "link"), request_id: c.get("requestId") };
    const visit = await visitOf(c.env, c.req.param("token") ?? "", from, Date.now());
    if (visit === "forged") await limitAddress(c.env, c.req.raw);
    if (typeof visit === "string") return notice(noticeOfLink(visit));
    c.set("principal", visit.principal);
    await limitPrincipal(c.env, visit.principal, writes);
    return await page(c, visit);
  } catch (thrown) {
    if (thrown instanceof RequestFailure) return notice(noticeOfFailure(thrown.failure), thrown.headers);
    throw thrown;
  }
}

/** The page to decide on, or what became of the request. */
async function review(c: Context<AppEnv>, { link, caller }: Visit, problem?: string): Promise<Response> {
  const { address, member } = approvalId(link.approval_id);
  const found = await taskAt(c.env, link.workspace, address).approval(caller, member);
  if (!found.ok) return notice(noticeOfFailure(found.error));
  const { status } = found.value.approval;
  if (status !== "PENDING") return notice(noticeOfStatus(status));
  const props = { answer: found.value, reviewer: caller.name, ...(problem !== undefined && { problem }) };
  return pageResponse(problem === undefined ? 200 : 400, <ReviewPage {...props} />);
}

async function decide(c: Context<AppEnv>, visit: Visit): Promise<Response> {
  const fields = await readForm(c.req.raw);
  const reason = fields.get("reason")?.trim();
  const input = RespondInput.safeParse({ action: fields.get("action"), ...(reason && { reason }) });
  const mayBe = input.data?.action === "approve" || input.data?.action === "reject";
  if (!mayBe || input.data === undefined) return review(c, visit, problemOf(fields.get("action"), reason ?? ""));
  const { address, member } = approvalId(visit.link.approval_id);
  const answer = await taskAt(c.env, visit.link.workspace, address).respond(visit.caller, member, input.data, []);
  if (!answer.ok) return notice(noticeOfFailure(answer.error));
  const done = input.data.action === "approve" ? "You approved this change" : "You rejected this change";
  const more =
    answer.value.task_state === "REVIEWING" ? "Others still have to approve it." : "It is decided with that.";
  return notice({ status: 200, title: done, text: `${more} You may close this page.` });
}

function problemOf(action: string | undefined, reason: string): string {
  if (action === "reject" && reason === "") return "Say why you reject: the author has to know what to do better.";
  if (reason.length > 2000) return "The reason may have at most 2000 characters.";
  return "Choose whether to approve or to reject.";
}

function notice(told: Notice, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
  return pageResponse(told.status, <NoticePage {...told} />, headers);
}

const html = (description: string) => ({ description, content: { "text/html": { schema: z.string() } } });
const refused = () => ({
  403: html("the reviewer may not decide any more"),
  404: html("no link of ours"),
  410: html("expired, or its request is over"),
  429: html("too many tries"),
  503: html("not now"),
});

function describe(api: App): void {
  const common = { path: PATH, tags: ["Approvals"], security: [] };
  const request = () => ({ params: z.object({ token: z.string() }) });
  api.descriptions.push(
    () => ({
      ...common,
      method: "get",
      operationId: "getLinks",
      summary: "The page of a one-click link; changes nothing",
      request: request(),
      responses: { 200: html("the change, with a form to decide"), ...refused() },
    }),
    () => ({
      ...common,
      method: "post",
      operationId: "postLinks",
      summary: "Decide by a one-click link",
      request: {
        ...request(),
        body: { content: { "application/x-www-form-urlencoded": { schema: form() } }, required: true },
      },
      responses: {
        200: html("decided"),
        400: html("no decision, or no reason to reject"),
        409: html("another decision is under way"),
        413: html("too large"),
        415: html("no form"),
        ...refused(),
      },
    }),
  );
}

const form = () => z.object({ action: z.enum(["approve", "reject"]), reason: z.string().max(2000).optional() });
