// The page that a browser gets for a collection: what is in it, and how to mount this server. No scripts, nothing
// from elsewhere; names are text.
import { hostname } from 'node:os';
import type { DirectoryView, Resource } from '../inode/tree.ts';
import { isoDate, lastModifiedMs } from './dates.ts';
import type { Exchange, HeaderValues } from './exchange.ts';
import { encodeName, hrefOf } from './hrefs.ts';
import { shownName } from './names.ts';
import { escapeXml } from './xml-writer.ts';

export const LISTING_TYPE: string = 'text/html; charset=utf-8';

export const LISTING_HEADERS: HeaderValues = {
  'Cache-Control': 'no-cache',
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Content-Security-Policy':
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
};

const STYLE = `
:root{color-scheme:light dark;--line:#8884;--dim:#767676}
@media(prefers-color-scheme:dark){:root{--dim:#a0a0a0}}
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.25rem;font-weight:600;overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%}
th{text-align:left;font-weight:600;color:var(--dim)}
th,td{padding:.3rem .5rem;border-bottom:1px solid var(--line);vertical-align:top}
td:first-child{overflow-wrap:anywhere;word-break:break-word}
.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
a:focus-visible,summary:focus-visible{outline:2px solid;outline-offset:2px}
details{margin:2rem 0}
summary{cursor:pointer}
pre{overflow-x:auto;padding:.6rem;border:1px solid var(--line);border-radius:4px}
`;

/** The page in parts, made as they are sent. */
export function* listingPage(exchange: Exchange, view: DirectoryView): Iterable<string> {
  const { names } = exchange.url;
  const base = exchange.href(true);
  const now = exchange.parts.clock.now();
  const title = names.at(-1) ?? 'All files';
  yield `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeXml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<header>${trail(exchange)}<h1>${escapeXml(title)}</h1></header>
<main>
`;
  if (view.childCount === 0) {
    yield '<p>This folder is empty.</p>\n';
  } else {
    yield `<table>
<thead><tr><th scope="col">Name</th><th scope="col" class="n">Size</th><th scope="col" class="n">Changed (UTC)</th></tr></thead>
<tbody>
`;
    for (const isFolder of [true, false]) {
      for (const child of view.children()) {
        if ((child.kind === 'directory') === isFolder) {
          yield row(child, base, names.length === 0, now);
        }
      }
    }
    yield '</tbody>\n</table>\n';
  }
  yield `</main>\n${mountHelp(exchange)}</body>\n</html>\n`;
}

/** Links to the folders above. */
function trail(exchange: Exchange): string {
  const { names } = exchange.url;
  if (names.length === 0) {
    return '';
  }
  const above = names.slice(0, -1).map((name, index) => {
    const href = hrefOf(exchange.baseUrl, names.slice(0, index + 1), true);
    return ` / <a href="${escapeXml(href)}">${escapeXml(name)}</a>`;
  });
  const home = `<a href="${escapeXml(exchange.baseUrl)}/">All files</a>`;
  return `<nav aria-label="Folders above">${home}${above.join('')}</nav>`;
}

function row(child: Resource, base: string, isInRoot: boolean, nowMs: number): string {
  const name = shownName(child.name, isInRoot);
  const isFolder = child.kind === 'directory';
  const href = `${base}${encodeName(name)}${isFolder ? '/' : ''}`;
  const label = `${escapeXml(name)}${isFolder ? '/' : ''}`;
  const size = child.sizeBytes === undefined ? '' : showSize(child.sizeBytes);
  const date = isoDate(lastModifiedMs(child.modifiedAtMs, nowMs));
  const shownDate = `<time datetime="${date}">${date.slice(0, 16).replace('T', ' ')}</time>`;
  return `<tr><td><a href="${escapeXml(href)}">${label}</a></td><td class="n">${size}</td><td class="n">${shownDate}</td></tr>\n`;
}

/** `1.5 MiB`. */
export function showSize(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** The URL to mount: what the browser used to get here. */
function serverUrl(exchange: Exchange): { readonly isTls: boolean; readonly rest: string } {
  const { isTls, hosts } = exchange.address;
  const host = hosts[0] ?? '';
  // Goes into commands that people paste into a shell: nothing but a host and a port.
  const safe = /^[A-Za-z0-9.-]+(?::\d+)?$|^\[[0-9A-Fa-f:.]+\](?::\d+)?$/.test(host) ? host : hostname();
  return { isTls, rest: `//${safe}${exchange.baseUrl}/` };
}

function mountHelp(exchange: Exchange): string {
  const { isTls, rest } = serverUrl(exchange);
  const url = escapeXml(`http${isTls ? 's' : ''}:${rest}`);
  const gnomeUrl = escapeXml(`dav${isTls ? 's' : ''}:${rest}`);
  const windowsHint = isTls
    ? ''
    : '<p>Windows sends a password over plain http only when BasicAuthLevel is 2 in the registry.</p>\n';
  return `<details>
<summary>Open these files with your own programs</summary>
<h2>macOS</h2>
<p>In Finder choose Go, then Connect to Server, and enter</p>
<pre><code>${url}</code></pre>
<h2>Windows</h2>
<p>In Explorer choose Map network drive and enter the same address, or type</p>
<pre><code>net use Z: ${url}</code></pre>
${windowsHint}<h2>Linux, GNOME Files</h2>
<p>Choose Other Locations and enter the address, or type</p>
<pre><code>gio mount ${gnomeUrl}</code></pre>
<h2>Linux, davfs2</h2>
<p>With <code>buf_size 256</code> in davfs2.conf, which newer kernels need:</p>
<pre><code>sudo mount -t davfs ${url} /mnt</code></pre>
<h2>rclone</h2>
<pre><code>rclone lsf :webdav: --webdav-url ${url} --webdav-vendor owncloud</code></pre>
</details>
`;
}
