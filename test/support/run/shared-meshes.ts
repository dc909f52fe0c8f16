import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { type Mesh, type Shape, startMesh } from "../mesh.ts";

/** Serves the shared meshes to the processes that run tests. */
export async function serveSharedMeshes(): Promise<{ readonly url: string; close(): Promise<void> }> {
  const meshes = new Map<Shape, Promise<Mesh>>();
  const meshOf = (shape: Shape): Promise<Mesh> => {
    const mesh = meshes.get(shape) ?? startMesh(shape);
    meshes.set(shape, mesh);
    return mesh;
  };
  const answer: RequestListener = async (request, response) => {
    const [, shape = "", what] = (request.url ?? "").split("/");
    try {
      const { programs, ...mesh } = await meshOf(shape.replaceAll("-", " ") as Shape);
      // The functions of the mesh are no part of the JSON.
      const body = what === "log" ? [...programs.values()].flatMap((program) => program.entries()) : mesh;
      response.end(JSON.stringify(body));
    } catch (error) {
      response.writeHead(500).end(String(error));
    }
  };
  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.close();
      server.closeAllConnections();
      const ended = [...meshes.values()].map(async (mesh) => (await mesh).stop());
      await Promise.allSettled(ended);
    },
  };
}
