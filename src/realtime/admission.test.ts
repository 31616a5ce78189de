import { expect, test } from "vitest";
import { admission } from "./admission.ts";
import type { Holder } from "./holder.ts";

const robo: Holder = { kind: "agent", id: "robo", roles: ["system"], scopes: null };
const resources = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, n) => `resource:service:prod/s${from + n}`);

test("a channel that one may not have, or that is none, is refused by itself", () => {
  const { wanted, refused } = admission(robo, new Set(), ["locks", "system", "no such", "agent:robo"]);
  expect([...wanted.keys()]).toEqual(["locks", "agent:robo"]);
  expect([...refused].map(([name, { code }]) => [name, code])).toEqual([
    ["system", "FORBIDDEN"],
    ["no such", "VALIDATION_ERROR"],
  ]);
});

test("the 101st channel of a socket is refused by itself, in one message or over several", () => {
  const all = admission(robo, new Set(), resources(0, 101));
  expect(all.wanted.size).toBe(100);
  expect([...all.refused.keys()]).toEqual(resources(100, 101));
  const more = admission(robo, new Set(resources(0, 99)), resources(98, 102));
  expect([...more.wanted.keys()]).toEqual(resources(98, 100));
  expect([...more.refused.values()].map(({ code }) => code)).toEqual(["RATE_LIMITED", "RATE_LIMITED"]);
});

test("a channel that the socket has, or that is named twice, takes no second place", () => {
  const has = new Set(resources(0, 100));
  const { wanted, refused } = admission(robo, has, [...resources(0, 100), ...resources(0, 1)]);
  expect(wanted.size).toBe(100);
  expect(refused.size).toBe(0);
});

test("since counts for the channels that it names, under the names that they were asked for by", () => {
  const since = JSON.parse('{ "locks": 7, "__proto__": 1, "system": 3 }') as Record<string, number>;
  const { wanted } = admission(robo, new Set(), ["locks", "agent:robo"], since);
  expect([...wanted]).toEqual([
    ["locks", 7],
    ["agent:robo", undefined],
  ]);
});
