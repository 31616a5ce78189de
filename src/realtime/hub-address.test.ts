import { expect, test } from "vitest";
import { hubFor, hubKey, hubShards, locationHint, parseHub } from "./hub-address.ts";

const alice = { kind: "user", id: "alice" } as const;

test("a principal has one hub on a continent, whoever asks", () => {
  expect(hubFor(alice, "EU", 4)).toEqual(hubFor({ ...alice }, "EU", 4));
  expect(hubFor(alice, "EU", 4).shard).toBe(hubFor(alice, "NA", 4).shard);
});

test("principals spread over the hubs evenly enough", () => {
  const shards = Array.from({ length: 1_000 }, (_, n) => hubFor({ kind: "user", id: `u${n}` }, "EU", 4).shard);
  for (const shard of [0, 1, 2, 3]) expect(shards.filter((one) => one === shard).length).toBeGreaterThan(200);
});

test.each(["T1", "eu", "", undefined, null, 7, "constructor"])("a continent %j is unknown: XX", (continent) => {
  expect(hubFor(alice, continent, 4).continent).toBe("XX");
});

test("a hub's key says where it is, and can be read", () => {
  const hub = { continent: "SA", shard: 3 } as const;
  expect(hubKey(hub)).toBe("hub:SA/3");
  expect(parseHub("SA/3")).toEqual(hub);
  expect(locationHint(hub)).toBe("sam");
  expect(locationHint({ continent: "XX", shard: 0 })).toBeUndefined();
});

test.each(["SA", "SA/", "SA/-1", "SA/01", "SA/1000", "SB/1", "sa/1", "SA/1/2"])("%j is no hub", (text) => {
  expect(parseHub(text)).toBeUndefined();
});

test.each([
  ["4", 4],
  ["1", 1],
  ["999", 999],
  ["0", 4],
  ["-1", 4],
  ["many", 4],
  ["", 4],
])("HUB_SHARDS=%s makes %i", (text, shards) => {
  expect(hubShards(text)).toBe(shards);
});
