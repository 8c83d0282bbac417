// Building the page. Text from the server only ever becomes a text node.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "dataset") Object.assign(node.dataset, value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** An HTML element with attributes, `onclick`-like listeners and children. */
export function h(tag, props, ...children) {
  return fill(document.createElement(tag), props, children);
}

/** An SVG element. */
export function s(tag, props, ...children) {
  return fill(document.createElementNS(SVG, tag), props, children);
}

/** Put `children` in place of what `node` holds. */
export function put(node, ...children) {
  node.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
}

/** Set text only when it differs, so that screen readers and selections are left alone. */
export function text(node, value) {
  if (node.textContent !== value) node.textContent = value;
}

/**
 * Make `container` hold one node an item, in order, reusing nodes by key: focus and
 * scroll position survive. `make(item)` gives {node, update(item)}.
 */
export function keyed(container, items, keyOf, make) {
  const old = container.keyedViews ?? new Map();
  const now = new Map();
  let place = container.firstChild;
  for (const item of items) {
    const key = keyOf(item);
    const view = old.get(key) ?? make(item);
    view.update(item);
    now.set(key, view);
    if (view.node === place) place = place.nextSibling;
    else container.insertBefore(view.node, place);
  }
  for (const [key, view] of old) if (!now.has(key)) view.node.remove();
  container.keyedViews = now;
}

/** A colour of the style sheet as the browser resolves it, for canvases. */
export function colour(name) {
  const probe = document.createElement("span");
  probe.style.color = `var(--${name})`;
  probe.hidden = true;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

/** What a page shows when a call failed. */
export function failure(error) {
  return h("p", { class: "notice error", role: "alert" }, error.message);
}
