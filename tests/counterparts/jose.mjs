// Signs and checks compact JWS with the library jose: jose.mjs CONFIGURATION
//
// CONFIGURATION is a JSON file: key (PKCS#8 PEM), certificate (PEM), algorithm. POST /sign with a payload
// answers with a token; POST /verify with a token answers with {payload, header}, or 400 and the error's code.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createHash, X509Certificate } from "node:crypto";
import { CompactSign, compactVerify, importPKCS8, importX509 } from "jose";
import { body, listen } from "./listen.mjs";

const { key, certificate, algorithm, trusted, typ } = JSON.parse(readFileSync(process.argv[2]));
const leaf = new X509Certificate(certificate);
const kid = createHash("sha256").update(leaf.publicKey.export({ type: "spki", format: "der" })).digest("hex");

async function sign(payload) {
  const header = { alg: algorithm, kid, typ, x5c: [leaf.raw.toString("base64")] };
  return new CompactSign(payload).setProtectedHeader(header).sign(await importPKCS8(key, algorithm));
}

async function verify(token) {
  const { payload, protectedHeader } = await compactVerify(token.toString(), await importX509(trusted, algorithm), {
    algorithms: [algorithm],
  });
  return JSON.stringify({ payload: Buffer.from(payload).toString("base64"), header: protectedHeader });
}

const server = createServer(async (request, response) => {
  const content = await body(request);
  try {
    response.end(await (request.url === "/sign" ? sign(content) : verify(content)));
  } catch (error) {
    response.writeHead(400).end(error.code ?? String(error));
  }
});
listen(server);
