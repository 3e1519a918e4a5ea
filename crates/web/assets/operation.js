// One operation: its line in the list, and what unfolds below it.

import { h, inline, prose } from "./dom.js";
import { explained, schemaTree, typeName } from "./schema.js";
import { tryForm } from "./try.js";

const METHODS = ["get", "head", "post", "put", "patch", "delete", "options"];

/** All operations of a document in its own order, each with its path, base and parameters. */
export function operationsOf(document, resolve) {
  return Object.entries(document.paths ?? {}).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method]).map((method) => {
      const operation = item[method];
      const servers = operation.servers ?? item.servers ?? document.servers ?? [];
      const parameters = [...(item.parameters ?? []), ...(operation.parameters ?? [])].map(resolve);
      return { ...operation, method, path, base: servers[0]?.url ?? "", parameters };
    }),
  );
}

/** The badge that shows a method. */
export function badge(method) {
  return h("span", { class: `method ${method}` }, method.toUpperCase());
}

/** A folded operation; what it holds is built when it is opened. */
export function operationView(operation, resolve) {
  const content = h("div", { class: "content" });
  const details = h(
    "details",
    { class: "operation", id: operation.operationId },
    h(
      "summary",
      {},
      badge(operation.method),
      h("code", { class: "path" }, broken(operation.base + operation.path)),
      h("span", { class: "summary" }, operation.summary ?? operation.operationId),
    ),
    content,
  );
  details.addEventListener("toggle", () => {
    if (details.open && !content.hasChildNodes()) content.append(...unfolded(operation, resolve));
  });
  return details;
}

/** A path that may be broken between its segments. */
function broken(path) {
  return path.split(/(?=\/)/).flatMap((segment) => [h("wbr"), segment]);
}

function unfolded(operation, resolve) {
  return [
    operation.deprecated && h("p", { class: "mark" }, "deprecated"),
    ...prose(operation.description),
    h("p", { class: "muted" }, `${operation.operationId} · ${accessOf(operation)}`),
    ...parametersOf(operation, resolve),
    ...requestOf(operation, resolve),
    h("h4", {}, "Answers"),
    Object.entries(operation.responses ?? {}).map(([status, response]) => responseView(status, resolve(response), resolve)),
    tryForm(operation, resolve),
  ].flat().filter(Boolean);
}

/** Whether one must log in: an empty requirement means that nobody has to. */
function accessOf(operation) {
  const { security } = operation;
  if (!security) return "with or without credentials";
  if (security.length === 0) return "no credentials needed";
  return security.some((way) => Object.keys(way).length === 0) ? "with or without credentials" : "credentials needed";
}

function parametersOf(operation, resolve) {
  if (operation.parameters.length === 0) return [];
  const rows = operation.parameters.map((parameter) =>
    h(
      "li",
      {},
      h("span", { class: "member" }, parameter.name),
      h("span", { class: "place" }, parameter.in),
      explained(parameter.schema ?? {}, resolve, parameter),
    ),
  );
  return [h("h4", {}, "Parameters"), h("ul", { class: "members" }, rows)];
}

function requestOf(operation, resolve) {
  if (!operation.requestBody) return [];
  const body = resolve(operation.requestBody);
  return [h("h4", {}, "Body"), ...prose(body.description), ...contentOf(body, resolve)];
}

function contentOf(holder, resolve) {
  return Object.entries(holder.content ?? {}).flatMap(([type, { schema = {} }]) => [
    h("p", { class: "media" }, h("code", {}, type), " ", h("span", { class: "type" }, typeName(schema, resolve))),
    schemaTree(schema, resolve),
  ]);
}

function responseView(status, response, resolve) {
  const kind = status.startsWith("2") ? "good" : status.startsWith("5") ? "bad" : "warn";
  const content = h("div", { class: "content" });
  const details = h(
    "details",
    { class: "response" },
    h("summary", {}, h("strong", { class: kind }, status), " ", h("span", {}, inline(response.description?.split("\n")[0]))),
    content,
  );
  details.addEventListener("toggle", () => {
    if (details.open && !content.hasChildNodes()) content.append(...responseContent(response, resolve));
  });
  return details;
}

function responseContent(response, resolve) {
  const headers = Object.entries(response.headers ?? {}).map(([name, header]) => {
    const own = resolve(header);
    return h("li", {}, h("span", { class: "member" }, name), h("span", { class: "place" }, "header"), explained(own.schema ?? {}, resolve, own));
  });
  const parts = [headers.length > 0 && h("ul", { class: "members" }, headers), ...contentOf(response, resolve)].filter(Boolean);
  return parts.length > 0 ? parts : [h("p", { class: "muted" }, "No body.")];
}
