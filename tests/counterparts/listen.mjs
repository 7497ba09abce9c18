// Every counterpart: listens on loopback, says its port in one JSON line, ends when its stdin ends.

export function listen(server) {
  server.listen(0, "127.0.0.1", () => announce(server.address().port));
}

export function announce(port) {
  process.stdout.write(JSON.stringify({ port }) + "\n");
  process.stdin.on("end", () => process.exit(0)).resume();
}

export async function body(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts);
}
