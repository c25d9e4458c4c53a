import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { openNbd, type NbdDisk } from '@nixen/disk'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Toolstack } from '../src/index.ts'
import { find, logIn, quickToolstack, type Loose, type TestClient } from './client.ts'

const run = promisify(execFile)
const MiB = 1024 * 1024

let directory: string
let toolstack: Toolstack
let client: TestClient
let network: string
let vdi: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'nixen-nbd-'))
  toolstack = await quickToolstack({ vms: 1, tls: true })
  process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0'
  client = await logIn(toolstack.url)
  const [, pif] = await find(client, 'PIF', ({ IP }) => IP !== '')
  network = pif.network
  const [SR] = await find(client, 'SR', ({ type }) => type === 'ext')
  const fields = {
    name_label: 'disk',
    name_description: '',
    type: 'user',
    sharable: false,
    read_only: false,
    other_config: {},
  }
  vdi = await client.call('VDI.create', { ...fields, SR, virtual_size: 8 * MiB })
  const body = Buffer.alloc(8 * MiB)
  body.fill(7, MiB, 2 * MiB)
  const upload = `${toolstack.url}/import_raw_vdi?vdi=${vdi}&session_id=${client.session}`
  await (await fetch(upload, { method: 'PUT', body })).text()
})
afterAll(async () => {
  await toolstack[Symbol.asyncDispose]()
  await rm(directory, { recursive: true })
})

async function connect(exportName: string): Promise<NbdDisk> {
  const { address, port, cert } = await info()
  return await openNbd({ host: address, port, exportName, tls: { pin: cert } })
}

const info = async (): Promise<Loose> => (await client.call('VDI.get_nbd_info', vdi))[0]

describe('NBD of a host', () => {
  test('is offered on networks with the purpose only', async () => {
    expect(await client.call('VDI.get_nbd_info', vdi)).toEqual([])
    await client.call('network.add_purpose', network, 'nbd')
    const uuid = await client.call('VDI.get_uuid', vdi)
    expect(await info()).toMatchObject({ exportname: `/${uuid}?session_id=${client.session}`, address: '127.0.1.1' })
    expect((await info()).cert).toContain('BEGIN CERTIFICATE')
  })

  test('gives the disk to nbdinfo and nbdcopy over TLS, and to nobody without', async () => {
    const { exportname, address, port, cert, subject } = await info()
    await writeFile(join(directory, 'ca-cert.pem'), cert)
    const uri = (scheme: string): string =>
      `${scheme}://${subject}@${address}:${port}/${encodeURIComponent(exportname)}?tls-certificates=${directory}&tls-verify-peer=false`
    const { stdout } = await run('nbdinfo', ['--json', uri('nbds')])
    const [found] = JSON.parse(stdout).exports
    expect(found).toMatchObject({ 'export-size': 8 * MiB, is_read_only: true })
    await run('nbdcopy', [uri('nbds'), join(directory, 'copy.img')])
    const { stdout: sum } = await run('cmp', [
      '-n',
      String(MiB),
      '-i',
      `${MiB}:0`,
      join(directory, 'copy.img'),
      '/dev/zero',
    ]).catch((error: Loose) => error)
    expect(sum).toContain('differ')
    await expect(run('nbdinfo', [uri('nbd')])).rejects.toThrow('not supported')
  })

  test('shows the disk as attached while it is read', async () => {
    const nbd = await connect((await info()).exportname)
    const block = new Uint8Array(MiB)
    await nbd.read(MiB, block)
    expect(block.every((byte) => byte === 7)).toBe(true)
    expect(await client.refusal('VDI.destroy', vdi)).toEqual(['VDI_IN_USE', vdi, 'destroy'])
    await nbd[Symbol.asyncDispose]()
    await expect.poll(async () => (await client.call('VDI.get_VBDs', vdi)).length).toBe(0)
  })

  test('refuses those who are not logged in, and unknown disks', async () => {
    const { exportname } = await info()
    for (const name of [exportname.replace(client.session, 'OpaqueRef:no'), `/none?session_id=${client.session}`]) {
      await expect(connect(name)).rejects.toMatchObject({ code: /^nbd\./ })
    }
  })
})
