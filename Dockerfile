# Two images of the published package. With the embedded engine, which answers by itself:
#
#   docker build -t cxmpute .
#   docker run -p 8080:8080 -v cxmpute-data:/data cxmpute
#
# Without it, for routers, translators and registries, and for nodes beside Ollama, vLLM and the like:
#
#   docker build -t cxmpute:slim --target without-engine .
#   docker run -p 50051:50051 cxmpute:slim registry --listen 0.0.0.0:50051

FROM node:24-slim AS package
WORKDIR /source
COPY package.json package-lock.json ./
RUN npm ci
COPY . .
RUN npm pack

FROM package AS installed-without-engine
# Not global: there npm leaves no optional dependency out.
RUN npm install --prefix /opt/cxmpute --omit=optional ./cxmpute-mesh-*.tgz

FROM package AS installed-with-engine
RUN npm install --prefix /opt/cxmpute ./cxmpute-mesh-*.tgz

FROM node:24-slim AS runtime
RUN install -d -o node -g node /data
ENV PATH=/opt/cxmpute/node_modules/.bin:$PATH CXMPUTE_DATA=/data
USER node
VOLUME /data
ENTRYPOINT ["cxmpute"]

FROM runtime AS without-engine
COPY --from=installed-without-engine /opt/cxmpute /opt/cxmpute
CMD ["--help"]

FROM runtime AS with-engine
COPY --from=installed-with-engine /opt/cxmpute /opt/cxmpute
EXPOSE 8080
CMD ["up", "--listen", "0.0.0.0:8080"]
