// Streams an answer straight from a router: node docs/examples/grpc-client.ts 127.0.0.1:50052 starter "What is gRPC?"
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { Role } from "../../gen/cxmpute/generation/v1/generation_pb.ts";
import { RouterService } from "../../gen/cxmpute/router/v1/router_pb.ts";

const [address = "127.0.0.1:50052", model = "starter", text = "What is gRPC?"] = process.argv.slice(2);
const router = createClient(RouterService, createGrpcTransport({ baseUrl: `http://${address}` }));
const messages = [{ role: Role.USER, parts: [{ part: { case: "text" as const, value: text } }] }];

for await (const { event } of router.generate({ generation: { id: crypto.randomUUID(), model, messages } })) {
  if (event?.event.case === "delta") process.stdout.write(event.event.value.text);
  if (event?.event.case === "finished")
    process.stdout.write(`\n${event.event.value.usage?.completionTokens} tokens\n`);
}
