import { expect, test } from 'vitest'
import { makeCertificate } from '../tls.ts'
import { startScriptedXapi } from './server.ts'

/** The part of npm `xen-api`, which has no types, that is used here. */
interface XenApi {
  connect(): Promise<void>
  disconnect(): Promise<void>
  readonly objectsFetched: Promise<void>
  readonly objects: { readonly all: Readonly<Record<string, { readonly $type: string; readonly name_label?: string }>> }
  call(method: string, ...params: readonly unknown[]): Promise<unknown>
  callAsync(method: string, ...params: readonly unknown[]): Promise<unknown>
  barrier(): Promise<unknown>
}

async function peer(url: string): Promise<XenApi> {
  const { createClient } = (await import('xen-api')) as unknown as { createClient: (options: object) => XenApi }
  const client = createClient({
    url,
    auth: { user: 'root', password: 'secret' },
    allowUnauthorized: true,
    debounce: 10,
  })
  await client.connect()
  await client.objectsFetched
  return client
}

test('the scripted server serves npm xen-api: objects, events and tasks', async () => {
  await using server = await startScriptedXapi({ certificate: await makeCertificate(), pool: { vms: 10 } })
  server.method('VM.clone', ([vm]) => vm)
  const client = await peer(server.url)
  try {
    const all = Object.values(client.objects.all)
    expect(all.filter(({ $type }) => $type === 'VM')).toHaveLength(10)
    expect(all).toHaveLength(server.db.tables.reduce((sum, table) => sum + server.db.count(table), 0))
    const [vm = ''] = server.db.refs('VM')
    await client.call('VM.set_name_label', vm, 'renamed')
    await client.barrier()
    expect(Object.values(client.objects.all).some(({ name_label }) => name_label === 'renamed')).toBe(true)
    expect(await client.callAsync('VM.clone', vm, 'copy')).toBe(vm)
  } finally {
    await client.disconnect()
  }
})
