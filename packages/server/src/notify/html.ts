import { escapeHtml } from './message.ts'

/** A table of a message: cells are text and are escaped here. */
export interface HtmlTable {
  readonly head: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

export interface HtmlPage {
  readonly subject: string
  /** The sentence that comes first. */
  readonly lead: string
  readonly table?: HtmlTable | undefined
  /** Lines below. */
  readonly notes?: readonly string[] | undefined
  readonly url?: string | undefined
}

// Mail programs know inline styles only.
const cell = 'padding:4px 12px 4px 0;text-align:left;vertical-align:top;border-bottom:1px solid #ddd'

/** A plain document that every mail program shows; everything in it is escaped. */
export function htmlPage({ subject, lead, table, notes = [], url }: HtmlPage): string {
  const lines = [
    '<!doctype html>',
    `<html lang="en"><head><meta charset="utf-8"><title>${escapeHtml(subject)}</title></head>`,
    '<body style="font-family:sans-serif;font-size:14px;color:#222">',
    `<p>${escapeHtml(lead)}</p>`,
    ...(table && table.rows.length > 0 ? tableLines(table) : []),
    ...notes.map((note) => `<p>${escapeHtml(note)}</p>`),
    ...(url === undefined ? [] : [`<p><a href="${escapeHtml(url)}">${escapeHtml(url)}</a></p>`]),
    '</body></html>',
  ]
  return `${lines.join('\n')}\n`
}

function tableLines({ head, rows }: HtmlTable): readonly string[] {
  const row = (cells: readonly string[], tag: 'th' | 'td'): string =>
    `<tr>${cells.map((text) => `<${tag} style="${cell}">${escapeHtml(text)}</${tag}>`).join('')}</tr>`
  return [
    '<table style="border-collapse:collapse">',
    row(head, 'th'),
    ...rows.map((cells) => row(cells, 'td')),
    '</table>',
  ]
}
