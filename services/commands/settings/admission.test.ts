import { expect, test } from "vitest";
import { loadConfig } from "../../../core/config/load.ts";
import type { Settings } from "../../../core/config/settings.ts";
import { type admission, toRouterLimits, type ValuesIn } from "./parts.ts";
import { routerSettings, upSettings } from "./services.ts";

const load = (settings: Settings, ...args: string[]) =>
  loadConfig({ settings, args, environment: {} }).values as unknown as ValuesIn<typeof admission>;

test.each([upSettings, routerSettings] as Settings[])(
  "$section tells its router who may wait, and no limit that nobody set",
  (settings) => {
    expect(toRouterLimits(load(settings, "--caller-queue-limit", "3"))).toEqual({
      queueLimit: 1024,
      callerQueueLimit: 3,
      queueTimeoutMs: 30_000,
      progressTimeoutMs: 300_000,
    });
    expect(toRouterLimits(load(settings, "--answer-timeout-ms", "500"))).toMatchObject({
      answerTimeoutMs: 500,
    });
    expect(() => load(settings, "--answer-timeout-ms", "0")).toThrow(
      "--answer-timeout-ms: expected a whole number from 1",
    );
  },
);
