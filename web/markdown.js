/* Markdown to safe elements, for what a model writes is a stranger's text. HTML in it is shown as text, but for a few
 * tags without attributes; marked makes HTML of the rest; DOMPurify admits a short list of tags and attributes of that;
 * and the page's own furniture (copy buttons, scrolling tables) is added last. */
import {copyWith, el, iconButton} from '/dom.js';
import {highlight} from '/highlight.js';

const {marked, DOMPurify} = window;

/* Debian 12's DOMPurify (2.4.1, deb12u1) reads a variable that it declares elsewhere, in a depth check that it makes
 * again where it belongs, and so throws at each call. With this in place the stray check finds nothing and the real one
 * works. */
if (!('shadowNode' in window)) Object.defineProperty(window, 'shadowNode', {value: Object.freeze({})});

const options = {
  gfm: true,
  breaks: true,
  headerIds: false,
  mangle: false
};
const plainTag = /&lt;(\/?(?:b|br|del|details|em|i|kbd|mark|p|s|small|strong|sub|summary|sup|u) ?\/?)&gt;/gi;
const ours = {
  renderer: Object.assign(new marked.Renderer(), {
    html: (html) => html.replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(plainTag, '<$1>'),
    code(code, info) {
      const pre =
          el('pre', {}, el('code', {class: `language-${(info ?? '').match(/^[\w+#.-]{1,30}/)?.[0] ?? ''}`}, code));
      return pre.outerHTML;
    },
  }),
};

const admit = {
  ALLOWED_TAGS: [
    'a',      'b',   'blockquote', 'br',  'code',  'del',   'details', 'em',   'h1',    'h2', 'h3',  'h4', 'h5',
    'h6',     'hr',  'i',          'img', 'input', 'kbd',   'li',      'mark', 'ol',    'p',  'pre', 's',  'small',
    'strong', 'sub', 'summary',    'sup', 'table', 'tbody', 'td',      'th',   'thead', 'tr', 'u',   'ul'
  ],
  ALLOWED_ATTR:
      ['href', 'src', 'alt', 'title', 'align', 'start', 'class', 'type', 'checked', 'disabled', 'colspan', 'rowspan'],
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  ALLOWED_URI_REGEXP: /^(?:https?:|mailto:)/i, /* no relative links: they would lead into this server */
  ADD_URI_SAFE_ATTR: ['align', 'start', 'type', 'checked', 'disabled', 'colspan', 'rowspan'],
  RETURN_DOM_FRAGMENT: true,
};

/* Classes: a code block's language, and the highlighter's own; any other could dress up as part of the page. */
const classes = {
  CODE: /^language-[\w+#.-]*$/,
  SPAN: /^hljs-[\w-]+( hljs-[\w-]+)*$/
};
DOMPurify.addHook('uponSanitizeAttribute', (node, a) => {
  if (a.attrName === 'class' && !classes[node.nodeName]?.test(a.attrValue)) a.keepAttr = false;
});

DOMPurify.addHook('afterSanitizeAttributes', (node) => {
  if (node.nodeName === 'A') {
    node.setAttribute('rel', 'noopener noreferrer');
    node.setAttribute('target', '_blank');
  } else if (node.nodeName === 'IMG' && !/^data:image\//i.test(node.getAttribute('src') ?? '')) {
    node.replaceWith(node.ownerDocument.createTextNode(
        node.getAttribute('alt') ? `[image: ${node.getAttribute('alt')}]` : '[image]'));
  } else if (node.nodeName === 'INPUT') {
    if (node.getAttribute('type') !== 'checkbox')
      node.remove();
    else
      node.setAttribute('disabled', '');
  }
});

/* The block tokens of a text, each with .raw; blank ones are left out. */
export function blocks(text) { return marked.lexer(text, options); }

/* marked reads lines so: done beforehand, the raw texts of the tokens add up to the text. */
export function normalise(text) {
  return text.replace(/\r\n?/g, '\n').replace(/^( *)(\t+)/gm, (_, spaces, tabs) => spaces + '    '.repeat(tabs.length));
}

function frameCode(pre) {
  const code = pre.querySelector('code') ?? pre;
  const language = /language-([\w+#.-]+)/.exec(code.className)?.[1] ?? '';
  const button = iconButton('copy', 'Copy code', () => copyWith(button, code.textContent));
  const frame = el('figure', {class: 'code'}, el('figcaption', {}, el('span', {}, language || 'code'), button));
  pre.replaceWith(frame);
  pre.tabIndex = 0;
  frame.append(pre);
  frame.language = language;
  return frame;
}

function furnish(fragment) {
  for (const pre of fragment.querySelectorAll('pre')) frameCode(pre);
  for (const table of fragment.querySelectorAll('table')) {
    const frame = el('div', {class: 'table', tabindex: '0', role: 'region', 'aria-label': 'Table'});
    table.replaceWith(frame);
    frame.append(table);
  }
  for (const box of fragment.querySelectorAll('input[type=checkbox]'))
    box.setAttribute('aria-label', box.checked ? 'done' : 'to do');
}

export const makeSafe = (html) => DOMPurify.sanitize(html, admit);

/* Safe elements for tokens of blocks(). If a library fails, the text itself is shown: never markup that was not made
 * safe. */
export function toFragment(tokens) {
  try {
    const fragment = makeSafe(marked.parser(tokens, {...options, ...ours}));
    furnish(fragment);
    return fragment;
  } catch (e) {
    console.error('this part of an answer is shown as plain text:', e);
    const fragment = document.createDocumentFragment();
    fragment.append(el('p', {class: 'plain'}, tokens.map((t) => t.raw).join('')));
    return fragment;
  }
}

/* Colours the code blocks among nodes, as soon as the highlighter is there. */
export function colour(nodes) {
  for (const node of nodes) {
    if (node.nodeType !== Node.ELEMENT_NODE) continue;
    const frames = node.matches('figure.code') ? [node] : node.querySelectorAll('figure.code');
    for (const frame of frames)
      highlight(frame.querySelector('pre code') ?? frame.querySelector('pre'), frame.language);
  }
}
