// Makes a container:  node container.mjs URL ACCOUNT KEY CONTAINER
import { createHmac } from "node:crypto";

const [url, account, key, container] = process.argv.slice(2);
const path = `/${account}/${container}`;
const headers = { "x-ms-date": new Date().toUTCString(), "x-ms-version": "2023-11-03" };
const named = Object.entries(headers).map(([name, value]) => `${name}:${value}\n`).join("");
// The method, eleven headers that are not there, ours, and what it is about: the account, the path and the query.
const text = `PUT${"\n".repeat(12)}${named}/${account}${path}\nrestype:container`;
const signature = createHmac("sha256", Buffer.from(key, "base64")).update(text).digest("base64");
headers.authorization = `SharedKey ${account}:${signature}`;
const answer = await fetch(`${url}${path}?restype=container`, { method: "PUT", headers });
if (answer.status !== 201) {
  console.error(`the container is not made: ${answer.status} ${await answer.text()}`);
  process.exit(1);
}
