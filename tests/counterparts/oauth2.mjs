// An OAuth 2 authorization server (oidc-provider, certified): oauth2.mjs CLIENTS
//
// CLIENTS is a JSON file: a list of client metadata (RFC 7591): client_id, client_secret or jwks,
// token_endpoint_auth_method, scope. The server checks credentials, the signed assertion of
// private_key_jwt and the scopes. POST /token is the token endpoint; GET /protected/SCOPE answers 200 to a
// bearer token that has the scope. An optional argument: seconds a token lives.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { Provider } from "oidc-provider";
import { announce } from "./listen.mjs";

const given = JSON.parse(readFileSync(process.argv[2], "utf8"));
const life = Number(process.argv[3] ?? 600);
const scopes = [...new Set(given.flatMap((client) => (client.scope ?? "").split(" ").filter(Boolean)))];

let handler;
const server = createServer((request, response) => handler(request, response));
server.listen(0, "127.0.0.1", () => {
  const { port } = server.address();
  const provider = new Provider(`http://127.0.0.1:${port}`, {
    clients: given.map((client) => ({
      grant_types: ["client_credentials"],
      redirect_uris: [],
      response_types: [],
      ...client,
    })),
    clientAuthMethods: ["client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt"],
    features: { clientCredentials: { enabled: true }, introspection: { enabled: true }, devInteractions: { enabled: false } },
    scopes,
    ttl: { ClientCredentials: life },
  });
  provider.use(strict);
  const callback = provider.callback();
  handler = (request, response) =>
    request.url.startsWith("/protected/") ? guard(provider, request, response) : callback(request, response);
  announce(port);
});

// The library takes a secret from the header and from the form alike, and passes over scopes that nobody has.
async function strict(context, next) {
  await next();
  const { body: form, client, route } = context.oidc ?? {};
  if (route !== "token" || context.status !== 200) return;
  const sent = context.headers.authorization ? "client_secret_basic" : form.client_secret ? "client_secret_post" : "";
  if (sent && sent !== client.clientAuthMethod) refuse(context, 401, "invalid_client");
  const allowed = (client.scope ?? "").split(" ");
  if ((form.scope ?? "").split(" ").some((name) => name && !allowed.includes(name))) refuse(context, 400, "invalid_scope");
}

function refuse(context, status, error) {
  context.status = status;
  context.body = { error };
}

async function guard(provider, request, response) {
  const [, bearer] = /^Bearer (\S+)$/.exec(request.headers.authorization ?? "") ?? [];
  const token = bearer && (await provider.ClientCredentials.find(bearer));
  const scope = decodeURIComponent(request.url.slice("/protected/".length));
  const status = !token ? 401 : token.scope?.split(" ").includes(scope) ? 200 : 403;
  const body = status === 200 ? { client: token.clientId, scope: token.scope } : { error: status };
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}
