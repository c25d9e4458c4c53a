// The package has no types.
import { createClient } from 'xen-api'
import { measure } from './measure.ts'

const [url = ''] = process.argv.slice(2)

await measure(async () => {
  const xapi = createClient({ url, auth: { user: 'root', password: 'secret' }, allowUnauthorized: true })
  await xapi.connect()
  await xapi.objectsFetched
  return { objects: Object.keys(xapi.objects.all).length, hold: xapi }
})
process.exit(0)
