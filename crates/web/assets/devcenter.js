// The API page: fetches the document, lists its operations by tag, and follows the address.

import { h, inline, prose } from "./dom.js";
import { badge, operationsOf, operationView } from "./operation.js";
import { resolverOf } from "./schema.js";
import { credentials } from "./try.js";

const WIDE = window.matchMedia("(min-width: 60rem)");

async function load() {
  const response = await fetch("/api/v2.0/openapi.json", { credentials: "omit" });
  if (!response.ok) throw new Error(`the document cannot be had: ${response.status}`);
  return response.json();
}

/** Operations by tag, tags in the order of the document. */
function groupsOf(document, operations) {
  const tags = [...(document.tags ?? [])];
  for (const { tags: [tag = "other"] = [] } of operations) {
    if (!tags.some(({ name }) => name === tag)) tags.push({ name: tag });
  }
  const groups = tags.map((tag) => ({ ...tag, operations: operations.filter((one) => (one.tags?.[0] ?? "other") === tag.name) }));
  return groups.filter((group) => group.operations.length > 0);
}

function introduction(document) {
  return h(
    "section",
    { class: "introduction" },
    h("h1", {}, document.info.title, " API"),
    h("p", { class: "lead" }, inline(document.info.summary ?? "")),
    h("details", {}, h("summary", {}, "How this API behaves"), prose(document.info.description)),
  );
}

function groupView(group, resolve) {
  return h(
    "section",
    { class: "group", "aria-labelledby": `tag-${group.name}` },
    h("h2", { id: `tag-${group.name}` }, group.name),
    group.description && h("p", { class: "muted" }, inline(group.description)),
    group.operations.map((operation) => operationView(operation, resolve)),
  );
}

function menuView(groups) {
  return groups.map((group) =>
    h(
      "section",
      {},
      h("h3", {}, group.name),
      h("ul", {}, group.operations.map((operation) =>
        h("li", {}, h("a", { href: `#${operation.operationId}` }, badge(operation.method), h("span", {}, operation.summary ?? operation.operationId))),
      )),
    ),
  );
}

/** Shows only what contains all the words asked for. */
function filter(groups, text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  for (const group of groups) {
    for (const operation of group.operations) {
      const about = `${operation.method} ${operation.path} ${operation.operationId} ${operation.summary ?? ""}`.toLowerCase();
      const isShown = words.every((word) => about.includes(word));
      document.getElementById(operation.operationId).hidden = !isShown;
      document.querySelector(`#menu a[href="#${operation.operationId}"]`).parentElement.hidden = !isShown;
    }
    const isEmpty = group.operations.every((operation) => document.getElementById(operation.operationId).hidden);
    document.getElementById(`tag-${group.name}`).parentElement.hidden = isEmpty;
  }
  for (const section of document.querySelectorAll("#menu section")) {
    section.hidden = [...section.querySelectorAll("li")].every((item) => item.hidden);
  }
}

/** Opens the operation that the address names. */
function follow() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!(target instanceof HTMLDetailsElement)) return;
  target.open = true;
  target.scrollIntoView({ block: "start" });
  if (!WIDE.matches) document.getElementById("menu").open = false;
}

function watchCredentials() {
  const name = document.getElementById("name");
  const password = document.getElementById("password");
  const state = document.getElementById("who");
  const read = () => {
    credentials.name = name.value;
    credentials.password = password.value;
    state.textContent = name.value || "anonymous";
  };
  name.addEventListener("input", read);
  password.addEventListener("input", read);
  document.getElementById("credentials").addEventListener("submit", (event) => {
    event.preventDefault();
    document.getElementById("account").open = false;
  });
  read();
}

async function start() {
  const main = document.querySelector("main");
  const menu = document.getElementById("menu");
  const fold = () => (menu.open = WIDE.matches);
  WIDE.addEventListener("change", fold);
  fold();
  watchCredentials();
  try {
    const contract = await load();
    const resolve = resolverOf(contract);
    const groups = groupsOf(contract, operationsOf(contract, resolve));
    main.replaceChildren(introduction(contract), ...groups.map((group) => groupView(group, resolve)));
    document.getElementById("list").replaceChildren(...menuView(groups));
    document.getElementById("filter").addEventListener("input", (event) => filter(groups, event.target.value));
    window.addEventListener("hashchange", follow);
    document.getElementById("list").addEventListener("click", (event) => {
      if (event.target.closest("a")?.hash === location.hash) follow();
    });
    follow();
  } catch (error) {
    main.replaceChildren(h("p", { class: "problem" }, error.message));
  }
}

start();
