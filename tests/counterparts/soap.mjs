// A SOAP service of the node library "soap": soap.mjs WSDL ANSWERS
//
// ANSWERS is a JSON file: for each operation the object to answer with, or {"fault": {...}} as the
// library takes faults. The service stands at /service; GET /calls returns what was called with what.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import soap from "soap";
import { listen } from "./listen.mjs";

const wsdl = readFileSync(process.argv[2], "utf8");
const answers = JSON.parse(readFileSync(process.argv[3], "utf8"));
const calls = [];

const server = createServer((request, response) => {
  if (request.url === "/calls") response.end(JSON.stringify(calls));
  else response.writeHead(404).end();
});

function operation(name) {
  return (given) => {
    calls.push([name, given]);
    const answer = answers[name];
    if (answer?.fault) throw { Fault: answer.fault };
    return answer;
  };
}

const handlers = Object.fromEntries(Object.keys(answers).map((name) => [name, operation(name)]));
const described = await soap.createClientAsync(process.argv[2]);
const service = {};
for (const [name, ports] of Object.entries(described.describe())) {
  service[name] = Object.fromEntries(Object.keys(ports).map((port) => [port, handlers]));
}
// a WSDL with imports is read in the background: the port is told when it is understood
soap.listen(server, {
  path: "/service", services: service, xml: wsdl, uri: process.argv[2], callback: () => listen(server),
});
