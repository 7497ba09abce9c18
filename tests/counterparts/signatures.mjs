// An agency that checks the signatures of requests and signs its answers with the library
// http-message-signatures (RFC 9421): signatures.mjs CONFIGURATION
//
// CONFIGURATION is a JSON file: client {id, algorithm, key}, partner {id, algorithm, key, salt}, fields (what
// answers cover), nonce (true: answers carry one), digest (sha-256 or sha-512), coding ("gzip" or ""), body
// (of every answer), repeat (true: the first answer again and again). GET /verdicts tells what was found.
import { constants, createHash, randomUUID, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { gzipSync } from "node:zlib";
import { createSigner, createVerifier, httpbis } from "http-message-signatures";
import { body, listen } from "./listen.mjs";

const { client, partner, fields, nonce, digest, coding, repeat, ...given } = JSON.parse(readFileSync(process.argv[2]));
const verdicts = [];
let first;

function contentDigest(content, name) {
  return `${name}=:${createHash(name.replace("-", "")).update(content).digest("base64")}:`;
}

const server = createServer(async (request, response) => {
  if (request.url === "/verdicts") return response.end(JSON.stringify(verdicts));
  const content = await body(request);
  const asked = { method: request.method, url: `http://${request.headers.host}${request.url}`, headers: request.headers };
  verdicts.push(await verdict(asked, content));
  const { headers, bytes } = (repeat && first) || (await answer(asked));
  first ??= { headers, bytes };
  response.writeHead(200, headers).end(bytes);
});

async function verdict(asked, content) {
  const sent = asked.headers["content-digest"];
  const name = sent?.split("=")[0];
  const intact = content.length === 0 ? !sent : sent === contentDigest(content, name);
  const keyLookup = async ({ keyid }) =>
    keyid === client.id
      ? { id: client.id, algs: [client.algorithm], verify: createVerifier(client.key, client.algorithm) }
      : null;
  const requiredFields = ["@method", "@target-uri", ...(content.length ? ["content-digest"] : [])];
  const requiredParams = ["created", "keyid", "alg", "nonce"];
  try {
    const holds = await httpbis.verifyMessage({ keyLookup, requiredFields, requiredParams, tolerance: 5, maxAge: 60, notAfter: Date.now() / 1000 + 5 }, asked);
    return { holds, intact, digest: name, input: asked.headers["signature-input"] };
  } catch (error) {
    return { holds: false, intact, error: String(error) };
  }
}

function signer() {
  const { id, algorithm, key, salt } = partner;
  if (algorithm !== "rsa-pss-sha512" || salt === "library") return createSigner(key, algorithm, id);
  // RFC 9421 section 3.3.1 wants a salt of 64 bytes, the library's own signer takes the longest
  const padding = { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 64 };
  return { id, alg: algorithm, sign: async (data) => sign("sha512", data, padding) };
}

async function answer(asked) {
  const plain = Buffer.from(given.body);
  const bytes = coding === "gzip" ? gzipSync(plain) : plain;
  const headers = {
    "content-type": "application/json",
    "content-digest": contentDigest(bytes, digest),
    ...(coding ? { "content-encoding": coding } : {}),
  };
  const params = ["created", "keyid", "alg", ...(nonce ? ["nonce"] : [])];
  const configuration = { key: signer(), fields, params, paramValues: { nonce: randomUUID() } };
  const signed = await httpbis.signMessage(configuration, { status: 200, headers }, asked);
  return { headers: signed.headers, bytes };
}

listen(server);
