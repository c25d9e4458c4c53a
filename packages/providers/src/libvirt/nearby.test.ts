import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { nearbyDaemons } from './nearby.ts'

test('daemons are found by their sockets, one for each driver', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'nixen-nearby-'))
  try {
    expect(await nearbyDaemons(folder)).toEqual([])
    for (const name of ['virtqemud-sock', 'libvirt-sock', 'virtxend-sock']) await writeFile(join(folder, name), '')
    expect(await nearbyDaemons(folder)).toEqual([
      { address: 'qemu:///system', socket: join(folder, 'libvirt-sock'), usable: true },
      { address: 'xen:///system', socket: join(folder, 'virtxend-sock'), usable: true },
    ])
  } finally {
    await rm(folder, { recursive: true })
  }
})
