// Schemas: what a value looks like, in words, as a tree, and as an example.

import { h, inline } from "./dom.js";

/** Follows references within one document. */
export function resolverOf(document) {
  return function resolve(value) {
    let target = value;
    for (let hops = 0; target?.$ref && hops < 16; hops += 1) {
      const names = target.$ref.replace(/^#\//, "").split("/");
      const unescaped = names.map((name) => name.replaceAll("~1", "/").replaceAll("~0", "~"));
      target = unescaped.reduce((node, name) => node?.[name], document);
    }
    return target ?? {};
  };
}

/** The name of a referenced schema, if it has one. */
function nameOf(schema) {
  return schema?.$ref?.split("/").pop();
}

/** The types a schema allows, without `null`. */
function typesOf(schema) {
  return [schema.type ?? []].flat().filter((type) => type !== "null");
}

function allowsNull(schema) {
  return [schema.type ?? []].flat().includes("null");
}

/** The schema with everything that `allOf` adds to it. */
function merged(schema, resolve) {
  const own = resolve(schema);
  if (!own.allOf) return own;
  return own.allOf.map((part) => merged(part, resolve)).reduce(
    (all, part) => ({
      ...all,
      ...part,
      properties: { ...all.properties, ...part.properties },
      required: [...(all.required ?? []), ...(part.required ?? [])],
    }),
    { ...own, allOf: undefined },
  );
}

function choicesOf(schema) {
  return schema.oneOf ?? schema.anyOf;
}

/** A short name of the type: `integer (int64)`, `list of Tag`, `Project or null`. */
export function typeName(schema, resolve) {
  const name = nameOf(schema);
  const own = merged(schema, resolve);
  const base = () => {
    const choices = choicesOf(own);
    if (choices) return choices.map((choice) => typeName(choice, resolve)).join(" or ");
    const types = typesOf(own);
    if (types.includes("array")) return `list of ${typeName(own.items ?? {}, resolve)}`;
    if (name) return name;
    if (types.includes("object") || own.properties) {
      const values = own.additionalProperties;
      return values && values !== true && !own.properties ? `map to ${typeName(values, resolve)}` : "object";
    }
    const type = types.join(" or ") || (own.enum || own.const !== undefined ? "value" : "any");
    return own.format ? `${type} (${own.format})` : type;
  };
  return allowsNull(own) ? `${base()} or null` : base();
}

/** The limits of a value, each in a few words. */
export function limitsOf(schema) {
  const limits = [];
  if (schema.enum) limits.push(`one of ${schema.enum.map((value) => JSON.stringify(value)).join(", ")}`);
  if (schema.const !== undefined) limits.push(`always ${JSON.stringify(schema.const)}`);
  if (schema.default !== undefined) limits.push(`default ${JSON.stringify(schema.default)}`);
  if (schema.minimum !== undefined) limits.push(`at least ${schema.minimum}`);
  if (schema.maximum !== undefined) limits.push(`at most ${schema.maximum}`);
  if (schema.minLength) limits.push(`at least ${schema.minLength} characters`);
  if (schema.maxLength !== undefined) limits.push(`at most ${schema.maxLength} characters`);
  if (schema.pattern) limits.push(`matches ${schema.pattern}`);
  return limits;
}

/** Type, limits and meaning of one value, as they follow its name. */
export function explained(schema, resolve, { required = false, description } = {}) {
  const own = merged(schema, resolve);
  const words = description ?? own.description;
  return [
    h("span", { class: "type" }, typeName(schema, resolve)),
    required && h("span", { class: "mark required" }, "required"),
    own.deprecated && h("span", { class: "mark" }, "deprecated"),
    own.readOnly && h("span", { class: "mark" }, "read only"),
    words && h("div", { class: "words" }, inline(words)),
    limitsOf(own).map((limit) => h("div", { class: "limit" }, limit)),
  ];
}

/** The members below a schema: those of an object, of a list's elements, or of each choice. */
function membersOf(schema, resolve) {
  const own = merged(schema, resolve);
  const choices = choicesOf(own);
  if (choices) return choices.flatMap((choice) => membersOf(choice, resolve));
  if (typesOf(own).includes("array")) return membersOf(own.items ?? {}, resolve);
  const required = new Set(own.required ?? []);
  const members = Object.entries(own.properties ?? {}).map(([name, member]) => ({ name, member, required: required.has(name) }));
  if (typeof own.additionalProperties === "object") {
    members.push({ name: "any other name", member: own.additionalProperties, required: false, isPattern: true });
  }
  return members;
}

/** A schema as a tree; branches are built when they are opened, so a schema may contain itself. */
export function schemaTree(schema, resolve) {
  const members = membersOf(schema, resolve);
  if (members.length === 0) return null;
  return h("ul", { class: "members" }, members.map(({ name, member, required, isPattern }) => {
    const label = h("span", { class: isPattern ? "member muted" : "member" }, name);
    const head = [label, " ", explained(member, resolve, { required })];
    return h("li", {}, head, membersOf(member, resolve).length > 0 && branch(member, resolve));
  }));
}

function branch(schema, resolve) {
  const details = h("details", { class: "branch" }, h("summary", {}, "members"));
  details.addEventListener("toggle", () => {
    if (details.open && details.childElementCount === 1) details.append(schemaTree(schema, resolve));
  });
  return details;
}

/** A value that fits a schema, to start writing a body from. */
export function exampleOf(schema, resolve, depth = 0) {
  const own = merged(schema, resolve);
  if (own.example !== undefined) return own.example;
  if (own.examples?.length) return own.examples[0];
  if (own.default !== undefined) return own.default;
  if (own.const !== undefined) return own.const;
  if (depth > 0 && allowsNull(own)) return null;
  if (own.enum) return own.enum[0];
  if (choicesOf(own)) return exampleOf(choicesOf(own)[0], resolve, depth);
  const [type] = typesOf(own);
  if (type === "array") return depth > 3 ? [] : [exampleOf(own.items ?? {}, resolve, depth + 1)];
  if (type === "object" || own.properties) {
    if (depth > 3) return {};
    const members = Object.entries(own.properties ?? {}).filter(([, member]) => !resolve(member).readOnly);
    return Object.fromEntries(members.map(([name, member]) => [name, exampleOf(member, resolve, depth + 1)]));
  }
  if (type === "integer" || type === "number") return own.minimum ?? 0;
  if (type === "boolean") return false;
  return type === "string" ? "" : null;
}
