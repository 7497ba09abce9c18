// WS-Security as the node library "soap" and its xml-crypto see it: wss.mjs KEY CERTIFICATE PASSWORD
//
// POST /verify: checks an envelope's signature with xml-crypto and returns what it proved.
// POST /token: checks the UsernameToken of an envelope against PASSWORD with soap's own passwordDigest.
// POST /sign: returns the envelope signed by soap's WSSecurityCert; /username/text and /username/digest: with
// soap's WSSecurity, user "cán bộ". Any other path answers 404.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import soap from "soap";
import { body, listen } from "./listen.mjs";

const inner = createRequire(createRequire(import.meta.url).resolve("soap"));
const { SignedXml } = inner("xml-crypto");
const { DOMParser } = createRequire(inner.resolve("xml-crypto"))("@xmldom/xmldom");

const [key, certificate] = process.argv.slice(2, 4).map((path) => readFileSync(path, "utf8"));
const password = process.argv[4];
const DS = "http://www.w3.org/2000/09/xmldsig#";

function verify(envelope) {
  const signature = new DOMParser().parseFromString(envelope, "text/xml").getElementsByTagNameNS(DS, "Signature")[0];
  const signed = new SignedXml({ publicCert: certificate, getCertFromKeyInfo: () => null });
  signed.loadSignature(signature);
  const holds = signed.checkSignature(envelope);
  return { holds, signed: holds ? signed.getSignedReferences() : [] };
}

function token(envelope) {
  const one = (name) => new DOMParser().parseFromString(envelope, "text/xml").getElementsByTagNameNS("*", name)[0];
  const wanted = soap.passwordDigest(one("Nonce").textContent, one("Created").textContent, password);
  const said = one("Password");
  const kind = said.getAttribute("Type").split("#")[1];
  const right = said.textContent === (kind === "PasswordDigest" ? wanted : password);
  return { kind, user: one("Username").textContent, right };
}

function username(envelope, passwordType) {
  const security = new soap.WSSecurity("cán bộ", password, { passwordType, hasNonce: true });
  return envelope.replace("</s:Header>", security.toXML() + "</s:Header>");
}

const does = {
  "/verify": (envelope) => JSON.stringify(verify(envelope)),
  "/token": (envelope) => JSON.stringify(token(envelope)),
  "/sign": (envelope) =>
    new soap.WSSecurityCert(key, certificate, "", {
      signatureAlgorithm: "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
      hasTimeStamp: true,
    }).postProcess(envelope, "s"),
  "/username/text": (envelope) => username(envelope, "PasswordText"),
  "/username/digest": (envelope) => username(envelope, "PasswordDigest"),
};

listen(
  createServer(async (request, response) => {
    const envelope = (await body(request)).toString("utf8");
    if (!does[request.url]) response.writeHead(404).end();
    else
      try {
        response.end(does[request.url](envelope));
      } catch (error) {
        response.writeHead(500).end(String(error));
      }
  }),
);
