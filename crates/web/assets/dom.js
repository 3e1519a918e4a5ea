// Elements, built without ever parsing markup: nothing in a document can become code.

/** An element with attributes (`onclick` and the like are listeners) and children. */
export function h(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => child !== undefined && child !== null && child !== false));
  return element;
}

/** The paragraphs of a description. */
export function prose(text = "") {
  const paragraphs = text.trim().split(/\n\s*\n/).filter(Boolean);
  return paragraphs.map((paragraph) => h("p", {}, inline(paragraph)));
}

/** Text with its `code` and **strong** parts. */
export function inline(text = "") {
  const parts = text.split(/(`[^`]+`|\*\*[^*]+\*\*)/).filter(Boolean);
  return parts.map((part) => {
    if (/^`[^`]+`$/.test(part)) return h("code", {}, part.slice(1, -1));
    if (/^\*\*[^*]+\*\*$/.test(part)) return h("strong", {}, part.slice(2, -2));
    return part;
  });
}
