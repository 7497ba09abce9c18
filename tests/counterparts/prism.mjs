// A server that Prism makes out of an OpenAPI document, and that checks every request against it:
// prism.mjs DOCUMENT
import { createRequire } from "node:module";
import { announce } from "./listen.mjs";

// Prism's parts, found from its command: they are installed beside it
const require = createRequire(createRequire(import.meta.url).resolve("@stoplight/prism-cli/package.json"));
const { getHttpOperationsFromSpec } = require("@stoplight/prism-http");
const { createServer } = require("@stoplight/prism-http-server");
const { createLogger } = require("@stoplight/prism-core");

const operations = await getHttpOperationsFromSpec(process.argv[2]);
const server = createServer(operations, {
  cors: false,
  config: {
    isProxy: false,
    validateRequest: true,
    validateResponse: true,
    checkSecurity: true,
    errors: true,
    upstreamProxy: undefined,
    mock: { dynamic: false },
  },
  components: { logger: createLogger("prism", { level: "silent" }) },
});
const address = await server.listen(0, "127.0.0.1");
announce(Number(new URL(address).port));
