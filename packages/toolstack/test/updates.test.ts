import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Toolstack } from '../src/index.ts'
import { find, logIn, quickToolstack, type Loose, type TestClient } from './client.ts'

const run = promisify(execFile)
const uuid = '12acfd0a-0246-4fa7-ba00-2d0e474b3650'
let toolstack: Toolstack
let client: TestClient
let directory: string

beforeAll(async () => {
  toolstack = await quickToolstack({ hosts: 2, vms: 2 })
  client = await logIn(toolstack.url)
  directory = await mkdtemp(join(tmpdir(), 'nixen-updates-'))
})
afterAll(async () => {
  await toolstack[Symbol.asyncDispose]()
  await rm(directory, { recursive: true, force: true })
})

/** An ISO image with files, made by an independent tool; names with Rock Ridge and Joliet as those of updates have. */
async function iso(name: string, files: Record<string, string>): Promise<Buffer> {
  const content = join(directory, name)
  await mkdir(join(content, 'repodata'), { recursive: true })
  for (const [path, text] of Object.entries(files)) await writeFile(join(content, path), text)
  await run('genisoimage', ['-quiet', '-r', '-J', '-o', `${content}.iso`, content])
  return await readFile(`${content}.iso`)
}

function updateXml({ id = uuid, guidance = 'restartHost' }: { id?: string; guidance?: string } = {}): string {
  return `<update name-label="XS83E001" uuid="${id}" version="1.0" key="RPM-GPG-KEY" installation-size="4096" after-apply-guidance="${guidance}">
  <name-description>A fix &amp; more</name-description>
</update>`
}

/** A new disk with that content. */
async function diskWith(content: Uint8Array): Promise<string> {
  const [SR] = await find(client, 'SR', (sr) => sr.shared && sr.type === 'nfs')
  const url = `${toolstack.url}/import_raw_vdi?session_id=${client.session}&sr_id=${SR}`
  const task = await client.call('task.create', 'upload', '')
  // Clients may send the bytes of a buffer.
  const body = content as Uint8Array<ArrayBuffer>
  await (await fetch(`${url}&task_id=${task}`, { method: 'PUT', body })).text()
  await expect.poll(() => client.call('task.get_status', task)).toBe('success')
  return /<value>(.*)<\/value>/.exec(await client.call('task.get_result', task))?.[1] ?? ''
}

describe('an update', () => {
  test('is introduced from its disk, applied to each host once, and cleaned', async () => {
    const vdi = await diskWith(await iso('good', { 'update.xml': updateXml() }))
    const update = await client.call('pool_update.introduce', vdi)
    expect(await client.call('pool_update.get_record', update)).toMatchObject({
      uuid,
      name_label: 'XS83E001',
      name_description: 'A fix & more',
      version: '1.0',
      key: 'RPM-GPG-KEY',
      installation_size: 4096,
      after_apply_guidance: ['restartHost'],
      vdi,
      hosts: [],
    })
    expect(await client.call('pool_update.introduce', vdi)).toBe(update)
    const [patch, { uuid: patchUuid }] = await find(client, 'pool_patch')
    expect(patchUuid).toBe('12acfd0a-0000-0000-ba00-2d0e474b3650')
    const [host, other] = await client.call('host.get_all')
    expect(await client.call('pool_update.precheck', update, host)).toBe('ok')
    await client.call('pool_update.apply', update, host)
    expect(await client.call('host.get_updates', host)).toEqual([update])
    expect(await client.call('host.get_updates_requiring_reboot', host)).toEqual([update])
    expect(await client.refusal('pool_update.precheck', update, host)).toEqual(['UPDATE_ALREADY_APPLIED', update])
    expect(await client.refusal('pool_update.apply', update, host)).toEqual(['UPDATE_ALREADY_APPLIED', update])
    expect(await client.call('pool_patch.get_pool_applied', patch)).toBe(false)
    await client.call('pool_update.pool_apply', update)
    expect(await client.call('host.get_updates', other)).toEqual([update])
    expect(await client.call('pool_patch.get_record', patch)).toMatchObject({ pool_applied: true, pool_update: update })
    const [applied] = await client.call('host.get_patches', other)
    expect(await client.call('host_patch.get_record', applied)).toMatchObject({ applied: true, pool_patch: patch })
    expect(await client.refusal('pool_update.pool_apply', update)).toEqual(['UPDATE_ALREADY_APPLIED_IN_POOL', update])
    expect(await client.refusal('pool_update.destroy', update)).toEqual(['UPDATE_IS_APPLIED'])
    await client.call('pool_update.pool_clean', update)
    expect((await client.refusal('VDI.get_record', vdi))[0]).toBe('HANDLE_INVALID')
    // A restart is what it asked for.
    const { master } = (await find(client, 'pool'))[1]
    const member = master === host ? other : host
    for (const message of ['host.disable', 'host.evacuate', 'host.reboot']) await client.call(message, member)
    expect(await client.call('host.get_updates_requiring_reboot', member)).toEqual([])
  })

  test('is refused without what makes it one, in the words of a host', async () => {
    const refusal = async (content: Uint8Array): Promise<readonly string[]> =>
      await client.refusal('pool_update.introduce', await diskWith(content))
    expect(await refusal(new Uint8Array(1 << 20))).toEqual(['INVALID_UPDATE', 'Please upload a valid package.'])
    expect(await refusal(await iso('empty', { 'readme.txt': 'x' }))).toEqual([
      'INVALID_UPDATE',
      'missing update document (update.xml) in the package.',
    ])
    for (const [text, reason] of [
      ['no xml', 'missing update document (update.xml) in the package.'],
      ['<patch/>', 'missing <update> in update.xml'],
      ['<update/>', 'missing <uuid> in update.xml'],
      [updateXml().replace(/ version="1.0"/, ''), 'missing <version> in update.xml'],
      [updateXml().replace(/<name-description>.*<\/name-description>/, ''), 'missing <name-description> in update.xml'],
    ] as const) {
      expect(await refusal(await iso('bad', { 'update.xml': text }))).toEqual(['INVALID_UPDATE', reason])
    }
    // An image that was cut, or is damaged where it says where things are.
    const whole = await iso('whole', { 'update.xml': updateXml({ id: '22acfd0a-0246-4fa7-ba00-2d0e474b3650' }) })
    expect(await refusal(whole.subarray(0, 16 * 2048))).toEqual(['INVALID_UPDATE', 'Please upload a valid package.'])
    expect((await refusal(whole.subarray(0, 18 * 2048)))[1]).toMatch('missing update document')
    const damaged = Buffer.from(whole)
    damaged.fill(0xff, 16 * 2048 + 156 + 2, 16 * 2048 + 156 + 18)
    expect(await refusal(damaged)).toEqual(['INVALID_UPDATE', 'Please upload a valid package.'])
  })

  test('comes as a patch from clients that know no updates', async () => {
    const id = '32acfd0a-0246-4fa7-ba00-2d0e474b3650'
    const body = (await iso('patch', { 'update.xml': updateXml({ id, guidance: '' }) })) as Uint8Array<ArrayBuffer>
    const upload = async (content: Uint8Array<ArrayBuffer>): Promise<Loose> => {
      const task = await client.call('task.create', 'upload', '')
      const url = `${toolstack.url}/pool_patch_upload?session_id=${client.session}&task_id=${task}`
      await fetch(url, { method: 'PUT', body: content }).then((answer) => answer.text())
      await expect.poll(() => client.call('task.get_status', task)).not.toBe('pending')
      return await client.call('task.get_record', task)
    }
    const { result } = await upload(body)
    const patch = /<value>(.*)<\/value>/.exec(result)?.[1]
    expect(await client.call('pool_patch.get_uuid', patch)).toBe('32acfd0a-0000-0000-ba00-2d0e474b3650')
    const [host] = await client.call('host.get_all')
    expect(await client.call('pool_patch.precheck', patch, host)).toBe('')
    const waiting = await client.call('host.get_updates_requiring_reboot', host)
    expect(await client.call('pool_patch.apply', patch, host)).toBe('')
    await client.call('pool_patch.pool_apply', patch)
    expect(await client.call('host.get_updates_requiring_reboot', host)).toEqual(waiting)
    const before = Object.keys(await client.call('VDI.get_all_records')).length
    expect((await upload(new Uint8Array(4096))).error_info[0]).toBe('INVALID_UPDATE')
    expect(Object.keys(await client.call('VDI.get_all_records')).length).toBe(before)
  })
})
