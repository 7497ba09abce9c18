// Packages of the node library "soap" (MTOM): mtom.mjs GIVEN
//
// GIVEN is a JSON file: {"envelope": text, "attachments": [{"contentId", "mimetype", "name", "base64"}]}.
// POST /give answers with the package that the library writes for these; POST /take has the library read
// the package that it is sent, and GET /taken tells what it read.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import soap from "soap";
import { body, listen } from "./listen.mjs";

const given = JSON.parse(readFileSync(process.argv[2], "utf8"));
let raw = Buffer.alloc(0);
let rawType = "";
let taken = {};

function give(response) {
  const attachments = given.attachments.map((one) => ({ ...one, body: Buffer.from(one.base64, "base64") }));
  const headers = { "Content-Type": "text/xml; charset=utf-8" };
  const made = new soap.HttpClient().buildRequest("http://127.0.0.1/", given.envelope, headers, {
    forceMTOM: true, attachments,
  });
  response.writeHead(200, { "Content-Type": made.headers["Content-Type"] }).end(made.data);
}

async function take(request, response, server) {
  raw = await body(request);
  rawType = request.headers["content-type"];
  const library = new soap.HttpClient({ parseReponseAttachments: true });
  library.request(`http://127.0.0.1:${server.address().port}/raw`, null, (error, answer, envelope) => {
    const parts = answer?.mtomResponseAttachments?.parts ?? [];
    taken = {
      error: error?.message ?? "", envelope, type: rawType, action: request.headers.soapaction ?? "",
      parts: parts.map((part) => ({
        headers: part.headers, size: part.body.length,
        sha256: createHash("sha256").update(part.body).digest("hex"),
      })),
    };
    const space = "http://schemas.xmlsoap.org/soap/envelope/";
    const said = `<s:Envelope xmlns:s="${space}"><s:Body><r><status>OK</status></r></s:Body></s:Envelope>`;
    response.writeHead(200, { "Content-Type": "text/xml" }).end(said);
  });
}

const server = createServer((request, response) => {
  if (request.url === "/give") request.resume().on("end", () => give(response));
  else if (request.url === "/take") take(request, response, server);
  else if (request.url === "/raw") response.writeHead(200, { "Content-Type": rawType }).end(raw);
  else response.end(JSON.stringify(taken));
});
listen(server);
