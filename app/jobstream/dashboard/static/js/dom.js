// A small renderer: descriptions of nodes in, the least change to the document out. What did not change is not touched, so
// focus, selection and scroll positions stay.

const SVG = 'http://www.w3.org/2000/svg';
const SVG_TAGS = new Set(['svg', 'path', 'circle', 'rect', 'line', 'g', 'text', 'title', 'polyline', 'marker', 'defs']);
const PROPERTIES = new Set(['value', 'checked', 'indeterminate', 'disabled', 'open', 'selected', 'hidden', 'readOnly']);

/** Describes an element; a function is called with its properties and children at once. */
export function h(type, props, ...children) {
  const given = props ?? {};
  if (typeof type === 'function') {
    const node = type({ ...given, children: flat(children) });
    if (node && given.key !== undefined) node.key = given.key;
    return node;
  }
  return { type, props: given, key: given.key, children: flat(children), dom: undefined };
}

function flat(children, into = []) {
  for (const child of children) {
    if (Array.isArray(child)) flat(child, into);
    else if (child === null || child === undefined || child === false || child === true) continue;
    else into.push(typeof child === 'object' ? child : { text: String(child), dom: undefined });
  }
  return into;
}

const drawn = new WeakMap();
let made = [];

/** Makes the children of `root` what is described; then calls the `ref` of each element that is new. */
export function render(root, nodes) {
  const next = flat([nodes]);
  patchChildren(root, drawn.get(root) ?? [], next, false);
  drawn.set(root, next);
  const fresh = made;
  made = [];
  for (const node of fresh) if (node.dom.isConnected) node.props.ref(node.dom);
}

function create(node, isSvg) {
  if (node.text !== undefined) {
    node.dom = document.createTextNode(node.text);
    return node.dom;
  }
  const inSvg = isSvg || node.type === 'svg';
  const isOurs = inSvg && SVG_TAGS.has(node.type);
  node.dom = isOurs ? document.createElementNS(SVG, node.type) : document.createElement(node.type);
  setProps(node.dom, {}, node.props);
  for (const child of node.children) node.dom.append(create(child, inSvg));
  // A select knows its value only once it has its options.
  if (node.type === 'select' && 'value' in node.props) node.dom.value = node.props.value;
  if (node.props.ref) made.push(node);
  return node.dom;
}

function patch(before, after, isSvg) {
  after.dom = before.dom;
  if (after.text !== undefined) {
    if (after.text !== before.text) after.dom.data = after.text;
    return;
  }
  setProps(after.dom, before.props, after.props);
  patchChildren(after.dom, before.children, after.children, isSvg || after.type === 'svg');
  if (after.type === 'select' && 'value' in after.props) after.dom.value = after.props.value;
}

function patchChildren(parent, before, after, isSvg) {
  const keyed = new Map();
  const loose = [];
  for (const node of before) {
    if (node.key !== undefined) keyed.set(node.key, node);
    else loose.push(node);
  }
  let place = parent.firstChild;
  let nextLoose = 0;
  for (const node of after) {
    const old = node.key === undefined ? loose[nextLoose++] : keyed.get(node.key);
    const fits = old !== undefined && old.type === node.type && (old.text === undefined) === (node.text === undefined);
    if (fits) {
      patch(old, node, isSvg);
      old.kept = true;
    } else create(node, isSvg);
    if (node.dom === place) place = place.nextSibling;
    else parent.insertBefore(node.dom, place);
  }
  for (const node of before) {
    if (node.kept) continue;
    gone(node);
    node.dom.remove();
  }
}

function gone(node) {
  if (node.text !== undefined) return;
  node.props.onGone?.(node.dom);
  node.children.forEach(gone);
}

function setProps(dom, before, after) {
  for (const name of Object.keys(before)) if (!(name in after)) setProp(dom, name, before[name], undefined);
  for (const name of Object.keys(after)) if (before[name] !== after[name] || name === 'value') setProp(dom, name, before[name], after[name]);
}

function setProp(dom, name, before, after) {
  if (name === 'key' || name === 'ref' || name === 'onGone') return;
  if (name.startsWith('on')) {
    const type = name.slice(2).toLowerCase();
    if (before) dom.removeEventListener(type, before);
    if (after) dom.addEventListener(type, after);
  } else if (name === 'style') setStyle(dom, before ?? {}, after ?? {});
  else if (PROPERTIES.has(name) && !(dom instanceof SVGElement)) {
    const value = after ?? (name === 'value' ? '' : false);
    if (dom[name] !== value) dom[name] = value;
  } else if (after === undefined || after === null || after === false) dom.removeAttribute(name);
  else dom.setAttribute(name, after === true ? '' : String(after));
}

// Through the object model, which a strict policy allows; a style attribute it does not.
function setStyle(dom, before, after) {
  for (const name of Object.keys(before)) if (!(name in after)) dom.style.removeProperty(name);
  for (const [name, value] of Object.entries(after)) if (before[name] !== value) dom.style.setProperty(name, value);
}
