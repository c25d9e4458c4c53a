import { softwareVersion } from '../generate/hosts.ts'
import { masterOf, type Pool } from '../pool/pool.ts'
import type { HttpHandler } from '../wire/http-exchange.ts'
import { xmlText } from '../wire/xml-encode.ts'
import { databaseText, protect } from './database-text.ts'
import { sendBytes, startDownload, streamHandler } from './stream-handler.ts'

/** Version of the database's schema, which is not that of the API. */
export function databaseSchema(): { readonly major: number; readonly minor: number } {
  const [major, minor] = (softwareVersion['db_schema'] ?? '').split('.').map(Number)
  return { major: major ?? 0, minor: minor ?? 0 }
}

/** GET /pool/xmldbdump: the database as XAPI writes it to disk. */
export function dumpDatabase(pool: Pool): HttpHandler {
  return streamHandler(pool, {
    action: 'get_pool_xml_db_sync',
    label: 'Reading database as XML',
    hostFor: ({ db }) => masterOf(db),
    async work(transfer) {
      // Of one moment, however long the client takes.
      const parts = [...databaseXml(pool)]
      startDownload(transfer, { type: 'text/xml' })
      await sendBytes(transfer, encoded(parts))
      return ''
    },
  })
}

const partsAtOnce = 200

async function* encoded(parts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < parts.length; i += partsAtOnce) yield Buffer.from(parts.slice(i, i + partsAtOnce).join(''))
}

function* databaseXml({ db }: Pool): Generator<string> {
  const { major, minor } = databaseSchema()
  const manifest = { schema_major_vsn: major, schema_minor_vsn: minor, generation_count: db.generation }
  const pairs = Object.entries(manifest).map(([key, value]) => `<pair key="${key}" value="${value}"/>`)
  yield `<?xml version="1.0" encoding="UTF-8"?>\n<database><manifest>${pairs.join('')}</manifest>`
  for (const cls of db.model.classes.values()) {
    if (!cls.inDatabase || !cls.persist) continue
    yield `<table name="${cls.name}">`
    for (const { ref, created, modified, values } of db.table(cls.name).rows.values()) {
      const fields = cls.fields.map(
        ({ filterName, name, type }) => `${filterName}="${xmlText(protect(databaseText(type, values[name])))}"`,
      )
      const name = xmlText(ref)
      yield `<row ref="${name}" __ctime="${created}" __mtime="${modified}" _ref="${name}" ${fields.join(' ')}/>`
    }
    yield '</table>'
  }
  yield '</database>'
}
