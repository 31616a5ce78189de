import { expect, test } from "vitest";
import { Lanes } from "./lanes.ts";

test("work about one thing waits for what was begun before, however that ends; other things do not wait", async () => {
  const lanes = new Lanes<string>();
  const told: string[] = [];
  const { promise: first, reject } = Promise.withResolvers<void>();
  const failed = lanes.run("a", () => first);
  const second = lanes.run("a", async () => void told.push("a"));
  await lanes.run("b", async () => void told.push("b"));
  expect(told).toEqual(["b"]);
  reject(new Error("as planned"));
  await expect(failed).rejects.toThrow("as planned");
  await second;
  expect(told).toEqual(["b", "a"]);
});
