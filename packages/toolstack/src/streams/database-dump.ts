import type { Pool } from '../pool/pool.ts'
import type { WireType } from '../model/wire-type.ts'
import { authenticate } from '../wire/http-auth.ts'
import { sendParts, type HttpHandler } from '../wire/http-exchange.ts'
import { formatDate } from '../wire/dates.ts'
import { xmlText } from '../wire/xml-encode.ts'

/** GET /pool/xmldbdump: the database as XAPI writes it to disk. */
export function dumpDatabase(pool: Pool): HttpHandler {
  return async (exchange) => {
    const identity = authenticate(pool, exchange, { permission: 'get_pool_xml_db_sync', minRole: 'pool-admin' })
    if (!identity) return
    try {
      exchange.response.writeHead(200, { 'content-type': 'text/xml' })
      await sendParts(exchange.response, [...databaseXml(pool)])
    } finally {
      identity.end()
    }
  }
}

function* databaseXml({ db }: Pool): Generator<string> {
  const { major, minor } = db.model.apiVersion
  const manifest = { schema_major_vsn: major, schema_minor_vsn: minor, generation_count: db.generation }
  const pairs = Object.entries(manifest).map(([key, value]) => `<pair key="${key}" value="${value}"/>`)
  yield `<?xml version="1.0" encoding="UTF-8"?>\n<database><manifest>${pairs.join('')}</manifest>`
  for (const cls of db.model.classes.values()) {
    if (!cls.inDatabase || !cls.persist) continue
    yield `<table name="${cls.name}">`
    for (const { ref, values } of db.table(cls.name).rows.values()) {
      const fields = cls.fields
        .filter(({ relation }) => relation?.kind !== 'many')
        .map(({ name, type }) => `${name}="${attribute(databaseText(type, values[name]))}"`)
      yield `<row ref="${attribute(ref)}" ${fields.join(' ')}/>`
    }
    yield '</table>'
  }
  yield '</database>'
}

/** Line ends would be blanks to whoever reads an attribute. */
function attribute(text: string): string {
  return xmlText(text).replaceAll('\t', '&#9;').replaceAll('\n', '&#10;').replaceAll('\r', '&#13;')
}

/** A value as the database keeps it: sets and maps are lists in parentheses, strings in them are quoted. */
function databaseText(type: WireType, value: unknown): string {
  if (type.kind === 'datetime') return formatDate(Number(value))
  if (type.kind === 'set') {
    // Sets of the model are iterable.
    return `(${[...(value as Iterable<unknown>)].map((item) => quoted(databaseText(type.of, item))).join(' ')})`
  }
  if (type.kind === 'map') {
    const pairs = Object.entries((value ?? {}) as Record<string, unknown>)
    return `(${pairs.map(([key, entry]) => `(${quoted(key)} ${quoted(databaseText(type.value, entry))})`).join(' ')})`
  }
  return typeof value === 'string' ? value : JSON.stringify(value ?? '')
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", String.raw`\'`)}'`
}
