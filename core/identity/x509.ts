/** Loads `@peculiar/x509`, which takes 0.2 s, to issue certificates; Node itself reads and checks them. */
export function loadX509(): Promise<typeof import("@peculiar/x509")> {
  provideReflection();
  return import("@peculiar/x509");
}

/**
 * The library's dependency container needs metadata of decorators from `Reflect`. It looks there for the types of
 * constructor parameters, which the library's classes do not have, so empty metadata is enough.
 */
function provideReflection(): void {
  if ("getMetadata" in Reflect) return;
  Object.assign(Reflect, {
    getMetadata: () => undefined,
    getOwnMetadata: () => undefined,
    defineMetadata: () => {},
  });
}
