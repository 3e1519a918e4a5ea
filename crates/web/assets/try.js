// The form that sends a request of one operation and shows what came back.

import { h } from "./dom.js";
import { exampleOf, typeName } from "./schema.js";

/** Name and password for the requests; they live as long as the page. */
export const credentials = { name: "", password: "" };

/** The form of an operation, and the place for its answer. */
export function tryForm(operation, resolve) {
  const fields = operation.parameters.map((parameter) => fieldOf(parameter, resolve));
  const body = bodyField(operation, resolve);
  const answer = h("div", { class: "answer", "aria-live": "polite" });
  const isUnsafe = !["get", "head"].includes(operation.method);
  const button = h("button", { type: "submit", class: isUnsafe ? "send unsafe" : "send" }, `Send ${operation.method.toUpperCase()}`);
  const form = h(
    "form",
    { class: "try", novalidate: true },
    h("h4", {}, "Try it"),
    fields.map((field) => field.row),
    body?.row,
    h("div", { class: "actions" }, button, isUnsafe && h("span", { class: "muted" }, "This changes the registry.")),
    answer,
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const missing = [...fields, body].find((field) => field?.isRequired && !field.input.value);
    if (missing) {
      missing.input.focus();
      answer.replaceChildren(h("p", { class: "problem" }, `${missing.name} is required.`));
      return;
    }
    button.disabled = true;
    answer.replaceChildren(h("p", { class: "muted" }, "Sending …"));
    answer.replaceChildren(...(await send(requestOf(operation, fields, body))));
    button.disabled = false;
  });
  return form;
}

let lastField = 0;

function fieldOf(parameter, resolve) {
  const schema = resolve(parameter.schema ?? {});
  const id = `field-${(lastField += 1)}`;
  const isChoice = schema.type === "boolean" || schema.enum;
  const input = isChoice ? choice(id, schema) : h("input", { id, type: "text", autocomplete: "off", spellcheck: "false", placeholder: placeholder(schema) });
  const label = h("label", { for: id }, parameter.name, parameter.required && h("span", { class: "mark required" }, "required"));
  const kind = `${parameter.in} · ${typeName(parameter.schema ?? {}, resolve)}`;
  const row = h("div", { class: "field" }, label, h("span", { class: "muted" }, kind), input);
  return { name: parameter.name, in: parameter.in, isRequired: parameter.required, input, row };
}

function choice(id, schema) {
  const values = schema.enum ?? [true, false];
  const unset = schema.default === undefined ? "not set" : `not set (${schema.default})`;
  return h("select", { id }, h("option", { value: "" }, unset), values.map((value) => h("option", { value: String(value) }, String(value))));
}

function placeholder(schema) {
  return schema.default === undefined ? undefined : String(schema.default);
}

function bodyField(operation, resolve) {
  const description = operation.requestBody && resolve(operation.requestBody);
  const [type, media] = Object.entries(description?.content ?? {})[0] ?? [];
  if (!type) return undefined;
  const id = `field-${(lastField += 1)}`;
  const example = JSON.stringify(exampleOf(media.schema ?? {}, resolve), null, 2) ?? "";
  const input = h("textarea", { id, rows: Math.min(16, example.split("\n").length + 1), spellcheck: "false" });
  input.value = example;
  const row = h("div", { class: "field wide" }, h("label", { for: id }, "Body"), h("span", { class: "muted" }, type), input);
  return { name: "Body", type, isRequired: description.required, input, row };
}

/** What the filled form asks for. */
function requestOf(operation, fields, body) {
  const query = new URLSearchParams();
  const headers = {};
  let path = operation.base + operation.path;
  for (const { name, in: place, input } of fields) {
    const value = input.value;
    if (place === "path") path = path.replace(`{${name}}`, segment(name, value));
    else if (value && place === "query") query.append(name, value);
    else if (value && place === "header") headers[name] = value;
  }
  const search = query.size > 0 ? `?${query}` : "";
  const text = body?.input.value || undefined;
  if (text !== undefined) headers["Content-Type"] = body.type;
  return { method: operation.method.toUpperCase(), url: path + search, headers, body: text };
}

/** A path segment. The server decodes names of repositories twice, and so may proxies on the way. */
function segment(name, value) {
  const once = encodeURIComponent(value);
  return name === "repository_name" ? encodeURIComponent(once) : once;
}

async function send(request) {
  const { name, password } = credentials;
  const secret = name && { Authorization: `Basic ${base64(`${name}:${password}`)}` };
  const started = performance.now();
  const asked = detail("As a command", h("pre", { tabindex: "0" }, h("code", {}, command(request))));
  try {
    const response = await fetch(request.url, {
      method: request.method,
      headers: { ...request.headers, ...secret },
      body: request.body,
      credentials: "omit",
      cache: "no-store",
    });
    const body = await bodyOf(response);
    return [statusLine(response, performance.now() - started), ...bodyBlock(body), headersBlock(response), asked];
  } catch (error) {
    return [h("p", { class: "problem" }, `No answer: ${error.message}`), asked];
  }
}

function statusLine(response, took) {
  const kind = response.ok ? "good" : response.status < 500 ? "warn" : "bad";
  return h(
    "p",
    { class: "status" },
    h("strong", { class: kind }, `${response.status} ${response.statusText}`),
    h("span", { class: "muted" }, ` in ${Math.round(took)} ms`),
  );
}

async function bodyOf(response) {
  const bytes = new Uint8Array(await response.arrayBuffer());
  const type = response.headers.get("Content-Type") ?? "";
  if (bytes.length === 0) return "";
  if (!/json|text|xml|yaml/.test(type)) return `${bytes.length} bytes of ${type || "unknown type"}`;
  const text = new TextDecoder().decode(bytes);
  try {
    return /json/.test(type) ? JSON.stringify(JSON.parse(text), null, 2) : text;
  } catch {
    return text;
  }
}

function bodyBlock(text) {
  return text ? [h("pre", { class: "body", tabindex: "0" }, h("code", {}, text))] : [h("p", { class: "muted" }, "No body.")];
}

function headersBlock(response) {
  const lines = [...response.headers].map(([name, value]) => `${name}: ${value}`);
  return detail(`Headers (${lines.length})`, h("pre", { tabindex: "0" }, h("code", {}, lines.join("\n"))));
}

function detail(title, content) {
  return h("details", { class: "fold" }, h("summary", {}, title), content);
}

/** The same request for a shell; the password is asked for there. */
function command({ method, url, headers, body }) {
  const quote = (text) => `'${text.replaceAll("'", `'\\''`)}'`;
  const parts = [`curl ${method === "HEAD" ? "--head" : `-X ${method}`} ${quote(location.origin + url)}`];
  if (credentials.name) parts.push(`-u ${quote(credentials.name)}`);
  for (const [name, value] of Object.entries(headers)) parts.push(`-H ${quote(`${name}: ${value}`)}`);
  if (body !== undefined) parts.push(`--data ${quote(body)}`);
  return parts.join(" \\\n  ");
}

function base64(text) {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}
