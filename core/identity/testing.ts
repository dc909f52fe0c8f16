import { createNodeAuthority, createRoot, type KeyedCertificate, type Term } from "./authority.ts";

/** The authorities of a mesh, and of one that has nothing to do with it. */
export interface TestAuthorities {
  readonly root: KeyedCertificate;
  /** Issues certificates of nodes, below the root. */
  readonly nodes: KeyedCertificate;
  readonly other: KeyedCertificate;
}

/** Makes authorities that are valid for a term. */
export async function createAuthorities(term: Term): Promise<TestAuthorities> {
  const [root, other] = await Promise.all([createRoot(term), createRoot(term)]);
  return { root, nodes: await createNodeAuthority(root, term), other };
}
