import fc from "fast-check";
import { expect, test } from "vitest";
import { newTicket, readTicket, ticketHash } from "./ticket.ts";

const ROOT = "a-root-token-of-at-least-32-characters";
const hub = { continent: "EU", shard: 2 } as const;
const random = fc.uint8Array({ minLength: 32, maxLength: 32 });
const workspace = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$/);

test("a ticket says its workspace and its hub, and its hash is of its text", () => {
  fc.assert(
    fc.property(workspace, random, (name, bytes) => {
      const ticket = newTicket(ROOT, name, hub, bytes);
      expect(readTicket(ROOT, ticket)).toEqual({ workspace: name, hub, hash: ticketHash(ticket) });
      expect(encodeURIComponent(ticket)).toBe(ticket);
    }),
  );
});

test("whoever changes a character of a ticket has none", () => {
  const ticket = newTicket(ROOT, "default", hub);
  fc.assert(
    fc.property(fc.nat(ticket.length - 1), fc.constantFrom(..."abcXYZ019-_."), (at, char) => {
      fc.pre(ticket[at] !== char);
      // The last character of base64url carries fewer bits than it could.
      fc.pre(at < ticket.length - 1);
      expect(readTicket(ROOT, ticket.slice(0, at) + char + ticket.slice(at + 1))).toBeNull();
    }),
  );
});

test("a ticket of another root token, of another hub, or any other text is none", () => {
  const ticket = newTicket(ROOT, "default", hub);
  expect(readTicket(`${ROOT}2`, ticket)).toBeNull();
  expect(readTicket(ROOT, ticket.replace("EU-2", "EU-3"))).toBeNull();
  expect(readTicket(ROOT, ticket.replace("default", "another"))).toBeNull();
  fc.assert(fc.property(fc.string(), (text) => readTicket(ROOT, `cswt_default.EU-2.${text}`) === null));
});
