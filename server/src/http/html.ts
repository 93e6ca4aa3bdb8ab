// Text into HTML. Everything that a page shows goes through here.

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}

/** A line of text in which `backticks` mark code. */
export function inlineHtml(text: string): string {
  const parts = text.split('`');
  // An odd number of backticks marks nothing.
  if (parts.length % 2 === 0) return escapeHtml(text);
  return parts
    .map((part, index) => (index % 2 === 1 ? `<code>${escapeHtml(part)}</code>` : escapeHtml(part)))
    .join('');
}

/** Paragraphs are parted by an empty line. */
export function paragraphs(text: string): string {
  return text
    .split('\n\n')
    .map((paragraph) => `<p>${inlineHtml(paragraph)}</p>`)
    .join('\n');
}

/** A value as indented JSON, its tokens told apart by class. */
export function jsonHtml(value: unknown): string {
  const token = /("(?:[^"\\]|\\.)*")(\s*:)?|[^"]+/g;
  return JSON.stringify(value, null, 2).replace(token, (text, quoted?: string, colon?: string) => {
    if (quoted === undefined) return escapeHtml(text);
    const kind = colon === undefined ? 'string' : 'key';
    return `<span class="${kind}">${escapeHtml(quoted)}</span>${colon ?? ''}`;
  });
}
