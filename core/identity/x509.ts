/** Loads `@peculiar/x509`, which takes 0.2 s, to issue certificates; Node itself reads and checks them. */
export function loadX509(): Promise<typeof import("@peculiar/x509")> {
  provideReflection();
  return import("@peculiar/x509");
}

// The library's container reads decorators' metadata from `Reflect`; its classes have none, so empty metadata will do.
function provideReflection(): void {
  if ("getMetadata" in Reflect) return;
  Object.assign(Reflect, {
    getMetadata: () => undefined,
    getOwnMetadata: () => undefined,
    defineMetadata: () => {},
  });
}
