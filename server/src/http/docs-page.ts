// The documentation as one page of plain HTML: navigation, conventions, every operation, every problem. No scripts,
// nothing from elsewhere; how it looks is in docs-*.css.
import { CONVENTIONS } from './docs-conventions.ts';
import { type ApiDocument, type DocumentedOperation, readDocument } from './docs-document.ts';
import { methodTag, operationSection, pathHtml, sample } from './docs-operation.ts';
import { escapeHtml, inlineHtml, jsonHtml, paragraphs } from './html.ts';

/** The page for a document, given as the text of openapi.json. */
export function docsHtml(openApiText: string): string {
  const document = readDocument(openApiText);
  const { title, version, description } = document;
  const [lead = '', ...rest] = description.split('\n\n');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(title)} API</title>
<link rel="stylesheet" href="/docs.css">
</head>
<body>
<a class="skip" href="#content">Skip to the content</a>
<header class="top">
<p class="brand"><a href="/">${escapeHtml(title)}</a> <span>API ${escapeHtml(version)}</span></p>
<p class="links"><a href="/openapi.json">openapi.json</a></p>
</header>
${navigation(document)}
<main id="content" tabindex="-1">
<div class="lead">
<h1>${escapeHtml(title)} API</h1>
<p class="intro">${inlineHtml(lead)}</p>
${paragraphs(rest.join('\n\n'))}
</div>
<section class="group" id="conventions" aria-labelledby="conventions-title">
<div class="head"><h2 id="conventions-title"><a href="#conventions">Conventions</a></h2>
<p>What holds for every operation.</p></div>
${CONVENTIONS.map(({ html }) => html).join('\n')}
</section>
${document.tags.map((tag) => group(tag, document)).join('\n')}
${catalogue(document)}
</main>
</body>
</html>
`;
}

function tagId(name: string): string {
  return `tag-${name.toLowerCase().replace(/[^a-z0-9]+/g, '-')}`;
}

function ofTag({ operations }: ApiDocument, name: string): readonly DocumentedOperation[] {
  return operations.filter(({ tag }) => tag === name);
}

function navigation(document: ApiDocument): string {
  const conventions = CONVENTIONS.map(({ id, title }) => `<li><a href="#${id}">${title}</a></li>`);
  const groups = document.tags.map(({ name }) => {
    const links = ofTag(document, name).map(
      ({ id, method, summary }) =>
        `<li><a href="#${escapeHtml(id)}">${methodTag(method)} <span>${escapeHtml(summary)}</span></a></li>`,
    );
    return navigationGroup(tagId(name), escapeHtml(name), links);
  });
  return `<nav aria-label="Operations">
<ul>
${navigationGroup('conventions', 'Conventions', conventions)}
${groups.join('\n')}
<li><a href="#problems">Problems</a></li>
</ul>
</nav>`;
}

function navigationGroup(id: string, title: string, links: readonly string[]): string {
  return `<li><a href="#${id}">${title}</a><ul>${links.join('\n')}</ul></li>`;
}

function group({ name, description }: ApiDocument['tags'][number], document: ApiDocument): string {
  const id = tagId(name);
  const operations = ofTag(document, name);
  const index = operations.map(
    ({ id: target, method, path }) =>
      `<li><a href="#${escapeHtml(target)}">${methodTag(method)} ${pathHtml(path)}</a></li>`,
  );
  return `<section class="group" id="${id}" aria-labelledby="${id}-title">
<div class="head"><h2 id="${id}-title"><a href="#${id}">${escapeHtml(name)}</a></h2>
<p>${inlineHtml(description)}</p>
<ul class="index">${index.join('\n')}</ul></div>
${operations.map((one) => operationSection(one, document)).join('\n')}
</section>`;
}

function catalogue(document: ApiDocument): string {
  const entries = Object.keys(document.problems).map((code) => problem(code, document));
  return `<section class="group" id="problems" aria-labelledby="problems-title">
<div class="head"><h2 id="problems-title"><a href="#problems">Problems</a></h2>
<p>Every way the API says no. The <code>type</code> of a problem is <code>https://holdfast.dev/problems/</code> and its code.</p></div>
${entries.join('\n')}
</section>`;
}

function problem(code: string, document: ApiDocument): string {
  const { status, title, advice } = document.problems[code] ?? { status: 0, title: '', advice: '' };
  const id = `problem-${escapeHtml(code)}`;
  const answeredBy = document.operations.filter(({ problems }) => problems.includes(code));
  const links = answeredBy.map((one) => `<a href="#${escapeHtml(one.id)}">${escapeHtml(one.summary)}</a>`);
  const where =
    links.length === 0
      ? 'The paths themselves.'
      : links.length === document.operations.length
        ? 'Every operation.'
        : `${links.join(', ')}.`;
  const example = document.exampleOf(code);
  return `<article class="operation problem" id="${id}" aria-labelledby="${id}-title">
<div class="about">
<h3 id="${id}-title"><a href="#${id}"><code>${escapeHtml(code)}</code></a> <span class="status bad">${status}</span></h3>
<p>${escapeHtml(title)}.</p>
<p class="advice">${inlineHtml(advice)}</p>
<p class="where">Answered by: ${where}</p>
</div>
<div class="samples">${example === undefined ? '' : `<details><summary>Example</summary>${sample('Problem', jsonHtml(example))}</details>`}</div>
</article>`;
}
