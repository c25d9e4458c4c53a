import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { newUuid } from '@nixen/core'
import { expect, test } from 'vitest'
import { find, logIn, quickToolstack, type TestClient } from './client.ts'
import { put } from './transfers.ts'

const MiB = 1024 * 1024

test('disks, base copies and changes outlive a restart, and coalescing takes base copies away', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'nixen-restart-'))
  const options = { vms: 2, dataDir: directory, debugPort: 0 }
  const bases = async (client: TestClient): Promise<string[]> => {
    const records: Record<string, { name_label: string; managed: boolean; uuid: string }> =
      await client.call('VDI.get_all_records')
    return Object.values(records).flatMap((record) => (record.managed ? [] : [`${record.name_label} ${record.uuid}`]))
  }
  let [vdi, uuid, snapshot, sr] = ['', '', '', '']
  {
    await using toolstack = await quickToolstack(options)
    const client = await logIn(toolstack.url)
    const [ref] = await find(client, 'SR', ({ type }) => type === 'ext')
    sr = await client.call('SR.get_uuid', ref)
    const fields = {
      name_label: 'disk',
      name_description: '',
      type: 'user',
      sharable: false,
      read_only: false,
      other_config: {},
    }
    vdi = await client.call('VDI.create', { ...fields, SR: ref, virtual_size: 4 * MiB })
    await client.call('VDI.enable_cbt', vdi)
    await put(client, '/import_raw_vdi', Readable.from([Buffer.alloc(4 * MiB, 1)]), { length: 4 * MiB, query: { vdi } })
    uuid = await client.call('VDI.get_uuid', vdi)
    snapshot = await client.call('VDI.snapshot', vdi)
    await expect.poll(() => bases(client)).toHaveLength(1)
    const parent = (await client.call('VDI.get_sm_config', snapshot))['vhd-parent']
    expect(await bases(client)).toEqual([`base copy ${parent}`])
    expect(await client.call('VDI.get_sm_config', vdi)).toMatchObject({ 'vhd-parent': parent })
  }
  // Somebody puts a disk into the SR while nothing runs.
  const added = newUuid()
  const root = join(directory, 'pool-1', 'sr', sr)
  // Not the base: a hidden image on which nothing stands is no disk.
  await copyFile(join(root, `${uuid}.vhd`), join(root, `${added}.vhd`))
  {
    await using toolstack = await quickToolstack(options)
    const client = await logIn(toolstack.url)
    expect(await bases(client)).toHaveLength(1)
    const all = Buffer.from(await client.call('VDI.list_changed_blocks', snapshot, vdi), 'base64')
    expect(all.every((byte) => byte === 0)).toBe(true)
    const [ref] = await find(client, 'SR', ({ uuid }) => uuid === sr)
    await client.call('SR.scan', ref)
    expect(await client.call('VDI.get_by_uuid', added)).toMatch(/^OpaqueRef:/)
    await client.call('VDI.destroy', await client.call('VDI.get_by_uuid', added))
    await client.call('VDI.destroy', snapshot)
    await fetch(`${toolstack.pools[0]?.debugUrl}/srs/${sr}/settle`, { method: 'POST' })
    await expect.poll(() => bases(client)).toEqual([])
    expect(await client.call('VDI.get_sm_config', vdi)).toEqual({ 'image-format': 'vhd' })
    const response = await fetch(`${toolstack.url}/export_raw_vdi?vdi=${vdi}&session_id=${client.session}`)
    expect(Buffer.from(await response.arrayBuffer()).equals(Buffer.alloc(4 * MiB, 1))).toBe(true)
  }
  await rm(directory, { recursive: true })
})
