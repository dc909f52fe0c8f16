/**
 * `@peculiar/x509`, loaded by who issues certificates and by nobody else: it takes a fifth of a second. Reading and
 * checking them is Node's own.
 */
export function loadX509(): Promise<typeof import("@peculiar/x509")> {
  provideReflection();
  return import("@peculiar/x509");
}

/**
 * The dependency container beneath the library refuses to load unless `Reflect` knows metadata of decorators. It
 * looks there for the types of constructor parameters, and the library's classes have no such parameters, so a
 * reflection that has noted nothing gives the right answers.
 */
function provideReflection(): void {
  if ("getMetadata" in Reflect) return;
  Object.assign(Reflect, {
    getMetadata: () => undefined,
    getOwnMetadata: () => undefined,
    defineMetadata: () => {},
  });
}
