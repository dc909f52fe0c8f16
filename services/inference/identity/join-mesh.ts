import { createClient } from "@connectrpc/connect";
import { checkCredentials } from "../../../core/identity/check-credentials.ts";
import { fetchAuthority } from "../../../core/identity/fetch-authority.ts";
import type { JoinToken } from "../../../core/identity/join-token.ts";
import { proveKey, publicKeyOf } from "../../../core/identity/key-pair.ts";
import { createGrpcTransport } from "../../../core/rpc/grpc-transport.ts";
import { IdentityService } from "../../../gen/cxmpute/registry/v1/identity_pb.ts";
import type { IdentityFolder, KeptIdentity, MeshConfig } from "./identity-folder.ts";

/** How long the registry may take to answer, in milliseconds. */
const answerLimitMs = 10_000;

/**
 * Exchanges a join token for this node's identity and stores it. Every attempt uses the same key, so a lost
 * answer costs no second use of the token. Throws what the registry, or the way to it, has against the token.
 */
export async function joinMesh(
  { secret, authorityFingerprint }: JoinToken,
  config: MeshConfig,
  folder: IdentityFolder,
  { signal, wallTime }: { readonly signal: AbortSignal; readonly wallTime: number },
): Promise<KeptIdentity> {
  const { nodeId, registry } = config;
  const authorities = await fetchAuthority(registry, authorityFingerprint, signal);
  const privateKey = await folder.key();
  await folder.keepConfig(config);
  const transport = createGrpcTransport({
    address: registry,
    tls: { credentials: { authorities }, expect: { role: "registry" } },
  });
  try {
    const answer = await createClient(IdentityService, transport).join(
      { secret, nodeId, publicKey: publicKeyOf(privateKey), proof: proveKey(privateKey, secret, nodeId) },
      { signal, timeoutMs: answerLimitMs },
    );
    // Checked before it is stored: a wrong clock must not leave behind what looks joined.
    checkCredentials(
      { certificate: answer.certificate, privateKey, authorities: answer.authorities },
      { certificate: "the registry's answer", privateKey: "this node", authorities: "the registry's answer" },
      wallTime,
    );
    await folder.keepCertificate(answer);
  } finally {
    transport.close();
  }
  return (await folder.read(wallTime))!;
}
