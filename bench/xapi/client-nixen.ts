import { RecordCache, Xapi } from '@nixen/xapi'
import { measure } from './measure.ts'

const [url = '', fingerprint = ''] = process.argv.slice(2)
const stop = new AbortController()

await measure(async () => {
  const xapi = await Xapi.connect({ url, username: 'root', password: 'secret', tls: { kind: 'pin', fingerprint } })
  const cache = new RecordCache()
  for await (const event of xapi.events({ signal: stop.signal })) {
    cache.apply(event)
    if (event.kind === 'synced') break
  }
  return { objects: cache.size, hold: { xapi, cache } }
})
process.exit(0)
