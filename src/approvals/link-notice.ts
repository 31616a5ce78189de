/** What a link's page says when there is nothing to decide: with which status, in which words. Pure. */
import { STATUS_OF } from "../actor/error-codes.ts";
import type { Failure } from "../actor/result.ts";
import type { ApprovalStatus } from "./contract.ts";
import type { LinkFailure } from "./link-visit.ts";

export interface Notice {
  readonly status: number;
  readonly title: string;
  readonly text: string;
}

const ASK_AGAIN = "Ask for a new link, or sign in and look into your inbox.";

const OF_LINK: Readonly<Record<LinkFailure, Notice>> = {
  forged: {
    status: 404,
    title: "This link leads nowhere",
    text: "It is incomplete, or not one of ours. Open it straight from the message in which you got it.",
  },
  expired: { status: 410, title: "This link has expired", text: ASK_AGAIN },
  left: {
    status: 403,
    title: "You cannot decide any more",
    text: "The person to whom this link was given is no longer active here.",
  },
  unavailable: { status: 503, title: "Not now", text: "We cannot look this up at the moment. Try again in a minute." },
};

const ENDED: Readonly<Record<Exclude<ApprovalStatus, "PENDING">, Pick<Notice, "title" | "text">>> = {
  APPROVED: { title: "This request is already approved", text: "There is nothing left to decide." },
  REJECTED: { title: "This request is already rejected", text: "There is nothing left to decide." },
  CHANGES_REQUESTED: {
    title: "Changes were requested",
    text: "You will be asked again when the change is submitted anew.",
  },
  DELEGATED: { title: "Somebody else decides now", text: "This request was handed on." },
  SUPERSEDED: {
    title: "This request is over",
    text: "The change was edited, withdrawn or decided by others. If it is still under review you have a new request.",
  },
  EXPIRED: { title: "This request has expired", text: "Nobody answered in time." },
};

export function noticeOfLink(failure: LinkFailure): Notice {
  return OF_LINK[failure];
}

/** A link is good for one answer, and the answer closes the request: a used link is one whose request is over. */
export function noticeOfStatus(status: Exclude<ApprovalStatus, "PENDING">): Notice {
  return { status: 410, ...ENDED[status] };
}

/** What the rules, or the reading of the form, refused. */
export function noticeOfFailure({ code, message, details }: Failure): Notice {
  const status = STATUS_OF[code];
  if (code === "APPROVAL_ALREADY_RESOLVED") {
    const outcome = details?.outcome as Exclude<ApprovalStatus, "PENDING"> | undefined;
    return noticeOfStatus(outcome ?? "SUPERSEDED");
  }
  if (code === "BATCH_IN_PROGRESS") {
    return {
      status,
      title: "One moment",
      text: "Other decisions on this change are under way. Try again in a few seconds.",
    };
  }
  if (status === 403) return { status, title: "You may not decide on this", text: message };
  if (status === 404) return { status, title: "This request is gone", text: "The change was withdrawn." };
  if (status === 429) return { status, title: "Too many tries", text: "Wait for a minute, then open the link again." };
  if (status === 503) return OF_LINK.unavailable;
  return { status, title: "That did not work", text: message };
}
