import { X509Certificate } from "node:crypto";
import type { PeerCertificate } from "node:tls";
import { identityIn } from "../identity/certificate.ts";
import { toDer } from "../identity/key-pair.ts";
import { anonymousPeer, type Peer } from "../identity/peer.ts";

/** What a grpc-js call tells of its connection. The certificate is there only when TLS has found it valid. */
export interface SecuredCall {
  getAuthContext(): { readonly sslPeerCertificate?: PeerCertificate } | null;
}

/** Who calls over TLS: the identity of the certificate that the connection has checked, else nobody known. */
export function readPeer(call: SecuredCall): Peer {
  const raw = call.getAuthContext()?.sslPeerCertificate?.raw;
  if (raw === undefined) return anonymousPeer;
  const certificate = new X509Certificate(raw);
  const identity = identityIn(certificate);
  if (identity === undefined) return anonymousPeer;
  return {
    kind: "identified",
    identity,
    // Few calls want it, and it costs as much as all else here.
    get publicKey() {
      return toDer(certificate.publicKey);
    },
  };
}
