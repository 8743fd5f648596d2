/* Colours in code. highlight.js is the largest file of the page, so it is fetched when the first code block appears. */

const GUESSES = [
  'bash', 'c', 'cpp', 'css', 'go', 'html', 'java', 'javascript', 'json', 'python', 'rust', 'sql', 'typescript', 'xml',
  'yaml'
];
const SURE_ENOUGH = 6; /* highlight.js's relevance, below which a guess is not taken */
const LONGEST = 60000; /* characters; beyond that, colours are not worth the wait */

let library = null;

function fetchLibrary() {
  library ??= new Promise((resolve) => {
    const script = document.createElement('script');
    script.src = '/lib/highlight.js';
    script.onload = () => {
      /* Debian supports version 9; its authors do not, and say so on the console unless told otherwise. */
      window.hljs.configure({hideUpgradeWarningAcceptNoSupportOrSecurityUpdates: true});
      resolve(window.hljs);
    };
    script.onerror = () => {
      library = null;
      resolve(null);
    };
    document.head.append(script);
  });
  return library;
}

function markup(hljs, text, language) {
  if (language) return hljs.getLanguage(language) ? hljs.highlight(language, text, true).value : null;
  const guess = hljs.highlightAuto(text, GUESSES);
  return guess.relevance >= SURE_ENOUGH ? guess.value : null;
}

/* Colours the text of a <code> element. Without a language it guesses, and leaves prose alone. */
export async function highlight(code, language) {
  const text = code.textContent;
  if (!text || text.length > LONGEST) return;
  const hljs = window.hljs ?? (await fetchLibrary());
  if (!hljs || code.textContent !== text) return;
  const html = markup(hljs, text, language.toLowerCase());
  if (html === null) return;
  code.replaceChildren(
      window.DOMPurify.sanitize(html, {ALLOWED_TAGS: ['span'], ALLOWED_ATTR: ['class'], RETURN_DOM_FRAGMENT: true}));
}
