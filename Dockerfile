# tahoe-webdav in a container. Without an account it refuses to listen on all addresses, and says what would work, e.g.
#   docker run --ulimit core=0 -p 127.0.0.1:8080:8080 -v tahoe-data:/data -v tahoe-cache:/cache -v tahoe-config:/config \
#     -v ./password:/run/password:ro tahoe-webdav serve --addr :8080 --user alice --password-file /run/password --allow-insecure-auth
# Beyond this machine give --cert and --key instead of --allow-insecure-auth, or put a proxy that ends TLS before it;
# with --cert the health check below asks in vain: replace it (--health-cmd) or leave it out (--no-healthcheck).
FROM node:24-bookworm-slim AS builder
# What sqlite3 is built with where no ready binary can be fetched.
RUN apt-get update \
  && apt-get install -y --no-install-recommends python3 make g++ \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json ./
COPY src src
RUN npm run build && npm prune --omit=dev && chmod 755 build/src/bin.cjs

# The same image as above: sqlite3 was built or chosen for it.
FROM node:24-bookworm-slim
WORKDIR /app
COPY --from=builder /app/package.json ./
COPY --from=builder /app/node_modules node_modules
COPY --from=builder /app/build/src build/src
RUN ln -s /app/build/src/bin.cjs /usr/local/bin/tahoe-webdav && install -d -o node -g node -m 700 /data /cache /config
ENV NODE_ENV=production TAHOE_WEBDAV_DATA_DIR=/data TAHOE_WEBDAV_CACHE_DIR=/cache XDG_CONFIG_HOME=/config
# All three must outlive the container: /cache holds changes under way, /config the cap without which nobody opens /data.
VOLUME ["/data", "/cache", "/config"]
USER node
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ["node", "-e", \
  "fetch('http://127.0.0.1:8080/-/healthz').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["tahoe-webdav"]
CMD ["serve", "--addr", ":8080"]
